"""What CreateVolume is asked for, parsed and checked, and whether a volume is that already."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from volrewind.driver.access import Access, access_of_all
from volrewind.driver.generated import csi_pb2 as csi
from volrewind.driver.names import checked
from volrewind.driver.served import ServedVolume
from volrewind.errors import BadSize, UsageError
from volrewind.model.labels import (
    CLAIM,
    CSI_NAME,
    GROUP_SNAPSHOT,
    GROUP_SNAPSHOT_CONTENT,
    NAMESPACE,
    PERSISTENT_VOLUME,
    SNAPSHOT,
    SNAPSHOT_CONTENT,
)
from volrewind.model.quantity import format_size

DEFAULT_BYTES = 2**30
# Of a StorageClass, beside those that csi-provisioner adds with --extra-create-metadata.
_POOL, _FILESYSTEM, _FOREIGN = "pool", "csi.storage.k8s.io/fstype", "csi.storage.k8s.io/"
_VOLUME_LABELS = {
    f"{_FOREIGN}pvc/namespace": NAMESPACE,
    f"{_FOREIGN}pvc/name": CLAIM,
    f"{_FOREIGN}pv/name": PERSISTENT_VOLUME,
}
_SNAPSHOT_LABELS = {
    f"{_FOREIGN}volumesnapshot/namespace": NAMESPACE,
    f"{_FOREIGN}volumesnapshot/name": SNAPSHOT,
    f"{_FOREIGN}volumesnapshotcontent/name": SNAPSHOT_CONTENT,
}
_GROUP_LABELS = {
    f"{_FOREIGN}volumegroupsnapshot/namespace": NAMESPACE,
    f"{_FOREIGN}volumegroupsnapshot/name": GROUP_SNAPSHOT,
    f"{_FOREIGN}volumegroupsnapshotcontent/name": GROUP_SNAPSHOT_CONTENT,
}
_TOGETHER = "together"


@dataclass(frozen=True)
class Size:
    """What a size must be, in bytes; 0 means that side is open."""

    required_bytes: int = 0
    limit_bytes: int = 0

    def admits(self, size_bytes: int) -> bool:
        """Tell whether a size is within."""
        return self.required_bytes <= size_bytes and (not self.limit_bytes or size_bytes <= self.limit_bytes)

    def chosen(self, smallest_bytes: int, default_bytes: int) -> int:
        """Return the size to make: as required, else the default or what the limit leaves, but never below the smallest.

        Raises:
            BadSize: the limit is below the smallest.
        """
        wanted = self.required_bytes or min(default_bytes, self.limit_bytes or default_bytes)
        size = max(wanted, smallest_bytes)
        if not self.admits(size):
            raise BadSize(f"at least {format_size(smallest_bytes)} are needed, not {format_size(self.limit_bytes)}")
        return size


@dataclass(frozen=True)
class Wanted:
    """A volume as asked for. `pool` and `filesystem` are "" where the caller does not mind, `source` for an empty volume."""

    name: str
    size: Size
    access: Access
    pool: str
    filesystem: str
    source: str
    labels: dict[str, str]

    def is_met_by(self, found: ServedVolume) -> bool:
        """Tell whether a volume is what an earlier call with this request made."""
        pool, volume = found
        return (
            volume.labels.get(CSI_NAME) == self.name
            and self.pool in ("", pool.name)
            and self.size.admits(volume.size_bytes or 0)
            and self.access.block == volume.block
            and self.filesystem in ("", volume.filesystem)
            and self.source == volume.origin.clone_of
        )


def wanted_volume(request: csi.CreateVolumeRequest) -> Wanted:
    """Return what a request asks for.

    Raises:
        UsageError: it asks for nothing we could ever make.
    """
    name = checked(request.name, "name")
    access = access_of_all(request.volume_capabilities)
    own, labels = _parameters(request.parameters, {_POOL, _FILESYSTEM}, _VOLUME_LABELS)
    if request.mutable_parameters:
        raise UsageError(f"parameter {min(request.mutable_parameters)!r} cannot be changed later")
    filesystem = access.filesystem or ("" if access.block else own.get(_FILESYSTEM, ""))
    return Wanted(
        name=name,
        size=size_of(request.capacity_range),
        access=access,
        pool=own.get(_POOL, ""),
        filesystem=filesystem,
        source=_source_of(request),
        labels={CSI_NAME: name, **labels},
    )


def size_of(range_: csi.CapacityRange) -> Size:
    """Return what a capacity range says."""
    size = Size(range_.required_bytes, range_.limit_bytes)
    if size.required_bytes < 0 or size.limit_bytes < 0:
        raise UsageError("a size cannot be negative")
    if size.limit_bytes and size.required_bytes > size.limit_bytes:
        raise UsageError(f"a size cannot be at least {size.required_bytes} and at most {size.limit_bytes} bytes")
    return size


def snapshot_labels(name: str, parameters: Mapping[str, str]) -> dict[str, str]:
    """Return the labels of a snapshot from the parameters of its class.

    Raises:
        UsageError: there is a parameter we do not know.
    """
    _, labels = _parameters(parameters, set(), _SNAPSHOT_LABELS)
    return {CSI_NAME: name, **labels}


def group_parameters(parameters: Mapping[str, str]) -> tuple[bool, dict[str, str]]:
    """Return whether the members of a group must be of one moment, and the labels of each."""
    own, labels = _parameters(parameters, {_TOGETHER}, _GROUP_LABELS)
    if (wish := own.get(_TOGETHER, "preferred")) not in ("preferred", "required"):
        raise UsageError(f"parameter together={wish[:40]!r} is not known", hint="it is preferred or required")
    return wish == "required", labels


def _parameters(
    given: Mapping[str, str], known: set[str], labelled: Mapping[str, str]
) -> tuple[dict[str, str], dict[str, str]]:
    """Return our own parameters, and those that become labels; others of Kubernetes' are left out."""
    own = {key: value for key, value in given.items() if key in known}
    strange = [key for key in given if key not in known and not key.startswith(_FOREIGN)]
    if strange:
        raise UsageError(
            f"parameter {min(strange)[:80]!r} is not known", hint=f"known are: {', '.join(sorted(known)) or 'none'}"
        )
    return own, {label: given[key] for key, label in labelled.items() if key in given}


def _source_of(request: csi.CreateVolumeRequest) -> str:
    if not request.HasField("volume_content_source"):
        return ""
    match request.volume_content_source.WhichOneof("type"):
        case "snapshot":
            return checked(request.volume_content_source.snapshot.snapshot_id, "snapshot_id")
        case "volume":
            return checked(request.volume_content_source.volume.volume_id, "volume_id")
        case _:
            raise UsageError("volume_content_source says neither snapshot nor volume")
