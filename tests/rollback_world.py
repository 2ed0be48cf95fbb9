"""A cluster as far as a rollback sees it, for tests of what decides: moves land late, runners die, controllers do their part."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from claim_values import NOW
from msgspec.structs import replace

from volrewind.errors import Refused
from volrewind.model.claim import Claim, Phase, Storage
from volrewind.model.claim_rollback import VERSION, Journal, Mark, Step
from volrewind.model.labels import OPERATION
from volrewind.plan.claim_rollback import RETAIN, Kept, Seen, is_sealed, next_move, touch
from volrewind.plan.claim_rollback_trust import check_owned
from volrewind.plan.claim_turning import turned

JOURNAL, NAMESPACE, OLD, NEW = "journal-uid", "shop", "pv-old", "pv-new"
_ORDER = list(Step)


@dataclass
class World:
    """The claim `data` on volume `pv-old`, whose reclaim policy is Delete; the journal of its rollback has just begun."""

    claim: Claim | None
    volumes: dict[str, Kept]
    journal: Journal
    temporary: Claim | None = None
    is_saved: bool = False
    is_stopped: bool = False
    version: int = 1
    uids: int = 0
    ever: set[str] = field(default_factory=lambda: {OLD})  # volumes that were there once

    def fresh(self) -> str:
        self.uids += 1
        return f"uid-{self.uids}"

    def put(self, name: str, **changes: Any) -> None:
        """Change a volume; who has read it before may not any more."""
        old = self.volumes[name]
        storage = replace(
            old.storage, resource_version=self.fresh(), **{k: v for k, v in changes.items() if k != "mark"}
        )
        self.volumes[name] = Kept(storage, changes.get("mark", old.mark))

    def controllers(self) -> None:
        """Bind what is kept for a claim, and delete what is nobody's and may go."""
        claim = self.claim
        if claim is not None and claim.is_deleted and not claim.finalizers:
            self.claim = claim = None
        if claim is not None and claim.phase is Phase.PENDING:
            kept = self.volumes.get(claim.volume)
            if kept is not None and kept.storage.claim == (NAMESPACE, "data", ""):
                self.put(claim.volume, claim=(NAMESPACE, "data", claim.uid))
                self.claim = replace(claim, phase=Phase.BOUND, resource_version=self.fresh())
        alive = {one.uid for one in (self.claim, self.temporary) if one is not None}
        for name, kept in list(self.volumes.items()):
            uid = kept.storage.claim[2]
            if uid and uid not in alive and kept.storage.reclaim_policy == "Delete":
                del self.volumes[name]


def begun() -> World:
    claim = Claim(
        namespace=NAMESPACE, name="data", uid="uid-0", created=NOW, resource_version="1", phase=Phase.BOUND, volume=OLD
    )
    journal = Journal(
        version=VERSION,
        claim="data",
        claim_uid="uid-0",
        snapshot="first",
        snapshot_uid="snapshot-uid",
        safety="data-before",
        temporary="data-rollback",
        before=OLD,
        together=("data",),
        step=Step.SAVING,
        runner="0",
        begun=NOW,
    )
    return World(claim, {OLD: Kept(volume(OLD, "data", "uid-0", policy="Delete"), None)}, journal)


def volume(name: str, claim: str, uid: str, *, policy: str) -> Storage:
    return Storage(
        name=name, uid=f"uid-of-{name}", kind="csi", driver="ours", resource_version="1", reclaim_policy=policy,
        claim=(NAMESPACE, claim, uid),
    )  # fmt: skip


class Runner:
    """Somebody who works on it; what he has read may be old by the time he acts."""

    def __init__(self, world: World, name: str) -> None:
        self.world, self.name = world, name
        self.version = 0
        self.is_out = True  # he has not begun, or was told that somebody else has taken it up
        self._claim: Claim | None = None
        self._has_read = False
        self._seen: Seen | None = None

    @property
    def journal(self) -> Journal:
        return self.world.journal

    def take_up(self, *, undo: bool) -> None:
        """Begin to go on, or to go back."""
        world, journal = self.world, self.journal
        seen = self._all(world.claim)
        is_sealed_now = is_sealed(journal, seen)
        if undo and not journal.is_undo and not journal.is_done:
            if not (is_sealed_now and not journal.step.is_before(Step.STOPPING)):
                return  # it would only be cleared away
            journal = turned(journal, journal.claim_uid, self.name)
        elif undo and journal.is_done:
            assert world.claim is not None
            journal = turned(journal, world.claim.uid, self.name)
        elif journal.is_done:
            return
        elif journal.step is Step.STOPPING and not is_sealed_now:
            journal = replace(journal, manifest=None, workloads=())
        self._write(replace(journal, runner=self.name))
        self.is_out, self._has_read, self._seen = False, False, None

    def _write(self, journal: Journal) -> None:
        self.world.journal = journal
        self.world.version += 1
        self.version = self.world.version

    def read_claim(self) -> None:
        self._claim, self._has_read, self._seen = self.world.claim, True, None

    def read_rest(self) -> None:
        self.is_out = self.is_out or self.version != self.world.version
        if self.is_out or self.journal.is_done or not self._has_read:
            self._seen = None
            return
        self._noted, self._has_read = self.journal, False
        self._seen = self._all(self._claim)

    def _all(self, claim: Claim | None) -> Seen:
        world, journal = self.world, self.journal
        seen = Seen(
            journal=JOURNAL,
            claim=claim,
            before=world.volumes.get(journal.before),
            after=world.volumes.get(journal.after),
            temporary=world.temporary,
            is_saved=world.is_saved,
        )
        check_owned(journal, seen, NAMESPACE)
        return seen

    def act(self) -> None:
        """Make the move that what was read asks for; what has changed since then is refused."""
        seen, self._seen = self._seen, None
        if seen is None:
            return
        try:
            move = next_move(self._noted, seen)
        except Refused:
            assert self.version != self.world.version, "nobody but us touches the claim"
            return
        getattr(self, f"_{move.name.lower()}")(seen)

    def work(self) -> None:
        """Look, make a move, and let the controllers do their part."""
        self.read_claim()
        self.read_rest()
        self.act()
        self.world.controllers()

    def worked(self, count: int) -> bool:
        """Make some moves; tells whether there were as many to make."""
        for _ in range(count):
            if self.journal.is_done:
                return False
            self.work()
        return True

    def _stored(self, **changes: Any) -> None:
        if self.version != self.world.version:
            self.is_out = True
            return
        self._write(replace(self.journal, **changes))

    def _put(self, kept: Kept | None, **changes: Any) -> None:
        assert kept is not None
        now = self.world.volumes.get(kept.storage.name)
        if now is not None and now.storage.resource_version == kept.storage.resource_version:
            self.world.put(kept.storage.name, **changes)

    def _advance(self, _: Seen) -> None:
        self._stored(step=_ORDER[_ORDER.index(self._noted.step) + 1])

    def _save(self, _: Seen) -> None:
        self.world.is_saved = True

    def _mark(self, policy: str) -> Mark:
        return Mark(JOURNAL, NAMESPACE, "data", policy, self._noted.runner, self._noted.digest)

    def _keep(self, seen: Seen) -> None:
        for kept in seen.volumes:
            policy = kept.mark.policy if kept.mark else kept.storage.reclaim_policy
            self._put(kept, mark=self._mark(policy), reclaim_policy=RETAIN)

    def _restore(self, seen: Seen) -> None:
        world = self.world
        if world.temporary is None:
            uid, name = world.fresh(), "pv-stray" if NEW in world.volumes else NEW
            world.temporary = Claim(
                namespace=NAMESPACE, name="data-rollback", uid=uid, created=NOW, phase=Phase.BOUND, volume=name
            )
            world.volumes[name] = Kept(volume(name, "data-rollback", uid, policy="Delete"), None)
            return
        kept = world.volumes[world.temporary.volume]
        self._put(kept, mark=self._mark("Delete"), reclaim_policy=RETAIN)
        world.ever.add(NEW)
        self._stored(after=NEW)

    def _drop(self, _: Seen) -> None:
        self.world.temporary = None

    def _prebind(self, seen: Seen) -> None:
        self._put(seen.after, claim=(NAMESPACE, "data", ""))

    def _note(self, _: Seen) -> None:
        self._stored(manifest={"spec": {}})

    def _stop(self, seen: Seen) -> None:
        self.world.is_stopped = True
        self._advance(seen)

    def _start(self, seen: Seen) -> None:
        self.world.is_stopped = False
        self._advance(seen)

    def _delete(self, seen: Seen) -> None:
        claim, seen_claim = self.world.claim, seen.claim
        assert seen_claim is not None
        if claim is not None and (claim.uid, claim.resource_version) == (seen_claim.uid, seen_claim.resource_version):
            self.world.claim = replace(claim, is_deleted=True, resource_version=self.world.fresh())

    def _wait_gone(self, _: Seen) -> None:
        self.world.controllers()

    def _make(self, _: Seen) -> None:
        if self.world.claim is None:
            uid = self.world.fresh()
            self.world.claim = Claim(
                namespace=NAMESPACE, name="data", uid=uid, created=NOW, resource_version=uid, volume=self._noted.after
            )

    def _wait_bound(self, _: Seen) -> None:
        self.world.controllers()

    def _touch(self, seen: Seen) -> None:
        claim, seen_claim = self.world.claim, seen.claim
        assert seen_claim is not None
        if claim is not None and (claim.uid, claim.resource_version) == (seen_claim.uid, seen_claim.resource_version):
            notes = {OPERATION: touch(self._noted, seen)}
            self.world.claim = replace(claim, annotations=notes, resource_version=self.world.fresh())

    def _park(self, seen: Seen) -> None:
        self._put(seen.before, claim=(NAMESPACE, "data", JOURNAL))

    def _free(self, seen: Seen) -> None:
        assert seen.after is not None and seen.after.mark is not None
        self._put(seen.after, reclaim_policy=seen.after.mark.policy)


def be_done(runner: Runner) -> None:
    """Let somebody work until it is done."""
    for _ in range(200):
        runner.work()
        if runner.journal.is_done:
            return
    raise AssertionError(f"it never ends: {runner.journal.step}")
