"""Carry out what is begun, for all its claims: who uses them is stopped once, and started once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from volrewind.cluster.client import Connection
from volrewind.errors import Busy, Changed, Denied, Interrupted, Refused, Unreachable, VolrewindError
from volrewind.model.claim_rollback import Step
from volrewind.model.workload import Using, Workload
from volrewind.plan.claim_rollback import Move, next_move
from volrewind.services.claims.rolling_back import moves
from volrewind.services.claims.rolling_back.work import Terms, Work
from volrewind.services.claims.stopping import be_started, be_stopped, using

_PAUSE_SECONDS = 0.5
_STARTING_SECONDS = 30.0  # an API server that has just started may not know yet who may what
_RACES = 100  # how often a volume may change between a look and a move; controllers do so a few times
T = TypeVar("T")


def carry_out(works: Sequence[Work]) -> None:
    """Do what is left to do. No claim gets ahead of the others by a step, and each step is noted before it is begun.

    Raises:
        Interrupted: the user stopped; the message says where it stands.
    """
    try:
        while (step := min((work.step for work in works), key=list(Step).index)) is not Step.DONE:
            _take(step, works)
    except (KeyboardInterrupt, Interrupted):
        raise Interrupted(f"interrupted while {standing(works)}", hint=ways(works)) from None
    except Busy:
        raise
    except VolrewindError as error:
        error.hint = "; ".join(one for one in (error.hint, ways(works)) if one)
        raise


def _take(step: Step, works: Sequence[Work]) -> None:
    behind = [work for work in works if work.step is step]
    for work in behind:
        while work.step is step and _moved(work) not in (Move.STOP, Move.START):
            pass
    if step in (Step.STOPPING, Step.STARTING):
        _all_at_once(step, works)
        for work in behind:
            persistently(work.cluster, lambda work=work: work.leave(step), work.terms)  # type: ignore[misc]  # a default


def _moved(work: Work) -> Move:
    """Make the next move of one claim alone, and return it; STOP and START are only returned."""

    def made() -> Move:
        for _ in range(_RACES):
            seen = work.look()
            move = next_move(work.journal, seen)
            if move in (Move.STOP, Move.START):
                return move
            try:
                moves.make(work, move, seen)
                return move
            except Changed:
                continue
        raise Changed(f"what claim {work.journal.claim!r} has is changed by somebody all the time")

    return persistently(work.cluster, made, work.terms)


def _all_at_once(step: Step, works: Sequence[Work]) -> None:
    cluster, terms = works[0].cluster, works[0].terms
    act = _started if step is Step.STARTING else _stopped
    persistently(cluster, lambda: act(cluster, works, terms), terms)


def _stopped(cluster: Connection, works: Sequence[Work], terms: Terms) -> None:
    for work in works:
        work.note_stop(cluster.clock.now())
    claims, workloads = [work.journal.claim for work in works], workloads_of(works)
    found = using(cluster, claims, paused=terms.paused)
    check_known(found, workloads)
    be_stopped(
        cluster,
        Using(workloads, found.finished),
        claims,
        remove_finished=terms.remove_finished,
        deadline_seconds=terms.deadline_seconds,
        told=terms.told,
    )


def _started(cluster: Connection, works: Sequence[Work], terms: Terms) -> None:
    be_started(cluster, workloads_of(works), deadline_seconds=terms.deadline_seconds, told=terms.told)


def workloads_of(works: Sequence[Work]) -> tuple[Workload, ...]:
    """Return who is stopped for these claims, each once."""
    return tuple({one.uid: one for work in works for one in work.journal.workloads}.values())


def check_known(found: Using, noted: Sequence[Workload]) -> None:
    """Return if nobody uses the claims whom we have not noted, and would so not start again.

    Raises:
        Refused: somebody does.
    """
    known = {(one.kind, one.name) for one in noted}
    if new := [str(one) for one in found.workloads if (one.kind, one.name) not in known]:
        raise Refused(f"{', '.join(new)} has begun to use the claim meanwhile", hint="stop it, then try again")


def persistently(cluster: Connection, do: Callable[[], T], terms: Terms) -> T:
    """Return what `do` returns, asking again while the cluster does not answer, or has only just come back."""
    end = cluster.clock.monotonic() + terms.deadline_seconds
    lost: float | None = None
    while True:
        try:
            return do()
        except Unreachable:
            lost = cluster.clock.monotonic()
            if lost >= end:
                raise
        except Denied:
            if lost is None or cluster.clock.monotonic() - lost > _STARTING_SECONDS:
                raise
        cluster.clock.sleep(_PAUSE_SECONDS)


def standing(works: Sequence[Work]) -> str:
    """Return where each claim stands, as part of a sentence."""
    return ", ".join(f"{work.step.value} (claim {work.journal.claim!r})" for work in works)


def ways(works: Sequence[Work]) -> str:
    """Return how to go on from where it stands, and how to go back."""
    journal = works[0].journal
    undo = f"`volrewind undo {journal.claim}`"
    if journal.is_undo:
        return f"{undo} goes on"
    names = " ".join(work.journal.snapshot for work in works)
    return f"`volrewind rollback {names}` goes on, {undo} goes back"
