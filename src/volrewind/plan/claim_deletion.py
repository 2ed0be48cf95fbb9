"""What deleting a snapshot of a claim really does, and what speaks against it."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from volrewind.model.claim_snapshot import Binding, ClaimSnapshot, DeletionPolicy
from volrewind.plan.snapshot_progress import Reason
from volrewind.plan.snapshot_users import Users


class Around(msgspec.Struct, frozen=True, kw_only=True):
    """What matters to whoever deletes a snapshot.

    `source_exists` is whether there still is a claim of its source's name. `is_last` says that no other good snapshot of
    that claim is left. `is_grouped` is whether the group it was cut in exists, whose snapshots the cluster only deletes with
    it; `together` are the others of that group that would stay.
    """

    users: Users
    source_exists: bool = True
    is_last: bool = False
    is_grouped: bool = False
    together: tuple[str, ...] = ()


def outcome(snapshot: ClaimSnapshot, *, source_exists: bool) -> str:
    """Return what deleting it does, in a sentence."""
    content = snapshot.content
    if snapshot.binding is Binding.NONE:
        return "nothing is cut yet that could be lost; what its driver may be cutting goes with it"
    if snapshot.binding is Binding.BROKEN:
        return f"only this VolumeSnapshot goes: content {snapshot.content_name!r} is gone, or is kept for another"
    if content is None:
        return "what becomes of the snapshot itself is up to the policy of its content, which you may not read"
    known = f"{content.handle!r} of driver {content.driver!r}" if content.handle else f"of driver {content.driver!r}"
    if content.deletion_policy is DeletionPolicy.RETAIN:
        return (
            f"policy Retain: only this VolumeSnapshot goes; content {content.name!r} and the snapshot {known} stay,"
            " and hold their space, until somebody deletes them"
        )
    source = "" if source_exists or not snapshot.source else f"; claim {snapshot.source!r} is gone too"
    return f"policy Delete: the driver deletes the snapshot {known} for good{source}"


def destroys(snapshot: ClaimSnapshot) -> bool:
    """Tell whether deleting it may take data away, as far as is known."""
    if snapshot.binding in (Binding.NONE, Binding.BROKEN):
        return False
    return snapshot.content is None or snapshot.content.deletion_policy is DeletionPolicy.DELETE


def obstacles(snapshot: ClaimSnapshot, around: Around, *, keep_data: bool = False) -> tuple[Reason, ...]:
    """Return why it must not be deleted, the most important first; that it is the last good one is said by `last`.

    With `keep_data` its content is set to Retain beforehand.
    """
    return tuple(_obstacles(snapshot, around, destroys(snapshot) and not keep_data))


def _obstacles(snapshot: ClaimSnapshot, around: Around, is_destroyed: bool) -> Iterator[Reason]:
    users = around.users
    if snapshot.hold:
        yield Reason("it is on hold", f"`volrewind release {snapshot.name}` lets it go")
    if users.restoring:
        names = ", ".join(str(one) for one in users.restoring)
        yield Reason(
            f"it is being restored: claim {names} waits for its data",
            "a claim that waits for a Pod gets its data when one uses it; or delete the claim",
        )
    if users.marks:
        yield Reason(
            f"a clone is being made from it (finalizer {', '.join(users.marks)})",
            "wait for that; `volrewind cleanup --orphans` finds what was left behind",
        )
    if users.twins and is_destroyed:
        names = ", ".join(f"{'/'.join(one.snapshot[:2])} (content {one.name})" for one in users.twins)
        yield Reason(
            f"its data would be gone for others, who know the same snapshot of the driver: {names}",
            "--keep-data deletes the VolumeSnapshot alone",
        )
    if around.together:
        names = ", ".join(around.together)
        yield Reason(
            f"it was cut together with {names}, in group {snapshot.group!r}, and they can only go together",
            f"`volrewind delete {snapshot.name} {' '.join(around.together)}`",
        )


def last(snapshot: ClaimSnapshot, around: Around) -> Reason | None:
    """Return why it is refused without `--allow-last`; None when other good ones are left, or the data is known elsewhere."""
    if not snapshot.is_ready or not around.is_last or around.users.twins:
        return None
    what = f"claim {snapshot.source!r}" if snapshot.source else "a claim that it does not name"
    return Reason(
        f"it is the last good one of {what}",
        "take another first, or say --allow-last to be left without any",
    )
