"""What is left over in a cluster, why, and the one step that frees it without harm, where there is one.

Contents without their VolumeSnapshot, snapshots without their claim, and what is to be gone and is held.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from enum import Enum

import msgspec

from volrewind.model.claim import Claim
from volrewind.model.claim_snapshot import Binding, ClaimSnapshot, Content
from volrewind.model.labels import CLONE, CLONE_OF, HELPER
from volrewind.plan.finalizers import CLAIM_SOURCE, holders_of_claim, holders_of_content, holders_of_snapshot
from volrewind.plan.snapshot_users import Users

_LONG = timedelta(
    minutes=1
)  # controllers that work have done it by then; and what was read a moment apart agrees again
_PREPARED = timedelta(minutes=10)  # for a content that was made before its VolumeSnapshot


class Kind(Enum):
    """What is left over."""

    CONTENT = "content"
    SNAPSHOT = "snapshot"
    CLAIM = "claim"


class Step(Enum):
    """What frees it."""

    NONE = "none"  # nothing that we may do: somebody else must act
    RELEASE = "release"  # take our own finalizer away
    FINISH = "finish"  # take away by what a namespace knew another's snapshot, of which a clone was made
    FORGET = "forget"  # delete a content alone, whose snapshot another content knows too
    DESTROY = "destroy"  # have the driver delete the snapshot, for good
    ABANDON = "abandon"  # let a content go whose driver does not delete its snapshot, which stays there for ever


class Orphan(msgspec.Struct, frozen=True, kw_only=True):
    """What is left over: since when, why, and what freeing it does (or who must act).

    `is_last` says that no good snapshot of the same volume is left besides, as far as is known.
    """

    kind: Kind
    name: str
    namespace: str = ""
    since: datetime
    why: str
    step: Step
    does: str
    is_last: bool = False
    content: Content | None = None
    snapshot: ClaimSnapshot | None = None


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What was read, of which the snapshots, claims and contents (by name) are looked at; of other things only what they say.

    `contents` is None where they may not be read.
    """

    snapshots: Collection[ClaimSnapshot]
    claims: Collection[Claim]
    contents: Mapping[str, Content] | None
    users: Callable[[ClaimSnapshot], Users]
    twins: Callable[[Content], tuple[Content, ...]]


def orphans(found: Found, now: datetime, *, namespace: str = "") -> list[Orphan]:
    """Return what is left over, of one namespace or (with "") of all; contents are of the namespace they are kept for."""
    contents = found.contents or {}
    chosen = [one for one in contents.values() if namespace in ("", one.snapshot[0])]
    return [
        *_contents(found, chosen, now),
        *_snapshots(found, now),
        *_claims(found, now),
    ]


def _contents(found: Found, contents: Iterable[Content], now: datetime) -> Iterator[Orphan]:
    there = {(one.namespace, one.name, one.uid) for one in found.snapshots}
    named = {(one.namespace, one.name) for one in found.snapshots}
    good = {(one.content.driver, one.content.volume_handle) for one in found.snapshots if one.is_ready and one.content}
    for one in sorted(contents, key=lambda content: content.name):
        is_last = not one.volume_handle or (one.driver, one.volume_handle) not in good
        if one.deleted_since is not None:
            if now - one.deleted_since > _LONG:
                yield _stuck_content(one)
        elif not one.snapshot[2] and one.snapshot[:2] not in named and now - one.created > _PREPARED:
            yield _left_content(found, one, "was made for VolumeSnapshot {}, which nobody made", is_last)
        elif one.snapshot[2] and one.snapshot not in there and now - one.created > _LONG:
            yield _left_content(found, one, "has lost VolumeSnapshot {}, which is gone", is_last)


def _left_content(found: Found, content: Content, why: str, is_last: bool) -> Orphan:
    said = f"it {why.format('/'.join(content.snapshot[:2]))}; policy {content.deletion_policy.value}"
    twins = ", ".join(one.name for one in found.twins(content))
    if CLONE in content.labels:
        return _of_content(content, said, Step.FORGET, f"deletes this content alone; snapshot {content.handle!r} stays")
    if not content.handle or twins:
        known = f"its snapshot stays: content {twins} knows it too" if twins else "it has no snapshot"
        return _of_content(content, said, Step.FORGET, f"deletes this content alone; {known}")
    does = f"driver {content.driver!r} deletes snapshot {content.handle!r} for good"
    return _of_content(content, said, Step.DESTROY, does, is_last=is_last)


def _stuck_content(content: Content) -> Orphan:
    held = "; ".join(str(one) for one in holders_of_content(content)) or "nothing holds it any more"
    does = f"the content goes, and snapshot {content.handle!r} stays with driver {content.driver!r} until somebody deletes it there"
    step = Step.ABANDON if content.finalizers else Step.NONE
    return _of_content(content, f"it is being deleted, and held by {held}", step, does)


def _of_content(content: Content, why: str, step: Step, does: str, *, is_last: bool = False) -> Orphan:
    return Orphan(
        kind=Kind.CONTENT,
        name=content.name,
        namespace=content.snapshot[0],
        since=content.deleted_since or content.created,
        why=why,
        step=step,
        does=does,
        is_last=is_last,
        content=content,
    )


def _snapshots(found: Found, now: datetime) -> Iterator[Orphan]:
    sources = {(one.namespace, one.name) for one in found.claims}
    for one in found.snapshots:
        users = found.users(one)
        if CLONE in one.labels and not one.is_deleted and now - one.created > _LONG:
            yield _made_for_clone(one, users)
        elif users.marks and not _is_cloned(users) and now - one.created > _LONG:
            yield _marked(one, users, is_known=found.contents is not None)
        elif one.deleted_since is not None and now - one.deleted_since > _LONG:
            held = "; ".join(str(holder) for holder in holders_of_snapshot(one, users)) or "nothing holds it any more"
            yield _of_snapshot(one, f"it is being deleted, and held by {held}", "whoever holds it must let go")
        elif one.binding is Binding.BROKEN:
            why = f"its content {one.content_name!r} is gone or is kept for another: nothing can be restored from it"
            yield _of_snapshot(one, why, f"`volrewind delete {one.name}`")
        elif one.source and (one.namespace, one.source) not in sources:
            does = f"`volrewind restore {one.name}` brings it back, `volrewind delete {one.name}` gives it up"
            yield _of_snapshot(one, f"its claim {one.source!r} is gone: it is what is left of it", does)


def _is_cloned(users: Users) -> bool:
    """Tell whether a clone is still being made: somewhere else, beside it, or by way of a copy that is masked."""
    return bool(users.twins or users.restoring) or any(HELPER in one.labels for one in users.made)


def _made_for_clone(snapshot: ClaimSnapshot, users: Users) -> Orphan:
    original, content = snapshot.annotations.get(CLONE_OF, "another namespace's snapshot"), snapshot.content
    why = f"it makes {original} known here, for a clone"
    if users.restoring:
        waiting = ", ".join(str(one) for one in users.restoring)
        return _of_snapshot(
            snapshot, f"{why}: claim {waiting} waits for its data", "the same `volrewind clone` goes on"
        )
    if content is None or content.labels.get(CLONE) != snapshot.labels[CLONE]:
        return _of_snapshot(snapshot, why, "the same `volrewind clone` takes it away")
    return _of_snapshot(snapshot, f"{why}, and nobody waits for it", f"takes it away; {original} stays", Step.FINISH)


def _marked(snapshot: ClaimSnapshot, users: Users, *, is_known: bool) -> Orphan:
    marks = ", ".join(users.marks)
    if not is_known:
        why = f"it has our finalizer {marks}, and whether a clone still needs that only its contents tell"
        return _of_snapshot(snapshot, why, "somebody who may read contents must look")
    why = f"it has our finalizer {marks}, and no clone of it is left"
    return _of_snapshot(
        snapshot, why, "takes our finalizer away, if no clone is being made this very moment", Step.RELEASE
    )


def _of_snapshot(snapshot: ClaimSnapshot, why: str, does: str, step: Step = Step.NONE) -> Orphan:
    return Orphan(
        kind=Kind.SNAPSHOT,
        name=snapshot.name,
        namespace=snapshot.namespace,
        since=snapshot.deleted_since or snapshot.created,
        why=why,
        step=step,
        does=does,
        snapshot=snapshot,
    )


def _claims(found: Found, now: datetime) -> Iterator[Orphan]:
    for one in found.claims:
        if one.deleted_since is None or now - one.deleted_since <= _LONG or CLAIM_SOURCE not in one.finalizers:
            continue
        unready = [
            each
            for each in found.snapshots
            if (each.namespace, each.source) == (one.namespace, one.name) and not each.reported_ready
        ]
        held = "; ".join(str(holder) for holder in holders_of_claim(one, unready))
        yield Orphan(
            kind=Kind.CLAIM,
            name=one.name,
            namespace=one.namespace,
            since=one.deleted_since,
            why=f"it is being deleted, and held by {held}",
            step=Step.NONE,
            does=f"`volrewind delete {' '.join(each.name for each in unready)}`" if unready else "wait for them",
        )
