"""What rules remove of claims' snapshots: only what is ours and good, never the last, never what somebody needs."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from claim_values import NOW, claim, snapshot
from hypothesis import given
from hypothesis import strategies as st

from volrewind.errors import EmptyPolicy, Refused
from volrewind.model.claim import Phase
from volrewind.model.claim_snapshot import Binding, ClaimSnapshot
from volrewind.model.labels import HOLD, MANAGED_BY, MANAGER
from volrewind.model.policy import parse_keep
from volrewind.plan.claim_deletion import Around
from volrewind.plan.claim_pruning import Asked, ClaimVerdict, judge_claims
from volrewind.plan.pruning import Pruning
from volrewind.plan.snapshot_users import Users

UTC = ZoneInfo("UTC")
LAST_ONE = Pruning(parse_keep("last 1"), None, UTC)
OURS = {MANAGED_BY: MANAGER}
ALONE = Around(users=Users())


def cut(
    name: str, hours_ago: float, *, of: str = "data", labels: dict[str, str] | None = None, **more: object
) -> ClaimSnapshot:
    """Return a snapshot of ours that was cut some hours ago, and asked for then."""
    then = NOW - timedelta(hours=hours_ago)
    found = {"binding": Binding.VERIFIED, "claim": of, "cut": then, "created": then, "labels": OURS | (labels or {})}
    return snapshot(name, **{**found, **more})


def judge(
    snapshots: Sequence[ClaimSnapshot],
    pruning: Pruning = LAST_ONE,
    *,
    around: dict[str, Around] | None = None,
    adopted: Collection[str] = (),
) -> dict[str, ClaimVerdict]:
    """Return verdicts by name."""
    known = around or {}
    asked = Asked(
        snapshots=snapshots,
        around=lambda one: known.get(one.name, ALONE),
        adopted=adopted,
        witnesses=[one.created for one in snapshots],
    )
    return {one.snapshot.name: one for one in judge_claims(asked, pruning, NOW)}


def gone(verdicts: dict[str, ClaimVerdict]) -> set[str]:
    return {name for name, one in verdicts.items() if not one.keep}


def test_each_claim_is_judged_by_itself() -> None:
    found = judge([cut("a", 3), cut("b", 2), cut("c", 1, of="logs"), cut("d", 0.5, of="logs", namespace="dev")])
    assert gone(found) == {"a"}
    assert found["b"].reasons == ("last 1/1",) and found["a"].reasons == ("no rule keeps it",)


def test_what_others_made_neither_counts_nor_goes_unless_it_is_adopted() -> None:
    theirs = cut("theirs", 1, labels={MANAGED_BY: "Helm"})
    ours = [cut("a", 3), cut("b", 2)]
    assert gone(judge([theirs, *ours])) == {"a"}
    assert judge([theirs, *ours])["theirs"].reasons == ("not ours: only --adopt lets rules remove it",)
    assert gone(judge([theirs, *ours], adopted={theirs.uid})) == {"a", "b"}


@pytest.mark.parametrize(
    "bad",
    [
        cut("bad", 0.1, reported_ready=False),
        cut("bad", 0.1, binding=Binding.BROKEN),
        cut("bad", 0.1, is_deleted=True),
        cut("bad", 0.1, of=""),
    ],
)
def test_what_cannot_be_restored_or_is_of_no_claim_keeps_no_good_one_from_being_the_last(bad: ClaimSnapshot) -> None:
    found = judge([bad, cut("good", 5)], Pruning((), timedelta(hours=1), UTC))
    assert gone(found) == set()
    assert found["good"].reasons == ("the last good snapshot of its volume",)


def test_who_needs_it_is_the_reason() -> None:
    restoring = Around(users=Users(restoring=(claim("new", phase=Phase.PENDING),)))
    marked = Around(users=Users(marks=("volrewind.io/clone",)))
    found = judge([cut("a", 4), cut("b", 3), cut("held", 2, labels={HOLD: "true"}), cut("c", 1)],
                  around={"a": restoring, "b": marked})  # fmt: skip
    assert gone(found) == set()
    assert "it is being restored" in found["a"].reasons[0] and "a clone" in found["b"].reasons[0]
    assert found["held"].reasons == ("hold",)


def test_a_group_goes_as_a_whole_or_stays() -> None:
    data, logs = cut("data-1", 3, group="both"), cut("logs-1", 3, of="logs", group="both")
    around = {
        "data-1": Around(users=Users(), is_grouped=True, together=("logs-1",)),
        "logs-1": Around(users=Users(), is_grouped=True, together=("data-1",)),
    }
    newer = cut("data-2", 1)
    found = judge([data, logs, newer], around=around)
    assert found["data-1"].reasons == ("cut together with logs-1, which stays",) and gone(found) == set()
    assert gone(judge([data, newer], around=around)) == set(), "the other one was not even asked about"
    assert gone(judge([data, logs, newer, cut("logs-2", 1, of="logs")], around=around)) == {"data-1", "logs-1"}


def test_safety_snapshots_stay_for_a_day() -> None:
    safety = {"volrewind.io/purpose": "safety"}
    found = judge([cut("old", 30, labels=safety), cut("new", 3, labels=safety), cut("last", 1)])
    assert gone(found) == {"old"}


def test_a_driver_whose_clock_was_behind_makes_nothing_old() -> None:
    behind = cut("behind", 24 * 30, created=NOW - timedelta(hours=2))
    found = judge([behind, cut("newest", 1)], Pruning((), timedelta(days=7), UTC, trust_clock=True))
    assert gone(found) == set() and "whose clock was set back" in found["behind"].reasons


def test_a_clock_that_seems_to_have_jumped_stops_all_of_it() -> None:
    days = [cut(f"d{number}", 24 * (400 + number)) for number in range(5)]
    old = Pruning((), timedelta(days=30), UTC)
    with pytest.raises(Refused, match="nothing was deleted: a clock may have jumped by 400 days"):
        judge([*days, cut("now", 0)], old)
    assert gone(judge([*days, cut("now", 0)], Pruning((), timedelta(days=30), UTC, trust_clock=True))) == {
        one.name for one in days
    }


@pytest.mark.parametrize("words", [((), None), (parse_keep("last 1"), timedelta(days=1))])
def test_nothing_is_ever_read_as_delete_everything(words: tuple[object, object]) -> None:
    with pytest.raises(EmptyPolicy):
        Pruning(words[0], words[1], UTC)  # type: ignore[arg-type]


@given(
    st.lists(
        st.tuples(
            st.integers(0, 400),
            st.sampled_from(["data", "logs", ""]),
            st.booleans(),
            st.booleans(),
            st.booleans(),
        ),
        max_size=12,
    ),
    st.sampled_from(["last 1", "2 daily", "1 hourly, 1 yearly"]),
)
def test_whatever_there_is_a_claim_keeps_a_good_one_and_only_ours_go(
    some: list[tuple[int, str, bool, bool, bool]], rules: str
) -> None:
    snapshots = [
        cut(
            f"s{number}",
            hours,
            of=of,
            reported_ready=ready,
            labels={} if ours else {MANAGED_BY: "other"},
            is_deleted=going,
        )
        for number, (hours, of, ready, ours, going) in enumerate(some)
    ]
    found = judge(snapshots, Pruning(parse_keep(rules), None, UTC, trust_clock=True))

    assert set(found) == {one.name for one in snapshots}
    left = [one.snapshot for one in found.values() if one.keep]
    for one in found.values():
        if not one.keep:
            assert one.snapshot.is_ours and one.snapshot.is_ready and one.snapshot.source
            assert any(other.is_ready and other.source == one.snapshot.source for other in left)
