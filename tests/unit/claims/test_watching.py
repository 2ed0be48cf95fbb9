"""What is waited for is seen, whatever happens to the watch; a wait always ends."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from scripted_api import HANG, scripted, status, thing

from volrewind.cluster import kinds
from volrewind.cluster.watching import Known, Watched, wait_for
from volrewind.errors import Denied, TimedOut, Unreachable

WATCHED = Watched(kinds.SNAPSHOT, "shop")
GONE = status(410, "Expired", "too old resource version")
FORBIDDEN = status(403, "Forbidden", 'User "jane" cannot list resource "volumesnapshots" in API group ""')
UNREADY = status(503, "ServiceUnavailable", "starting")


def names(*wanted: str) -> Callable[[Known], bool | None]:
    """Return what is satisfied as soon as there are just these objects."""
    return lambda known: True if {name for _, name in known} == set(wanted) else None


def test_what_is_there_already_is_not_waited_for() -> None:
    with scripted([("5", [thing("a", "1")])], [[HANG]]) as (cluster, script):
        assert wait_for(cluster, WATCHED, names("a"), "a", deadline_seconds=10)
        assert [asked for asked in script.asked if "watch" in asked] == []


def test_what_comes_and_goes_is_seen() -> None:
    events = [("ADDED", thing("b", "6")), ("DELETED", thing("a", "7")), HANG]
    with scripted([("5", [thing("a", "1")])], [events]) as (cluster, script):
        assert wait_for(cluster, WATCHED, names("b"), "b alone", deadline_seconds=10)
        assert script.asked[-1]["resourceVersion"] == "5"


def test_a_watch_that_ends_goes_on_where_it_was() -> None:
    watches = [[("MODIFIED", thing("a", "6"))], [("BOOKMARK", thing("", "9"))], [("DELETED", thing("a", "10")), HANG]]
    with scripted([("5", [thing("a", "1")])], watches) as (cluster, script):
        assert wait_for(cluster, WATCHED, names(), "its end", deadline_seconds=10)
        assert [asked.get("resourceVersion") for asked in script.asked] == [None, "5", "6", "9"]


@pytest.mark.parametrize("gone", [GONE, [("ERROR", GONE)]], ids=["as an answer", "as an event"])
def test_what_was_deleted_while_nobody_watched_is_missed_after_410(gone: object) -> None:
    with scripted([("5", [thing("a", "1"), thing("b", "1")]), ("9", [thing("b", "1")])], [gone, [HANG]]) as (
        cluster,
        script,
    ):
        assert wait_for(cluster, WATCHED, names("b"), "the end of a", deadline_seconds=10)
        assert ["watch" in asked for asked in script.asked] == [False, True, False]


def test_what_was_made_again_has_another_uid() -> None:
    again = thing("a", "8") | {"metadata": {**thing("a", "8")["metadata"], "uid": "another"}}

    def another(known: Known) -> bool | None:
        return True if known["shop", "a"].metadata.uid == "another" else None

    with scripted([("5", [thing("a", "1")]), ("9", [again])], [GONE, [HANG]]) as (cluster, _):
        assert wait_for(cluster, WATCHED, another, "another", deadline_seconds=10)


def test_a_text_with_a_line_end_that_json_leaves_alone_is_one_event() -> None:
    events = [("ADDED", thing("b", "6", annotations={"note": "one\u0085two\u2028three"})), HANG]
    with scripted([("5", [])], [events]) as (cluster, _):
        assert wait_for(cluster, WATCHED, names("b"), "b", deadline_seconds=10)


def test_a_cluster_that_comes_back_is_waited_for() -> None:
    lists = [("5", []), ("9", [thing("a", "8")])]
    watches = [UNREADY, FORBIDDEN, status(404, "NotFound"), GONE, [HANG]]
    with scripted(lists, watches) as (cluster, _):
        assert wait_for(cluster, WATCHED, names("a"), "a", deadline_seconds=10)


def test_the_deadline_ends_a_silent_watch_and_says_what_was_waited_for() -> None:
    late = pytest.raises(TimedOut, match=r"gave up after 0\.5 s waiting for 0 of 2 to come")
    with scripted([("5", [])], [[HANG]]) as (cluster, _), late:
        wait_for(cluster, WATCHED, names("a"), lambda: "0 of 2 to come", deadline_seconds=0.5)


def test_who_may_not_look_is_told_by_a_cluster_that_is_ready() -> None:
    denied = pytest.raises(Denied, match="you may not list volumesnapshots in namespace 'shop'")
    with scripted([FORBIDDEN], [[HANG]]) as (cluster, _), denied:
        wait_for(cluster, WATCHED, names("a"), "a", deadline_seconds=10)


def test_a_refusal_is_of_no_account_while_the_cluster_starts() -> None:
    with scripted([FORBIDDEN, FORBIDDEN, ("5", [thing("a", "4")])], [[HANG]]) as (cluster, script):
        script.unready = 1
        assert wait_for(cluster, WATCHED, names("a"), "a", deadline_seconds=10)


def test_a_cluster_that_never_answers_is_said_at_the_deadline() -> None:
    with scripted([UNREADY], [[HANG]]) as (cluster, _), pytest.raises(Unreachable, match="starting"):
        wait_for(cluster, WATCHED, names("a"), "a", deadline_seconds=0.5)
