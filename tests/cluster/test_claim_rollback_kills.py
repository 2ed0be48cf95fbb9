"""A rollback or an undo that is killed at one of its requests: the same command goes on, and undo goes back."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from csi_driver import Driver
from killing import AFTER, BEFORE, killed, unanswered
from mounted import Mounted
from rolled_back import Rewound, kept_volumes
from served import Claims, Program

__all__ = ["kept_volumes"]

pytestmark = [pytest.mark.cluster, pytest.mark.root, pytest.mark.slow]

Given = Callable[..., Program]
_ROLLBACK = ("rollback", "first")
_UNDO = ("undo", "data")
_FIRST = 3  # request of a rollback that changes something; two only ask whether it could, and one of these is refused


@pytest.fixture
def data(claims: Claims, driver: Driver, program: Given, kept_volumes: None) -> Rewound:
    rewound = Rewound(claims, Mounted(driver, claims.kubectl))
    claims.bind("data")
    rewound.mounted.write("data", "before")
    program("create")("create", "data", "--name", "first")
    rewound.mounted.write("data", "after")
    return rewound


def _be_forgotten(data: Rewound, user: Program) -> None:
    """End with the claim as it was, and nothing kept."""
    if data.journal():
        user("undo", "data", "--forget")
    assert (data.holds(), data.claim_names(), data.kept()) == ("after", {"data"}, {})


def _goes_on(data: Rewound, user: Program, at: int, moment: str) -> bool:
    """Kill a rollback, say it again, and undo it; tells whether it was killed at all."""
    died = killed(user, at, moment, *_ROLLBACK)
    user(*_ROLLBACK)
    assert (data.holds(), data.claim_names()) == ("before", {"data"})
    assert sorted(data.kept().values()) == ["Delete", "Retain"], "the volume it has goes with it, the other stays"
    user(*_UNDO)
    _be_forgotten(data, user)
    return died


def _goes_back(data: Rewound, user: Program, at: int, moment: str) -> bool:
    """Kill a rollback, and undo it as it stands; tells whether it was killed at all."""
    died = killed(user, at, moment, *_ROLLBACK)
    user(*_UNDO, code=0 if data.journal() else 3)
    _be_forgotten(data, user)
    return died


def _is_undone_again(data: Rewound, user: Program, at: int, moment: str) -> bool:
    """Kill an undo, and say it again; tells whether it was killed at all."""
    user(*_ROLLBACK)
    died = killed(user, at, moment, *_UNDO)
    if died and not (data.journal()["step"] == "done" and data.holds() == "after"):  # it may have come to its end
        user(*_UNDO)
    _be_forgotten(data, user)
    return died


_AFTERWARDS = [_goes_on, _goes_back, _is_undone_again]


@pytest.mark.parametrize(
    ("at", "moment", "afterwards"),
    [
        (10, AFTER, _goes_back),  # nothing is touched yet
        (23, BEFORE, _goes_on),
        (24, AFTER, _goes_back),
        (12, AFTER, _is_undone_again),
    ],
)
def test_where_it_was_killed_it_goes_on_or_back(
    data: Rewound, program: Given, at: int, moment: str, afterwards: Callable[..., bool]
) -> None:
    assert afterwards(data, program("rollback"), at, moment), "it was over before that"


@pytest.mark.proof
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("moment", [BEFORE, AFTER])
@pytest.mark.parametrize("afterwards", _AFTERWARDS)
def test_wherever_it_is_killed_it_goes_on_or_back(
    data: Rewound, program: Given, afterwards: Callable[..., bool], moment: str
) -> None:
    user, at = program("rollback"), 1 if afterwards is _is_undone_again else _FIRST
    while afterwards(data, user, at, moment):
        at += 1
    assert at > 15, "each step is a request of its own"


def test_it_comes_to_its_end_though_the_answer_to_each_request_is_lost(data: Rewound, program: Given) -> None:
    user = program("rollback")

    said = unanswered(user, *_ROLLBACK)

    assert said.startswith("data   back at first")
    assert (data.holds(), data.claim_names(), data.journal()["step"]) == ("before", {"data"}, "done")
    user(*_UNDO)
    _be_forgotten(data, user)
