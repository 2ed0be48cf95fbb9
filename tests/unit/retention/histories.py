"""Snapshots to judge, made by hand and by Hypothesis, and what is asked of the verdicts."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from volrewind.model.names import snapshot_name
from volrewind.model.policy import KeepKind, KeepRule, Weekday, parse_keep
from volrewind.model.snapshot import Purpose, Snapshot, State
from volrewind.plan.retention import Verdict, judge

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
PARIS = ZoneInfo("Europe/Paris")
NEW_YORK = ZoneInfo("America/New_York")
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")  # moves its clock by half an hour
CASABLANCA = ZoneInfo("Africa/Casablanca")  # moves it for the month of Ramadan
ZONES = [PARIS, NEW_YORK, LORD_HOWE, CASABLANCA]


def snapshot(created: datetime = NOW, **fields: Any) -> Snapshot:  # Any: a Snapshot's own fields
    name = snapshot_name("db", created)
    usual: dict[str, Any] = {"id": name, "name": name, "volume_id": "v", "volume": "db", "created": created}
    return Snapshot(**usual | fields)


def every(step: timedelta, count: int, *, until: datetime = NOW) -> list[Snapshot]:
    return [snapshot(until - step * n) for n in range(count)]


def kept(verdicts: Iterable[Verdict]) -> list[Snapshot]:
    return [verdict.snapshot for verdict in verdicts if verdict.keep]


def ids(snapshots: Iterable[Snapshot]) -> set[str]:
    return {each.id for each in snapshots}


def reasons(verdicts: Iterable[Verdict]) -> dict[str, tuple[str, ...]]:
    return {verdict.snapshot.id: verdict.reasons for verdict in verdicts}


def decide(snapshots: Iterable[Snapshot], keep: str, **arguments: Any) -> tuple[Verdict, ...]:  # Any: as `judge`
    usual: dict[str, Any] = {"zone": PARIS, "now": NOW}
    return judge(snapshots, parse_keep(keep), **usual | arguments)


COUNTED = st.builds(
    KeepRule,
    kind=st.sampled_from([kind for kind in KeepKind if kind is not KeepKind.WITHIN]),
    count=st.integers(1, 12),
)
WEEKLY = st.builds(
    KeepRule, kind=st.just(KeepKind.WEEKLY), count=st.integers(1, 6), week_start=st.sampled_from(Weekday)
)
LENGTHS = st.integers(1, 400 * 24).map(lambda hours: timedelta(hours=hours))
RULE = COUNTED | WEEKLY | st.builds(KeepRule, kind=st.just(KeepKind.WITHIN), length=LENGTHS)
RULES = st.lists(RULE, min_size=1, max_size=5)
ZONE = st.sampled_from(ZONES)
# Close together and far apart, so that periods hold none, one and many.
MINUTES = st.integers(0, 200).map(lambda n: n * timedelta(minutes=20))
AGES = MINUTES | st.integers(0, 1500).map(lambda n: n * DAY)


@st.composite
def histories(draw: st.DrawFn, *, plain: bool = False) -> list[Snapshot]:
    """Snapshots of up to three volumes; `plain` ones are all good and of one volume."""
    ages = draw(st.lists(AGES, max_size=25))
    made = []
    for number, age in enumerate(ages):
        fields: dict[str, object] = {"id": f"{number:02}"}
        if not plain:
            fields |= {
                "volume_id": draw(st.sampled_from("abc")),
                "state": draw(st.sampled_from([State.READY, State.READY, State.PENDING, State.DAMAGED])),
                "purpose": draw(st.sampled_from(Purpose)),
                "hold": draw(st.sampled_from([False, False, False, True])),
            }
        made.append(snapshot(NOW - age, **fields))
    return made


def good(snapshots: Iterable[Snapshot]) -> list[Snapshot]:
    return [each for each in snapshots if each.state is State.READY]


def newest_good_ids(snapshots: Iterable[Snapshot], count: int) -> set[str]:
    ordered = sorted(good(snapshots), key=lambda each: (each.created, each.id), reverse=True)
    chosen: dict[str, list[str]] = {}
    for each in ordered:
        chosen.setdefault(each.volume_id, []).append(each.id)
    return {each for of_volume in chosen.values() for each in of_volume[:count]}
