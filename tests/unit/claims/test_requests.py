"""A cluster that asks us to come back later is asked again, and says why in the end."""

from __future__ import annotations

import pytest
from scripted_api import HANG, scripted, status, thing

from volrewind.cluster import kinds
from volrewind.errors import Unreachable

BUSY = {**status(429, "TooManyRequests", "storage is (re)initializing"), "after": "0"}


def test_a_cluster_that_is_busy_is_asked_again() -> None:
    with scripted([BUSY, BUSY, ("5", [thing("a", "1")])], [[HANG]]) as (cluster, script):
        assert [one.metadata.name for one in cluster.each(kinds.SNAPSHOT, namespace="shop")] == ["a"]
        assert len(script.asked) == 3


def test_one_that_stays_busy_is_not_asked_for_ever() -> None:
    with scripted([BUSY], [[HANG]]) as (cluster, _), pytest.raises(Unreachable, match="initializing"):
        list(cluster.each(kinds.SNAPSHOT, namespace="shop"))
