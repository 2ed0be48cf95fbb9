"""Node: volumes staged once on this node and shown to Pods."""

from __future__ import annotations

from pathlib import Path

from volrewind.driver.access import Access, access_of
from volrewind.driver.answers import topology
from volrewind.driver.generated import csi_pb2 as csi
from volrewind.driver.locks import Locks
from volrewind.driver.names import checked
from volrewind.driver.places import be_hidden, checked_place, device_places, is_at, others, show_device, show_directory
from volrewind.driver.served import Served, ServedVolume
from volrewind.errors import Damaged, InUse, NotFound, Refused, UsageError
from volrewind.model.volume import Volume
from volrewind.pools.pool import Pool
from volrewind.system import mounts

_Rpc = csi.NodeServiceCapability.RPC
CAPABILITIES = (
    _Rpc.STAGE_UNSTAGE_VOLUME,
    _Rpc.EXPAND_VOLUME,
    _Rpc.GET_VOLUME_STATS,
    _Rpc.SINGLE_NODE_MULTI_WRITER,
    _Rpc.VOLUME_MOUNT_GROUP,
)


class Node:
    """The Node service. With `below`, paths of requests must lie in that directory (the kubelet's)."""

    def __init__(self, served: Served, locks: Locks, node: str, below: Path | None = None) -> None:
        self._served = served
        self._locks = locks
        self._node = node
        self._below = below

    def NodeGetCapabilities(self, request: csi.NodeGetCapabilitiesRequest) -> csi.NodeGetCapabilitiesResponse:
        return csi.NodeGetCapabilitiesResponse(
            capabilities=[csi.NodeServiceCapability(rpc=_Rpc(type=one)) for one in CAPABILITIES]
        )

    def NodeGetInfo(self, request: csi.NodeGetInfoRequest) -> csi.NodeGetInfoResponse:
        return csi.NodeGetInfoResponse(node_id=self._node, accessible_topology=topology(self._node))

    def NodeStageVolume(self, request: csi.NodeStageVolumeRequest) -> csi.NodeStageVolumeResponse:
        volume_id = checked(request.volume_id, "volume_id")
        staging = checked_place(request.staging_target_path, "staging_target_path", self._below)
        access = access_of(request.volume_capability)
        with self._locks.held(f"use of {volume_id}", shared=[volume_id]):
            pool, volume = self._usable(volume_id, access)
            if volume.block:
                pool.attach(volume)
            else:
                pool.mount(volume, staging, remember=False, options=access.options)
                _give_to_group(pool, volume, access)
        return csi.NodeStageVolumeResponse()

    def NodeUnstageVolume(self, request: csi.NodeUnstageVolumeRequest) -> csi.NodeUnstageVolumeResponse:
        volume_id = checked(request.volume_id, "volume_id")
        staging = checked_place(request.staging_target_path, "staging_target_path", self._below)
        with self._locks.held(f"use of {volume_id}", shared=[volume_id]):
            self._unstage(volume_id, staging)
        return csi.NodeUnstageVolumeResponse()

    def _unstage(self, volume_id: str, staging: Path) -> None:
        """Make a volume be not staged; of one that is gone with its pool nothing is, and the kubelet must get on."""
        try:
            pool, volume = self._served.volume(volume_id)
        except NotFound:
            if mounts.mounted_at(staging):
                raise
        except Damaged:
            mounts.be_unmounted(staging)
        else:
            if volume.block:
                _let_go(pool, volume)
            else:
                pool.unmount(volume, staging, forget=False)

    def NodePublishVolume(self, request: csi.NodePublishVolumeRequest) -> csi.NodePublishVolumeResponse:
        volume_id = checked(request.volume_id, "volume_id")
        target = checked_place(request.target_path, "target_path", self._below)
        access = access_of(request.volume_capability)
        if not request.staging_target_path:
            raise Refused(f"volume {volume_id!r} must be staged first, and staging_target_path is missing")
        staging = checked_place(request.staging_target_path, "staging_target_path", self._below)
        read_only = request.readonly or access.is_read_only
        with self._locks.held(f"use of {volume_id}", shared=[volume_id]):
            pool, volume = self._usable(volume_id, access)
            if volume.block:
                device = pool.attach(volume)
                _check_alone(access, volume, device_places(device, target))
                show_device(device, target, read_only=read_only)
            else:
                staged = _staged(pool, volume, staging)
                _check_alone(access, volume, others(staged, staging, target))
                _give_to_group(pool, volume, access)
                show_directory(staging, target, read_only=read_only, options=access.options)
        return csi.NodePublishVolumeResponse()

    def NodeUnpublishVolume(self, request: csi.NodeUnpublishVolumeRequest) -> csi.NodeUnpublishVolumeResponse:
        volume_id = checked(request.volume_id, "volume_id")
        target = checked_place(request.target_path, "target_path", self._below)
        with self._locks.held(f"use of {volume_id}", shared=[volume_id]):
            if mounts.mounted_at(target):
                self._check_shown(volume_id, target)
            be_hidden(target)
        return csi.NodeUnpublishVolumeResponse()

    def _check_shown(self, volume_id: str, target: Path) -> None:
        """Refuse to unmount what is not this volume; whether its record can be read is of no matter."""
        try:
            pool, volume = self._served.volume(volume_id)
        except Damaged:
            return
        if not is_at(pool, volume, target):
            raise Refused(f"what is mounted at {str(target)!r} is not volume {volume.name!r}")

    def _usable(self, volume_id: str, access: Access) -> ServedVolume:
        found = self._served.volume(volume_id)
        if access.block is not found.volume.block:
            raise UsageError(f"volume {found.volume.name!r} is {'a' if found.volume.block else 'no'} block device")
        if access.filesystem not in ("", found.volume.filesystem):
            raise UsageError(f"volume {found.volume.name!r} holds {found.volume.filesystem}, not {access.filesystem!r}")
        return found


def _give_to_group(pool: Pool, volume: Volume, access: Access) -> None:
    if access.group_id is not None:
        pool.give_to_group(volume, access.group_id)


def _staged(pool: Pool, volume: Volume, staging: Path) -> mounts.Mount:
    staged = mounts.mounted_at(staging)
    if staged is None or staged.target not in pool.backend.mounted_targets(volume):
        raise Refused(f"volume {volume.name!r} is not staged at {str(staging)!r}")
    return staged


def _check_alone(access: Access, volume: Volume, elsewhere: tuple[Path, ...]) -> None:
    if access.is_single_writer and elsewhere:
        raise InUse(f"volume {volume.name!r} may have a single writer, and is at {str(elsewhere[0])!r}")


def _let_go(pool: Pool, volume: Volume) -> None:
    """Let a device go; while it is shown somewhere its number must not become another volume's."""
    for device in pool.backend.mounted_targets(volume):
        if seen := device_places(device):
            raise InUse(f"volume {volume.name!r} is still at {str(seen[0])!r}")
    pool.detach(volume)
