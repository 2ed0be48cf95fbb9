"""A verb that changes something, as a scenario: what is there before, the verb, what may be there after a kill."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from machinery.expected import Expected, must
from machinery.world import World
from volrewind.errors import AlreadyThere
from volrewind.model.volume import Volume

BACKED: tuple[str, ...] = ("btrfs", "image")  # the kinds that lie in a backing file of their own
EVERY: tuple[str, ...] = (*BACKED, "zfs")


class Verb:
    """`before` makes round `number` ready; `act` is the verb; `again` must succeed after any kill; `tidy` ends the round.

    The world's ledger is only changed in the parent: `act` runs in a child.
    """

    name: ClassVar[str]
    kinds: ClassVar[tuple[str, ...]] = EVERY

    def __init__(self, world: World) -> None:
        self.world = world
        self.number = 0

    def set_up(self) -> None:
        """A pool with a volume `data` and a snapshot `kept`, which no verb may hurt."""
        self.world.make_pool()
        data = self.world.new_volume("data", 1)
        self.world.cut(data, "kept")
        self.world.write(data, 2)

    def before(self) -> None:
        """Make ready for the next kill."""

    def act(self) -> None:
        raise NotImplementedError

    def expected(self) -> Expected:
        return Expected()

    def reboot(self) -> None:
        self.world.reboot()

    def check(self) -> None:
        self.world.check(self.expected())

    def again(self) -> None:
        """Run the verb once more; that it had been done, and only its answer was lost, is fine too."""
        try:
            self.act()
        except AlreadyThere:
            must(self.is_done(), "the verb refuses to be run again, and is not done")

    def is_done(self) -> bool:
        return False

    def after(self) -> None:
        """Check what the verb was for."""

    def tidy(self) -> None:
        """Remove what the round made."""

    # shared

    @property
    def data(self) -> Volume:
        return self.world.pool().volume("data")

    @property
    def fresh(self) -> str:
        return f"new-{self.number}"

    def directory(self, name: str) -> Path:
        folder = self.world.base / name
        folder.mkdir(exist_ok=True)
        self.world.own_files.add(name)
        return folder
