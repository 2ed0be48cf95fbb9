"""What a moment in words means, also where clocks were changed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from volrewind.errors import UsageError
from volrewind.plan.moments import first_at, parse_moment

PARIS = ZoneInfo("Europe/Paris")
ZONES = st.sampled_from(
    ["Europe/Paris", "America/New_York", "America/Santiago", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC"]
).map(ZoneInfo)
SECONDS = st.datetimes(datetime(1980, 1, 1), datetime(2037, 1, 1), timezones=st.just(UTC)).map(
    lambda moment: moment.replace(microsecond=0)
)
NOW = datetime(2026, 11, 11, 9, 30, tzinfo=UTC)  # a Wednesday, 10:30 in Paris
LATER = datetime(2038, 1, 1, tzinfo=UTC)


def meant(text: str, now: datetime = NOW) -> str:
    return parse_moment(text, now=now, zone=PARIS).astimezone(PARIS).strftime("%a %d.%m. %H:%M:%S")


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("yesterday 18:00", "Tue 10.11. 18:00:00"),
        ("Yesterday at 18:00", "Tue 10.11. 18:00:00"),
        ("  today   09:15 ", "Wed 11.11. 09:15:00"),
        ("9:15", "Wed 11.11. 09:15:00"),
        ("09:15:42", "Wed 11.11. 09:15:42"),
        ("monday 08:30", "Mon 09.11. 08:30:00"),
        ("wednesday 08:30", "Wed 04.11. 08:30:00"),
        ("thursday", "Thu 05.11. 23:59:59"),
        ("yesterday", "Tue 10.11. 23:59:59"),
        ("today", "Wed 11.11. 10:30:00"),
        ("now", "Wed 11.11. 10:30:00"),
        ("3 days ago", "Sun 08.11. 10:30:00"),
        ("1 hour 30 minutes ago", "Wed 11.11. 09:00:00"),
        ("2h30m ago", "Wed 11.11. 08:00:00"),
        ("2026-10-31", "Sat 31.10. 23:59:59"),
        ("2026-10-31 18:00", "Sat 31.10. 18:00:00"),
        ("2026-10-31T18:00", "Sat 31.10. 18:00:00"),
        ("2026-10-31T18:00Z", "Sat 31.10. 19:00:00"),
        ("2026-10-31 18:00:30 -0500", "Sun 01.11. 00:00:30"),
    ],
)
def test_what_people_say_is_understood(text: str, moment: str) -> None:
    assert meant(text) == moment


@pytest.mark.parametrize(
    "text",
    ["", " ", "ago", "at", "at 18:00", "sometime", "yesterday18:00", "yesterday 25:00", "2026-02-30", "2026-13-01 10:00",
     "18", "1M ago", "-1h ago", "0001-01-01", "9999-12-31", "1969-12-30", "9999-12-31T23:00-2359", "monday tuesday",
     "2026-10-31T18:00+99:99", "٢٠٢٦-10-31"],
)  # fmt: skip
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_moment(text, now=NOW, zone=PARIS)


@pytest.mark.parametrize("text", ["today 18:00", "18:00", "2026-11-12", "2027-01-01 00:00", "2026-11-11T09:31Z"])
def test_what_has_not_come_yet_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="has not come yet in Europe/Paris"):
        parse_moment(text, now=NOW, zone=PARIS)


def test_a_time_that_came_twice_is_its_first_coming() -> None:
    # on 25 October 2026 clocks went from 03:00 (+02:00) back to 02:00 (+01:00)
    assert parse_moment("2026-10-25 02:30", now=NOW, zone=PARIS) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


def test_a_time_that_was_left_out_is_the_moment_at_which_it_was() -> None:
    # on 29 March 2026 clocks went from 02:00 (+01:00) on to 03:00 (+02:00)
    assert parse_moment("2026-03-29 02:30", now=NOW, zone=PARIS) == datetime(2026, 3, 29, 1, 0, tzinfo=UTC)


def test_a_day_ago_is_exact_and_yesterday_is_of_the_calendar() -> None:
    now = datetime(2026, 10, 25, 17, 0, tzinfo=UTC)  # 18:00, on a day of 25 hours
    assert meant("1 day ago", now) == "Sat 24.10. 19:00:00"
    assert meant("yesterday 18:00", now) == "Sat 24.10. 18:00:00"


@given(SECONDS, ZONES)
def test_a_moment_with_its_offset_is_itself(moment: datetime, zone: ZoneInfo) -> None:
    assert parse_moment(moment.astimezone(zone).isoformat(), now=LATER, zone=zone) == moment


@given(SECONDS, ZONES)
def test_a_moment_as_the_wall_shows_it_is_itself_or_its_earlier_twin(moment: datetime, zone: ZoneInfo) -> None:
    shown = moment.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")

    found = parse_moment(shown, now=LATER, zone=zone)

    assert found <= moment
    assert found.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S") == shown


@given(st.datetimes(datetime(1980, 1, 1), datetime(2037, 1, 1)), ZONES)
def test_it_is_the_first_moment_that_shows_so_late_a_time(wall: datetime, zone: ZoneInfo) -> None:
    found = first_at(wall := wall.replace(microsecond=0), zone)

    before = found - timedelta(seconds=1)
    assert found.astimezone(zone).replace(tzinfo=None) >= wall
    assert before.astimezone(zone).replace(tzinfo=None) < wall


@given(st.lists(st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31)), min_size=2), ZONES)
def test_a_later_time_is_never_an_earlier_moment(walls: list[datetime], zone: ZoneInfo) -> None:
    assert all(first_at(one, zone) <= first_at(other, zone) for one, other in pairwise(sorted(walls)))


@given(SECONDS, ZONES)
def test_what_is_said_without_an_offset_is_never_in_the_future(now: datetime, zone: ZoneInfo) -> None:
    for text in ("today", "yesterday", "sunday", "yesterday 23:59", "friday 00:00", "1s ago"):
        assert parse_moment(text, now=now, zone=zone) <= now
