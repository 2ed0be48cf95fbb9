"""Programs in containers: their streams, their ends, and how they are left."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable

import pytest
from lightkube import Client
from lightkube.models.rbac_v1 import PolicyRule
from pods import Pods, container

from volrewind.clock import SystemClock
from volrewind.cluster.client import Connection
from volrewind.cluster.executing import Container, run, session
from volrewind.errors import Denied, NotFound, TimedOut, VolrewindError

pytestmark = pytest.mark.node

MIB = 2**20


@pytest.fixture
def place(admin: Client, namespace: str) -> Container:
    pods = Pods(admin, namespace)
    pods.create("box", container("sleep", "3600"))
    pods.wait_for("box", "Running")
    return Container(namespace, "box")


@pytest.fixture
def cluster_as(
    account: Callable[..., str], as_account: Callable[[str], Client], namespace: str
) -> Callable[..., Connection]:
    def make(*verbs: str) -> Connection:
        rules = [PolicyRule(apiGroups=[""], resources=["pods/exec"], verbs=list(verbs))] if verbs else []
        return Connection(as_account(account(*rules)), SystemClock(), namespace)

    return make


@pytest.fixture
def cluster_of(cluster_as: Callable[..., Connection]) -> Connection:
    return cluster_as("get", "create")


def test_output_comes_in_order_and_whole_and_the_exit_code_with_it(cluster_of: Connection, place: Container) -> None:
    digest, size = hashlib.sha256(), 0

    def out(piece: bytes) -> None:
        nonlocal size
        digest.update(piece)
        size += len(piece)

    ended = run(cluster_of, place, ("sh", "-c", f"yes 0123456 | head -c {200 * MIB}; echo why >&2; exit 7"), out)

    assert (ended.code, ended.said, size) == (7, "why\n", 200 * MIB)
    assert digest.hexdigest() == hashlib.sha256(b"0123456\n" * (200 * MIB // 8)).hexdigest()


def test_input_and_output_flow_at_the_same_time(cluster_of: Connection, place: Container) -> None:
    sent = bytes(range(256)) * (32 * MIB // 256)
    got = io.BytesIO()

    ended = run(cluster_of, place, ("cat",), got.write, stdin=io.BytesIO(sent))

    assert ended.code == 0 and got.getvalue() == sent


def test_a_session_stays_open_between_questions(cluster_of: Connection, place: Container) -> None:
    with session(cluster_of, place, ("sh",), stdin=True) as shell:
        parts = shell.parts()
        shell.send(b"kept=1; echo one\n")
        assert next(parts) == b"one\n"
        shell.send(b"echo $kept\n")
        assert next(parts) == b"1\n"
        shell.end_input()
        assert list(parts) == []

    assert shell.ended is not None and shell.ended.code == 0


def test_a_program_that_does_not_end_is_given_up(cluster_of: Connection, place: Container) -> None:
    with pytest.raises(TimedOut):
        run(cluster_of, place, ("sleep", "60"), print, deadline_seconds=1)


def test_a_program_that_is_not_there_is_a_failure(cluster_of: Connection, place: Container) -> None:
    with pytest.raises(VolrewindError, match="nonesuch"):
        run(cluster_of, place, ("nonesuch",), print)


def test_a_pod_that_is_not_there_is_told(cluster_as: Callable[..., Connection], namespace: str) -> None:
    with pytest.raises(NotFound):
        run(cluster_as("get", "create"), Container(namespace, "none"), ("true",), print)


def test_who_may_not_is_told_which_rule_is_missing(cluster_as: Callable[..., Connection], place: Container) -> None:
    with pytest.raises(Denied) as caught:
        run(cluster_as(), place, ("true",), print)

    assert "pods/exec" in caught.value.hint


def test_what_the_reader_raises_is_his_own(cluster_of: Connection, place: Container) -> None:
    def full(_: bytes) -> None:
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="the disk is full"):
        run(cluster_of, place, ("echo", "x"), full)
