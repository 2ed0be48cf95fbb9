"""The journal of a claim's rollback, and the mark that its volumes carry meanwhile."""

# Annotations are not postponed here: msgspec needs them when the classes are made.
from datetime import datetime
from enum import Enum
from typing import Any

import msgspec

from volrewind.model.workload import Workload

VERSION = 1  # of the journal; one of a later version is left alone


class Step(Enum):
    """What is being done: written down before it is begun, in the order of the work.

    The last two stand outside of it: `undo` of what was only prepared, and `undo --forget`.
    """

    SAVING = "saving"  # the safety snapshot
    KEEPING = "keeping"  # the volumes: nobody can delete them from now on
    RESTORING = "restoring"  # the snapshot, to a claim beside this one
    BINDING = "binding"  # the restored volume to the name of this claim
    STOPPING = "stopping"  # who uses the claim
    SWAPPING = "swapping"  # the claim is deleted, and made again on the other volume
    FREEING = "freeing"  # the volume that it has now: its reclaim policy is what it was
    STARTING = "starting"  # who was stopped
    DONE = "done"
    ABANDONING = "abandoning"
    FORGETTING = "forgetting"

    def is_before(self, other: "Step") -> bool:
        """Tell whether this one comes first."""
        order = list(Step)
        return order.index(self) < order.index(other)


class Journal(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What was begun with a claim, and how far it came. Whoever may write ConfigMaps may have written this.

    `claim_uid` is the claim's at the beginning. `before` and `after` name the volumes it has before and afterwards; `after` is
    "" until there is one. `kept` are the volumes of earlier rollbacks. `temporary` is the claim that the snapshot is restored
    to, `safety` the snapshot taken first. `together` are all claims that were begun with. `turns` is how often it was turned
    round by an undo. `runner` is who works on it, anew each time somebody takes it up. From STOPPING on, `manifest` is what
    the claim is made from again, and `workloads` are those that use it.
    """

    version: int
    claim: str
    claim_uid: str
    snapshot: str
    snapshot_uid: str
    safety: str
    temporary: str
    before: str
    after: str = ""
    kept: tuple[str, ...] = ()
    together: tuple[str, ...]
    step: Step
    runner: str
    turns: int = 0
    begun: datetime
    stopped: datetime | None = None
    manifest: dict[str, Any] | None = None  # Any: a manifest is a document
    workloads: tuple[Workload, ...] = ()

    @property
    def is_done(self) -> bool:
        return self.step is Step.DONE

    @property
    def is_undo(self) -> bool:
        """Tell whether it was an undo that began this; that an undo is undone is an undo too."""
        return self.turns > 0

    @property
    def volumes(self) -> tuple[str, ...]:
        """Return the volumes of this rollback that there are; those of earlier ones are not among them."""
        return (self.before, self.after) if self.after else (self.before,)

    @property
    def digest(self) -> str:
        """Return what tells whether the manifest and the workloads are those that were noted; "" before they are."""
        if self.manifest is None:
            return ""
        import hashlib

        noted = msgspec.json.encode([self.manifest, self.workloads], order="deterministic")
        return hashlib.sha256(noted).hexdigest()


class Mark(msgspec.Struct, frozen=True, rename="camel"):
    """What a volume says of whose it is; only who may change volumes can write that, so it is what a journal is judged by.

    `journal` is the uid of its ConfigMap, `policy` the reclaim policy that the claim's volume had before all this. Of the
    journal that was written last it has `runner` and `digest`.
    """

    journal: str
    namespace: str
    claim: str
    policy: str
    runner: str
    digest: str = ""
