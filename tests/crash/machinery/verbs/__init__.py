"""Every verb that changes something."""

from __future__ import annotations

from machinery.verbs.directory_rollbacks import RollbackDirectory, RollbackDirectoryThenUndo, UndoDirectory
from machinery.verbs.mirrors import Mirror, Protect
from machinery.verbs.pools import CreatePool, DestroyPool, GrowPool, MountPool, ShrinkPool, UnmountPool
from machinery.verbs.restores import Clone, RestoreDirectory, RestoreVolume
from machinery.verbs.rollbacks import Rollback, RollbackThenUndo, Undo
from machinery.verbs.snapshots import Cleanup, Cut, DeleteSnapshot, Hold
from machinery.verbs.verb import Verb
from machinery.verbs.volumes import CreateVolume, DeleteVolume, MountVolume, ResizeVolume, Swap, UnmountVolume

VERBS: tuple[type[Verb], ...] = (
    CreateVolume, ResizeVolume, MountVolume, UnmountVolume, DeleteVolume, Cut, Clone, Swap, DeleteSnapshot, Hold,
    CreatePool, DestroyPool, MountPool, UnmountPool, GrowPool, ShrinkPool, Protect, Mirror, Rollback, RollbackThenUndo,
    Undo, RollbackDirectory, RollbackDirectoryThenUndo, UndoDirectory, Cleanup, RestoreDirectory, RestoreVolume,
)  # fmt: skip
