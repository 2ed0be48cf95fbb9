"""One claim's way to its other volume: looked at anew before each move, and noted before each step."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import msgspec
from msgspec.structs import replace

from volrewind.cluster import journals, kinds, snapshots, volumes
from volrewind.cluster.client import Connection
from volrewind.cluster.journals import Stored
from volrewind.cluster.values import claim_of
from volrewind.errors import Busy, NotFound
from volrewind.model.claim import Claim
from volrewind.model.claim_rollback import Journal, Step
from volrewind.model.labels import OPERATION
from volrewind.plan.claim_rollback import Kept, Seen, next_move
from volrewind.plan.claim_rollback_trust import check_owned

Told = Callable[[str], None]
_ORDER = list(Step)


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """How it is done. Each single wait takes `deadline_seconds` at most; `image` is for a Pod that has a volume made.

    `paused` is the user's word that nobody starts again what we stop; with `remove_finished` Pods that have ended are deleted,
    which would hold the claim for ever. `told` hears what is being done.
    """

    deadline_seconds: float
    image: str
    paused: bool = False
    remove_finished: bool = False
    told: Told = lambda _: None


class Work:
    """The journal of a claim as we last wrote it, and what the cluster says."""

    def __init__(self, cluster: Connection, stored: Stored, terms: Terms) -> None:
        self.cluster, self.terms = cluster, terms
        self.stored = stored
        self._tried: Journal | None = None

    @property
    def journal(self) -> Journal:
        return self.stored.journal

    @property
    def step(self) -> Step:
        return self.journal.step

    def write(self, **changes: object) -> None:
        """Note what comes next.

        Raises:
            Busy: somebody else has taken the work up.
        """
        self._tried = replace(self.journal, **changes)
        self.stored = journals.write(self.cluster, self.stored, self._tried)

    def advance(self) -> None:
        """Note that the next step is begun."""
        self.write(step=_ORDER[_ORDER.index(self.step) + 1])

    def leave(self, step: Step) -> None:
        """Note that the step after this one is begun, unless that was noted and only the answer was lost."""
        self.look()
        if self.step is step:
            self.advance()

    def note_stop(self, now: datetime) -> None:
        """Note since when nobody may use the claim."""
        self.look()
        if self.journal.stopped is None:
            self.write(stopped=now)

    def look(self) -> Seen:
        """Return what there is, once it is certain that nobody else has taken the work up since the claim was read.

        Raises:
            Busy: somebody has.
            Refused: what the journal names is not this claim's.
        """
        claim = _claim(self.cluster, self.journal.claim)
        self._check_ours()
        return self._seen(claim)

    def check(self) -> None:
        """Return if this journal, which is not written yet, can be gone on with.

        Raises:
            Refused: the claim, or a volume, is not as it was left.
        """
        next_move(self.journal, self._seen(_claim(self.cluster, self.journal.claim)))

    def _seen(self, claim: Claim | None) -> Seen:
        seen = Seen(
            journal=self.stored.uid,
            claim=claim,
            before=self._kept(self.journal.before),
            after=self._kept(self.journal.after),
            temporary=self._temporary(),
            is_saved=self.step is Step.SAVING and self._is_saved(),
        )
        check_owned(self.journal, seen, self.stored.namespace)
        return seen

    def _check_ours(self) -> None:
        found = journals.read(self.cluster, self.journal.claim)
        if found is None or found.uid != self.stored.uid:
            raise NotFound(
                f"the journal of claim {self.journal.claim!r} is gone",
                hint=f"its volumes are {', '.join(self.journal.volumes)}, and stay",
            )
        if (
            found.version != self.stored.version and found.journal != self._tried
        ):  # the answer to what we wrote was lost
            raise journals.taken_up(self.journal.claim)
        self.stored = found

    def _kept(self, name: str) -> Kept | None:
        found = volumes.volume(self.cluster, name) if name else None
        return None if found is None else Kept(found, volumes.mark_of(found))

    def _temporary(self) -> Claim | None:
        found = _claim(self.cluster, self.journal.temporary)
        return found if found is not None and found.annotations.get(OPERATION) == self.stored.uid else None

    def _is_saved(self) -> bool:
        try:
            found = snapshots.snapshot(self.cluster, self.stored.namespace, self.journal.safety)
        except NotFound:
            return False
        if found.claim != self.journal.claim or found.labels.get(OPERATION) != self.stored.uid:
            raise Busy(
                f"snapshot {self.journal.safety!r} is there, and is not the one that was to be taken first",
                hint=f"`volrewind undo {self.journal.claim}`, then try again",
            )
        return found.is_ready


def _claim(cluster: Connection, name: str) -> Claim | None:
    found = cluster.find(kinds.CLAIM, name, cluster.namespace)
    return None if found is None else claim_of(found)
