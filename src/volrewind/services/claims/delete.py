"""Delete snapshots of claims, and nothing that should stay."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from volrewind.cluster import groups, kinds, snapshots
from volrewind.cluster.client import Connection
from volrewind.errors import Interrupted, NotSupported, Refused, VolrewindError
from volrewind.model.claim_snapshot import Binding, ClaimSnapshot, Content
from volrewind.plan.claim_deletion import outcome
from volrewind.plan.claim_deletions import refusals
from volrewind.plan.snapshot_progress import Reason
from volrewind.services.claims import leaving
from volrewind.services.claims.surroundings import Surroundings, surroundings

__all__ = ["Connection", "DeleteRequest", "Deleted", "delete"]


class DeleteRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What `delete` was asked for: snapshots of the namespace by name.

    With `keep_data` the contents are set to Retain first, so that only the VolumeSnapshots go. `is_dry` says what would be
    done. Without `wait` nobody waits until they are gone, which takes at most `deadline_seconds` otherwise.
    """

    names: tuple[str, ...]
    allow_last: bool = False
    keep_data: bool = False
    is_dry: bool = False
    wait: bool = True
    deadline_seconds: float = 300.0


class Deleted(msgspec.Struct, frozen=True, kw_only=True):
    """A name, its snapshot (None: there is none), and what its deletion does or why it is refused or late (`error`).

    `kept` is its content, where that was set to Retain for this and read again.
    """

    name: str
    snapshot: ClaimSnapshot | None = None
    outcome: str = ""
    kept: Content | None = None
    error: VolrewindError | None = None


def delete(
    cluster: Connection,
    request: DeleteRequest,
    *,
    kept: Callable[[Deleted], None] = lambda _: None,
    asked: Callable[[Deleted], None] = lambda _: None,
) -> list[Deleted]:
    """Delete snapshots by name, and return what became of each; one that is refused does not keep the others.

    `kept` is told of a content that stays before its VolumeSnapshot goes, so that nobody who breaks off misses it; `asked`
    of each deletion that the cluster goes on with.

    Raises:
        Interrupted: the user stopped waiting; the message says what goes on without us.
    """
    known = surroundings(cluster, request.names)
    found = [_found(known, name) for name in dict.fromkeys(request.names)]
    judged = [one if one.error else _kept(cluster, one, request, kept) for one in _judged(known, found, request)]
    if request.is_dry:
        return judged
    begun, done = list[Deleted](), list[Deleted]()
    try:
        for one in judged:
            begun.append(one)
            done.append(_asked(cluster, known, one, asked))
        return _gone(cluster, done, request) if request.wait else done
    except KeyboardInterrupt:
        raise _interrupted(begun) from None


def _found(known: Surroundings, name: str) -> Deleted:
    try:
        snapshot = known.named(name)
    except VolrewindError as error:
        return Deleted(name=name, error=error)
    around = known.around(snapshot)
    return Deleted(name=name, snapshot=snapshot, outcome=outcome(snapshot, source_exists=around.source_exists))


def _judged(known: Surroundings, found: Sequence[Deleted], request: DeleteRequest) -> list[Deleted]:
    wanted = [one.snapshot for one in found if one.snapshot]
    reasons = refusals(wanted, known.around, allow_last=request.allow_last, keep_data=request.keep_data)
    return [_refused(known, one, reasons, request) for one in found]


def _refused(known: Surroundings, one: Deleted, reasons: dict[str, Reason], request: DeleteRequest) -> Deleted:
    if one.snapshot is None:
        return one
    if request.keep_data and known.around(one.snapshot).is_grouped:
        error: VolrewindError = NotSupported(
            f"snapshot {one.name!r} was cut in group {one.snapshot.group!r}, whose driver deletes all of it at once",
            hint="only a whole group can be kept, by setting the policy of its VolumeGroupSnapshotContent to Retain",
        )
        return msgspec.structs.replace(one, error=error)
    if reason := reasons.get(one.snapshot.uid):
        error = Refused(f"snapshot {one.name!r} is not deleted: {reason.message}", hint=reason.hint)
        return msgspec.structs.replace(one, error=error)
    return one


def _kept(cluster: Connection, one: Deleted, request: DeleteRequest, told: Callable[[Deleted], None]) -> Deleted:
    """Make sure that the data stays, where that is wanted; an error where that cannot be."""
    if not request.keep_data or one.snapshot is None:
        return one
    try:
        content = _content(cluster, one.snapshot)
        if not request.is_dry:
            content = snapshots.be_retained(cluster, content)
    except VolrewindError as error:
        return msgspec.structs.replace(one, error=error)
    kept = msgspec.structs.replace(one, kept=content, outcome=_stays(content))
    if not request.is_dry:
        told(kept)
    return kept


def _content(cluster: Connection, snapshot: ClaimSnapshot) -> Content:
    if snapshot.binding is Binding.UNREAD:
        cluster.get(kinds.CONTENT, snapshot.content_name)  # says which right is missing
    if snapshot.content is None or not snapshot.content.handle:
        raise Refused(
            f"snapshot {snapshot.name!r} has no data that could be kept: {outcome(snapshot, source_exists=True)}",
            hint=f"`volrewind delete {snapshot.name}` without --keep-data deletes it",
        )
    return snapshot.content


def _stays(content: Content) -> str:
    return f"only this VolumeSnapshot goes; content {content.name!r} and the snapshot {content.handle!r} stay"


def _asked(cluster: Connection, known: Surroundings, one: Deleted, asked: Callable[[Deleted], None]) -> Deleted:
    """Ask for the deletion; of its whole group where that exists, since the cluster deletes none of it alone."""
    snapshot = one.snapshot
    if one.error or snapshot is None:
        return one
    try:
        if known.around(snapshot).is_grouped:
            groups.be_absent(cluster, snapshot.namespace, snapshot.group)
        else:
            cluster.delete(kinds.SNAPSHOT, snapshot.name, snapshot.namespace, uid=snapshot.uid)
    except VolrewindError as error:
        hint = f"{error.hint}; its content is set to Retain by now".removeprefix("; ") if one.kept else error.hint
        return msgspec.structs.replace(one, error=type(error)(error.message, hint=hint))
    asked(one)
    return one


def _gone(cluster: Connection, asked: Sequence[Deleted], request: DeleteRequest) -> list[Deleted]:
    expected = [one.snapshot for one in asked if one.snapshot and not one.error]
    late = leaving.be_gone(cluster, expected, deadline_seconds=request.deadline_seconds)
    return [
        msgspec.structs.replace(one, error=late[one.snapshot.uid]) if one.snapshot and one.snapshot.uid in late else one
        for one in asked
    ]


def _interrupted(begun: Sequence[Deleted]) -> Interrupted:
    names = ", ".join(one.name for one in begun if one.snapshot and not one.error)
    return Interrupted(
        f"interrupted; the cluster goes on deleting {names or 'nothing'}", hint="`volrewind status` shows what is left"
    )
