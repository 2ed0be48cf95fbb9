"""Snapshots that were cut while the clock of the host was years behind, as before NTP has answered."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.services.conftest import Host
from volrewind.model.change import ChangeKind
from volrewind.model.policy import parse_keep
from volrewind.model.snapshot import Snapshot
from volrewind.services import restores, snapshots
from volrewind.services.retention import CleanupRequest, plan_cleanup
from volrewind.services.status import status

pytestmark = pytest.mark.root
BEHIND = datetime(2001, 1, 1, tzinfo=UTC)


def cut_behind(host: Host, *, begin: datetime = BEHIND, count: int = 1) -> list[Snapshot]:
    """Take snapshots by a wrong clock, and let the right one go on as if they had taken a minute."""
    right = host.clock.time
    host.clock.time = begin
    taken = [host.create("./data") for _ in range(count)]
    host.clock.time = right + timedelta(minutes=1)
    return taken


def kept_by(host: Host, request: CleanupRequest) -> list[str]:
    return [one.verdict.snapshot.name for one in plan_cleanup(host.environment, request) if one.verdict.keep]


def test_the_order_is_that_of_making(host: Host) -> None:
    host.directory()
    made = [host.create("./data")]
    made += cut_behind(host, count=2)
    made += cut_behind(host, begin=BEHIND - timedelta(days=1))
    made += [host.create("./data")]
    names = [one.name for one in made]

    assert [one.snapshot.name for one in snapshots.list_snapshots(host.environment)[0]] == names
    assert [one.name for one in host.environment.inventory.pool("main").snapshots()] == names


def test_the_newest_is_the_one_made_last(host: Host) -> None:
    host.directory()
    host.create("./data")
    (behind,) = cut_behind(host)
    (found,) = status(host.environment, within=timedelta(days=1)).volumes

    assert found.newest is not None
    assert found.newest.name == behind.name
    assert found.problems == ()
    assert found.age is not None
    assert found.age < timedelta(hours=1)


def test_age_does_not_remove_what_only_the_clock_made_old(host: Host) -> None:
    host.directory()
    first = host.create("./data").name
    host.clock.sleep(20 * 86400)
    behind = [one.name for one in cut_behind(host, count=2)]
    last = host.create("./data").name
    host.clock.sleep(3 * 86400)

    assert kept_by(host, CleanupRequest(older_than=timedelta(days=7))) == [last, *reversed(behind)]
    host.clock.sleep(10 * 86400)
    newer = host.create("./data").name
    assert kept_by(host, CleanupRequest(older_than=timedelta(days=7))) == [newer], "but old it does become"
    assert first not in kept_by(host, CleanupRequest(older_than=timedelta(days=7)))


def test_another_volume_s_snapshots_tell_the_order_too(host: Host) -> None:
    host.directory()
    host.directory("other")
    host.create("./other")
    behind = [one.name for one in cut_behind(host, count=2)]

    assert set(behind) <= set(kept_by(host, CleanupRequest((host.target("./data"),), older_than=timedelta(days=7))))


def test_the_last_good_one_is_the_one_made_last(host: Host) -> None:
    host.directory()
    host.create("./data")
    host.clock.sleep(86400)
    (behind,) = cut_behind(host)
    host.clock.sleep(40 * 86400)

    assert behind.name in kept_by(host, CleanupRequest(rules=parse_keep("last 1")))


@pytest.mark.parametrize("text", ["./data", "pool:pgdata"])
def test_a_difference_is_found_whatever_the_clock_said(host: Host, text: str) -> None:
    place = host.directory() if text == "./data" else host.mounted_volume()
    (place / "one").write_text("first")
    first = host.create(text).name
    (place / "one").write_text("changed")
    (place / "new").write_text("new")
    host.clock.time = BEHIND
    second = host.create(text).name
    with restores.differences(host.environment, first, second) as found:
        changes = {change.path: change.kind for change in found if change.path != "."}

    assert changes == {"one": ChangeKind.CHANGED, "new": ChangeKind.ADDED}
