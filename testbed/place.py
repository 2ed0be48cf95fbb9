"""The directory of an instance: who holds it, who uses it, and how it can be reached."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import msgspec

from volrewind.system.files import is_locked, write_durably


class Kind(StrEnum):
    """How much of a cluster."""

    PLANE = "plane"
    NODE = "node"


class Instance(msgspec.Struct, frozen=True):
    """A cluster that runs, as those see it who use it."""

    kind: Kind
    holder: int  # the process whose end is the end of it all
    kubeconfig: Path  # of somebody who may do everything
    programs: Path  # the directory of kubectl and the others
    init: int | None  # the process in whose namespaces the node is; None without a node


@dataclass(frozen=True)
class Place:
    """A directory for one instance."""

    top: Path

    @property
    def logs(self) -> Path:
        """What every program said; the only thing that stays."""
        return self.top / "logs"

    @property
    def holder(self) -> Path:
        """The lock of the process that holds the instance."""
        return self.top / "holder"

    @property
    def users(self) -> Path:
        """The lock that users share."""
        return self.top / "users"

    @property
    def changing(self) -> Path:
        """The lock of who starts the instance, or ends it."""
        return self.top / "changing"

    @property
    def data(self) -> Path:
        """What goes with the instance."""
        return self.top / "data"

    def be_ready(self) -> None:
        """Make the directory and its locks be there; only its owner may look inside, for there are keys."""
        self.top.mkdir(mode=0o700, parents=True, exist_ok=True)
        for lock in (self.holder, self.users, self.changing):
            lock.touch()

    def write(self, instance: Instance) -> None:
        """Make the instance known."""
        write_durably(self._instance, msgspec.json.encode(instance, enc_hook=str))

    def forget(self) -> None:
        """Make it unknown."""
        self._instance.unlink(missing_ok=True)

    def running(self) -> Instance | None:
        """Return what runs here; None when nothing does, or not yet, or what did was killed."""
        if not self.holder.exists() or not is_locked(self.holder):
            return None
        with suppress(FileNotFoundError):
            return msgspec.json.decode(
                self._instance.read_bytes(), type=Instance, dec_hook=lambda kind, text: kind(text)
            )
        return None

    @property
    def _instance(self) -> Path:
        return self.top / "instance.json"
