"""What changes a snapshot, or many."""

from __future__ import annotations

from datetime import timedelta

from msgspec.structs import replace

from machinery.expected import Expected, must
from machinery.verbs.verb import Verb
from volrewind.errors import NotFound
from volrewind.pools.pool import NewSnapshot
from volrewind.services import retention, snapshots


class Cut(Verb):
    name = "cut"

    def set_up(self) -> None:
        super().set_up()
        self.world.pool().mount(self.data, self.directory("mnt"))

    def before(self) -> None:
        self.world.write(self.data, self.number)

    def act(self) -> None:
        self.world.pool().cut(self.data, NewSnapshot(name=self.fresh))

    def expected(self) -> Expected:
        return Expected(snapshot=lambda one: self.world.volumes["data"] if one.name == self.fresh else None)

    def is_done(self) -> bool:
        return bool(self.world.pool().snapshot(self.fresh))

    def after(self) -> None:
        self.world.acknowledge(self.world.pool().snapshot(self.fresh), self.world.volumes["data"])

    def tidy(self) -> None:
        self.world.delete(self.fresh)


class DeleteSnapshot(Verb):
    name = "delete"

    def before(self) -> None:
        self.world.cut(self.data, self.fresh)

    def act(self) -> None:
        try:
            snapshots.delete(self.world.environment(), self.fresh)
        except NotFound:
            must(self.fresh not in {one.name for one in self.world.pool().snapshots()}, "there, and not found")

    def expected(self) -> Expected:
        return Expected(doomed=frozenset({self.fresh}))

    def after(self) -> None:
        must(self.fresh not in {one.name for one in self.world.pool().snapshots()}, "still there")
        self.world.snapshots.pop(self.fresh, None)


class Hold(Verb):
    name = "hold"

    def act(self) -> None:
        snapshots.hold(self.world.environment(), "kept", held=self.number % 2 == 0)

    def after(self) -> None:
        must(self.world.pool().snapshot("kept").hold is (self.number % 2 == 0), "not held")


class Cleanup(Verb):
    """Deletes three snapshots that are older than an hour; `kept` is on hold, and the newest stays."""

    name = "cleanup"

    def set_up(self) -> None:
        super().set_up()
        pool = self.world.pool()
        pool.update_snapshot(replace(pool.snapshot("kept"), hold=True))

    def before(self) -> None:
        for index in range(2):
            snapshot = self.world.cut(self.data, f"{self.fresh}-{index}")
            self.world.pool().update_snapshot(replace(snapshot, created=snapshot.created - timedelta(days=1)))
        if "newest" not in self.world.snapshots:
            self.world.cut(self.data, "newest")

    def act(self) -> None:
        environment = self.world.environment()
        request = retention.CleanupRequest(older_than=timedelta(hours=1))
        pruned = retention.cleanup(environment, retention.plan_cleanup(environment, request))
        must(not pruned.failed, f"not deleted: {[(one.name, str(error)) for one, error in pruned.failed]}")

    def expected(self) -> Expected:
        return Expected(doomed=frozenset(f"{self.fresh}-{index}" for index in range(2)))

    def after(self) -> None:
        left = {one.name for one in self.world.pool().snapshots()}
        must(left == {"kept", "newest"}, f"left: {left}")
        for index in range(2):
            self.world.snapshots.pop(f"{self.fresh}-{index}", None)
