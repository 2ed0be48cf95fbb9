"""Let go of the volumes that rollbacks of a claim have kept: there is no undo any more."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from msgspec.structs import replace

from volrewind.clock import wait_until
from volrewind.cluster import claims, journals, volumes
from volrewind.cluster.client import Connection
from volrewind.cluster.journals import Stored
from volrewind.errors import NotFound, Refused, TimedOut
from volrewind.model.claim import Storage
from volrewind.model.claim_rollback import Mark, Step
from volrewind.plan.claim_rollback import DELETE
from volrewind.services.claims.rolling_back.preparing import unfinished

_RELEASED = "Released"  # a phase of volumes: their claim is gone
_SOON_SECONDS = 10.0  # the volume controller has seen by then that it is

__all__ = ["Connection", "Forgotten", "forget"]


class Forgotten(msgspec.Struct, frozen=True):
    """A volume that was let go of; `is_deleted` tells whether the driver deletes it now, as its reclaim policy was."""

    volume: str
    is_deleted: bool


def forget(cluster: Connection, claim: str) -> list[Forgotten]:
    """Let go of every volume that is kept for a claim, and of its journal; may be repeated. Snapshots stay.

    Raises:
        NotFound: nothing is kept.
        Refused: a rollback or an undo is unfinished, or a volume is not the one that was kept.
    """
    stored = journals.read(cluster, claim)
    if stored is None:
        raise NotFound(f"nothing is kept for claim {claim!r}: it was never rolled back, or that is forgotten")
    if stored.journal.step not in (Step.DONE, Step.FORGETTING):
        raise unfinished(stored)
    if stored.journal.is_done:
        stored = journals.write(cluster, stored, replace(stored.journal, step=Step.FORGETTING))
    gone = list(_let_go(cluster, stored))
    journals.remove(cluster, stored)
    return gone


def _let_go(cluster: Connection, stored: Stored) -> Iterator[Forgotten]:
    journal = stored.journal
    present = _present(cluster, journal.claim)
    for name in dict.fromkeys((*journal.kept, *journal.volumes)):
        storage = volumes.volume(cluster, name)
        mark = volumes.mark_of(storage) if storage is not None else None
        if storage is None or mark is None:
            continue  # it is gone, or was let go of before
        _check_ours(stored, storage, mark)
        if name == present:
            volumes.be_let_go(cluster, storage, storage.reclaim_policy)
            continue
        volumes.be_let_go(cluster, _free(cluster, storage), mark.policy)
        yield Forgotten(name, mark.policy == DELETE)


def _present(cluster: Connection, name: str) -> str:
    try:
        return claims.claim(cluster, cluster.namespace, name).volume
    except NotFound:
        return ""


def _check_ours(stored: Stored, storage: Storage, mark: Mark) -> None:
    owner = (mark.journal, mark.namespace, mark.claim)
    if owner != (stored.uid, stored.namespace, stored.journal.claim) or storage.claim[0] != stored.namespace:
        raise Refused(
            f"volume {storage.name!r} is not kept for claim {stored.journal.claim!r}, though its journal says so",
            hint="somebody has changed the journal, or the volume; nothing of that volume was touched",
        )


def _free(cluster: Connection, storage: Storage) -> Storage:
    """Return the volume once the cluster says that no claim has it, nor is about to get it.

    Raises:
        Refused: it does not say so.
    """
    found = [storage]

    def is_released() -> bool:
        found.append(volumes.volume(cluster, storage.name) or storage)
        return found[-1].phase == _RELEASED

    try:
        if storage.phase != _RELEASED:
            wait_until(is_released, "", clock=cluster.clock, deadline_seconds=_SOON_SECONDS, pause_seconds=0.2)
    except TimedOut as error:
        raise Refused(
            f"volume {storage.name!r} is {found[-1].phase or 'of no known state'}, and so not let go of",
            hint=f"`kubectl describe pv {storage.name}` says by which claim",
        ) from error
    return found[-1]
