"""Where the volumes of a pool are mounted, and which devices the block volumes are."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from volrewind.errors import NotSupported, UsageError
from volrewind.model.capability import Capability
from volrewind.model.volume import Volume
from volrewind.plan.directories import check_mountable
from volrewind.pools.contents import PoolContents


class PoolMounts(PoolContents):
    """What shows a volume to its users, and hides it again."""

    def check_mount_options(self, options: tuple[str, ...]) -> None:
        """Refuse options that a mount of a volume may not have."""
        if unknown := sorted(set(options) - self.backend.mount_options):
            raise UsageError(
                f"mount option {unknown[0]!r} is not for volumes of pool {self.name!r}",
                hint=f"use: {', '.join(sorted(self.backend.mount_options))}",
            )

    def mount(
        self,
        volume: Volume,
        target: Path,
        *,
        read_only: bool = False,
        remember: bool = True,
        options: tuple[str, ...] = (),
    ) -> Volume:
        """Mount a volume at an empty directory; `remember` brings it back whenever the pool is mounted.

        Raises:
            Refused: it is the mirror of a directory, or the directory itself; or something is there already.
        """
        self._must_carry_volumes()
        self.check_mount_options(options)
        with self._steps.changing():
            volume = self._current(volume)
            check_mountable(volume)
            if target.resolve() not in self.backend.mounted_targets(volume):  # a dead process may have come that far
                self.backend.mount(volume, target, read_only=read_only, options=options)
            if remember and str(target) not in volume.targets:
                volume = replace(volume, targets=(*volume.targets, str(target)))
                self._records.write(volume)
        return volume

    def unmount(self, volume: Volume, target: Path, *, forget: bool = True) -> Volume:
        """Make a volume be not mounted at `target`; with `forget`, also after the next start."""
        self._must_carry_volumes()
        with self._steps.changing():
            volume = self._current(volume)
            self.backend.unmount(volume, target)
            if forget and str(target) in volume.targets:
                volume = replace(volume, targets=tuple(one for one in volume.targets if one != str(target)))
                self._records.write(volume)
        return volume

    def attach(self, volume: Volume) -> Path:
        """Return the device that a block volume is, which stays until `detach`; asking again is fine."""
        with self._steps.changing():
            return self.backend.attach(self._current(volume))

    def detach(self, volume: Volume) -> None:
        """Let a block volume's device go, which nobody may use any more."""
        with self._steps.changing():
            volume = self._current(volume)
            for device in self.backend.mounted_targets(volume):
                self.backend.unmount(volume, device)

    def _must_carry_volumes(self) -> None:
        if Capability.VOLUMES not in self.capabilities:
            raise NotSupported(f"volumes of pool {self.name!r} cannot be mounted: it only keeps copies of directories")
