"""Node: volumes while Pods use them, how full they are and how they grow."""

from __future__ import annotations

from pathlib import Path

from volrewind.driver.generated import csi_pb2 as csi
from volrewind.driver.locks import Locks
from volrewind.driver.names import checked
from volrewind.driver.places import is_at
from volrewind.driver.served import Served
from volrewind.driver.wanted import size_of
from volrewind.errors import BadSize, NotFound, UsageError
from volrewind.model.quantity import format_size
from volrewind.model.volume import Volume
from volrewind.pools.pool import Pool


class Use:
    """The calls of the Node service about volumes in use."""

    def __init__(self, served: Served, locks: Locks) -> None:
        self._served = served
        self._locks = locks

    def NodeGetVolumeStats(self, request: csi.NodeGetVolumeStatsRequest) -> csi.NodeGetVolumeStatsResponse:
        pool, volume, place = self._placed(checked(request.volume_id, "volume_id"), request.volume_path)
        usage = pool.backend.usage(volume, place)
        in_bytes = csi.VolumeUsage(
            total=usage.total_bytes, used=usage.used_bytes, available=usage.available_bytes, unit=csi.VolumeUsage.BYTES
        )
        in_inodes = csi.VolumeUsage(
            total=usage.total_inodes,
            used=usage.used_inodes,
            available=usage.total_inodes - usage.used_inodes,
            unit=csi.VolumeUsage.INODES,
        )
        return csi.NodeGetVolumeStatsResponse(usage=[in_bytes, in_inodes] if usage.total_inodes else [in_bytes])

    def NodeExpandVolume(self, request: csi.NodeExpandVolumeRequest) -> csi.NodeExpandVolumeResponse:
        volume_id = checked(request.volume_id, "volume_id")
        wanted = size_of(request.capacity_range)
        with self._locks.held(f"use of {volume_id}", shared=[volume_id]):
            pool, volume, _ = self._placed(volume_id, request.volume_path)
            size = volume.size_bytes or 0
            if wanted.required_bytes > size:
                size = pool.resize_volume(volume, wanted.required_bytes).size_bytes or 0
            if wanted.limit_bytes and size > wanted.limit_bytes:
                raise BadSize(f"volume {volume.name!r} has {format_size(size)} and cannot shrink")
        return csi.NodeExpandVolumeResponse(capacity_bytes=size)

    def _placed(self, volume_id: str, path: str) -> tuple[Pool, Volume, Path]:
        """Return a volume and where it is used."""
        if not path:
            raise UsageError("volume_path is missing")
        pool, volume = self._served.volume(volume_id)
        if not path.startswith("/") or "\0" in path or not is_at(pool, volume, Path(path)):
            raise NotFound(f"volume {volume.name!r} is not at {path[:200]!r}")
        return pool, volume, Path(path)
