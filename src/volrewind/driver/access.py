"""How a volume is to be used: what a VolumeCapability says, and whether we can."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from volrewind.driver.generated import csi_pb2 as csi
from volrewind.errors import UsageError

_Mode = csi.VolumeCapability.AccessMode
MODES = {
    _Mode.SINGLE_NODE_WRITER,
    _Mode.SINGLE_NODE_READER_ONLY,
    _Mode.SINGLE_NODE_SINGLE_WRITER,
    _Mode.SINGLE_NODE_MULTI_WRITER,
}
_CLAIMS_WORDS: dict[int, str] = {
    _Mode.MULTI_NODE_READER_ONLY: "ReadOnlyMany",
    _Mode.MULTI_NODE_MULTI_WRITER: "ReadWriteMany",
}
_GROUP = re.compile(r"\d{1,10}", re.ASCII)
_LAST_GROUP = 2**32 - 2  # chown(2): the highest number means "leave it"


@dataclass(frozen=True)
class Access:
    """A use of a volume. `filesystem` is "" for raw blocks and where the caller does not mind; `group_id` None likewise."""

    block: bool = False
    filesystem: str = ""
    options: tuple[str, ...] = ()
    group_id: int | None = None
    is_single_writer: bool = False
    is_read_only: bool = False


def access_of(capability: csi.VolumeCapability) -> Access:
    """Return what a capability asks for.

    Raises:
        UsageError: it is not whole, or none of ours.
    """
    kind, mode = capability.WhichOneof("access_type"), capability.access_mode.mode
    if kind is None:
        raise UsageError("a volume capability says neither block nor mount")
    if mode not in MODES:
        raise UsageError(
            f"access mode {_name_of(mode)} is not possible: a volume lives on one node",
            hint="ReadWriteOnce serves all Pods of that node",
        )
    single, reading = mode == _Mode.SINGLE_NODE_SINGLE_WRITER, mode == _Mode.SINGLE_NODE_READER_ONLY
    if kind == "block":
        return Access(block=True, is_single_writer=single, is_read_only=reading)
    flags = tuple(capability.mount.mount_flags)
    return Access(
        filesystem=capability.mount.fs_type,
        options=tuple(flag for flag in flags if flag not in ("ro", "rw")),
        group_id=_group_of(capability.mount.volume_mount_group),
        is_single_writer=single,
        is_read_only=reading or "ro" in flags,
    )


def access_of_all(capabilities: Iterable[csi.VolumeCapability]) -> Access:
    """Return what one volume must serve for all of them; who reads or writes it is of no matter then."""
    each = [access_of(one) for one in capabilities]
    if not each:
        raise UsageError("volume_capabilities is missing")
    if len({one.block for one in each}) > 1:
        raise UsageError("a volume is either a block device or mounted, not both")
    filesystems = {one.filesystem for one in each} - {""}
    if len(filesystems) > 1:
        raise UsageError(f"a volume cannot hold both {' and '.join(sorted(filesystems))}")
    options = dict.fromkeys(option for one in each for option in one.options)
    return Access(each[0].block, "".join(filesystems), tuple(options))


def _group_of(text: str) -> int | None:
    if not text:
        return None
    if not _GROUP.fullmatch(text) or int(text) > _LAST_GROUP:
        raise UsageError(f"volume_mount_group {text[:20]!r} is not the number of a group")
    return int(text)


def _name_of(mode: int) -> str:
    """Return what a claim calls a mode, or else the protocol."""
    name = _Mode.Mode.Name(mode) if mode in _Mode.Mode.values() else str(mode)
    return _CLAIMS_WORDS.get(mode, name)
