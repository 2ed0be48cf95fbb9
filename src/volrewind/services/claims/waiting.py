"""Wait until snapshots of claims can be restored, and say what each one waits for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import msgspec

from volrewind.cluster import events, kinds, snapshots
from volrewind.cluster.client import Connection
from volrewind.cluster.values import snapshot_of
from volrewind.cluster.watching import Known, Watched, states
from volrewind.errors import Interrupted, NotFound, TimedOut
from volrewind.model.claim_snapshot import ClaimSnapshot
from volrewind.plan.snapshot_progress import Reason, why_not_ready

__all__ = ["Connection", "Waited", "given_up", "wait"]

DEFAULT_DEADLINE_SECONDS = 300.0


class Waited(msgspec.Struct, frozen=True):
    """A snapshot at the end of a wait: when it was seen to be cut and to be ready, in seconds since the wait began (None:
    it was not), and what it was still waiting for (None: it is ready).
    """

    snapshot: ClaimSnapshot
    cut_seconds: float | None
    ready_seconds: float | None
    missing: Reason | None = None


def wait(
    cluster: Connection,
    names: Sequence[str],
    *,
    deadline_seconds: float = DEFAULT_DEADLINE_SECONDS,
    told: Callable[[ClaimSnapshot, Reason | None], None] = lambda _, __: None,
) -> list[Waited]:
    """Return these snapshots of the namespace once all are ready, or what they lacked when the time was over.

    `told` hears of each when it was cut, when it is ready (None), and when its reason changes.

    Raises:
        NotFound: one does not exist, or was deleted meanwhile.
        Interrupted: the user stopped; the message says what goes on without us.
    """
    waiting = _Waiting(cluster, tuple(dict.fromkeys(names)), told)
    try:
        for known in states(cluster, waiting.watched, deadline_seconds=deadline_seconds):
            if waiting.is_over(known):
                break
    except KeyboardInterrupt:
        raise waiting.interrupted() from None
    return [waiting.result(name) for name in waiting.names]


class _Waiting:
    """What is known of the snapshots that are waited for."""

    def __init__(
        self, cluster: Connection, names: tuple[str, ...], told: Callable[[ClaimSnapshot, Reason | None], None]
    ) -> None:
        self.names = names
        self.watched = Watched(
            kinds.SNAPSHOT, cluster.namespace, fields=f"metadata.name={names[0]}" if len(names) == 1 else ""
        )
        self._cluster, self._told = cluster, told
        self._found: dict[str, ClaimSnapshot] = {}
        self._said: dict[str, tuple[datetime | None, Reason | None]] = {}
        self._cut_seconds: dict[str, float] = {}
        self._ready_seconds: dict[str, float] = {}
        self._begun = cluster.clock.monotonic()

    def is_over(self, known: Known) -> bool:
        for name in self.names:
            thing = known.get((self._cluster.namespace, name))
            if thing is None:
                gone = "was deleted" if name in self._found else "does not exist"
                raise NotFound(f"snapshot {name!r} {gone} in namespace {self._cluster.namespace!r}")
            self._note(snapshot_of(thing))
        return all(self._found[name].is_ready for name in self.names)

    def _note(self, snapshot: ClaimSnapshot) -> None:
        self._found[snapshot.name] = snapshot
        seconds = self._cluster.clock.monotonic() - self._begun
        if snapshot.cut is not None:
            self._cut_seconds.setdefault(snapshot.name, seconds)
        if snapshot.is_ready:
            self._ready_seconds.setdefault(snapshot.name, seconds)
        reason = None if snapshot.is_ready else why_not_ready(snapshot, self._cluster.clock.now())
        if self._said.get(snapshot.name) != (said := (snapshot.cut, reason)):
            self._said[snapshot.name] = said
            self._told(snapshot, reason)

    def result(self, name: str) -> Waited:
        if name not in self._found:
            raise TimedOut(f"the cluster did not say in time how snapshot {name!r} is")
        # read again with its content: what is called ready was seen to be bound both ways
        snapshot = snapshots.snapshot(self._cluster, self._cluster.namespace, name)
        times = self._cut_seconds.get(name), self._ready_seconds.get(name)
        if snapshot.is_ready:
            return Waited(snapshot, *times)
        reason = why_not_ready(snapshot, self._cluster.clock.now(), soon=timedelta(0))  # we have waited enough
        return Waited(snapshot, *times, missing=_with_event(self._cluster, snapshot, reason))

    def interrupted(self) -> Interrupted:
        open_ = [name for name in self.names if name not in self._found or not self._found[name].is_ready]
        words = " ".join(open_)
        return Interrupted(
            f"interrupted; the cluster goes on with {', '.join(open_)}",
            hint=f"`volrewind wait {words}` waits again, `volrewind delete {words}` gives it up",
        )


def given_up(waited: Waited, deadline_seconds: float) -> TimedOut:
    """Return the error for a snapshot that is not ready at the end of a wait."""
    assert waited.missing is not None, "it is ready"
    return TimedOut(
        f"snapshot {waited.snapshot.name!r} is not ready after {deadline_seconds:g} s: {waited.missing.message}",
        hint=waited.missing.hint or f"`volrewind wait {waited.snapshot.name}` goes on waiting",
    )


def _with_event(cluster: Connection, snapshot: ClaimSnapshot, reason: Reason) -> Reason:
    """Return the reason with the last warning about the snapshot, where its status says nothing."""
    if snapshot.trouble is not None or snapshot.cut is not None:
        return reason
    warnings = events.warnings_about(cluster, "VolumeSnapshot", snapshot.namespace, snapshot.name, snapshot.uid)
    return msgspec.structs.replace(reason, message=f"{reason.message} (event: {warnings[-1]})") if warnings else reason
