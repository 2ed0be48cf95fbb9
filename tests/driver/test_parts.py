"""The parts of the driver that need no pool."""

from __future__ import annotations

import errno
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from volrewind import errors
from volrewind.driver import health
from volrewind.driver.locks import Locks
from volrewind.driver.names import checked, checked_node, pool_name
from volrewind.driver.pages import page
from volrewind.driver.status import status_of
from volrewind.driver.wanted import Size
from volrewind.errors import BadSize, Busy, UsageError, VolrewindError
from volrewind.model.names import check_name
from volrewind.model.volume import Volume

NOW = datetime(2026, 11, 24, tzinfo=UTC)
ERRORS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, VolrewindError)]


def volume(number: int, second: int = 0) -> Volume:
    return Volume(id=f"vol-{number:016x}", name=f"v{number}", created=NOW + timedelta(seconds=second))


def test_what_one_holds_nobody_shares() -> None:
    locks = Locks()
    with locks.held("a", shared=["b"]):
        for keys, shared in (("a", []), ("b", []), ("c", ["a"])):
            with pytest.raises(Busy), locks.held(keys, shared=shared):
                raise AssertionError
        with locks.held("c", shared=["b"]):
            pass
    with locks.held("a", "b", "c"):
        pass


def test_a_lock_ends_with_what_failed_under_it() -> None:
    locks = Locks()
    with pytest.raises(ZeroDivisionError), locks.held("a", shared=["b"]):
        raise ZeroDivisionError
    with locks.held("a", "b"):
        pass


@given(st.lists(st.integers(0, 5), max_size=12), st.integers(1, 4))
def test_pages_together_are_the_list(seconds: list[int], size: int) -> None:
    volumes = [volume(number, second) for number, second in enumerate(seconds)]
    seen, token = [], ""
    while True:
        shown, token = page(volumes, token, size)
        assert len(shown) <= size
        seen += shown
        if not token:
            break
    assert seen == sorted(volumes, key=lambda one: (one.created, one.id))


def test_a_page_goes_on_where_its_last_entry_was_though_that_is_gone() -> None:
    volumes = [volume(number, number) for number in range(6)]
    shown, token = page(volumes, "", 3)
    later = [*volumes[:1], *volumes[3:], volume(9, 9)]
    assert [one.name for one in page(later, token, 0)[0]] == ["v3", "v4", "v5", "v9"]
    assert shown == volumes[:3]


@given(st.text(min_size=1, max_size=128))
def test_every_name_becomes_a_legal_one_of_its_own(name: str) -> None:
    assert check_name(pool_name(name)) == pool_name(name)
    assert (pool_name(name) == name) is (pool_name(name + "Ä") != name and not pool_name(name).startswith("csi-"))


@pytest.mark.parametrize("text", ["", "a\0", "\x7f", "ä" * 65, "x" * 129])
def test_text_beyond_the_protocol_s_limits_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        checked(text, "name")


@pytest.mark.parametrize("node", ["", "-a", "a" * 64, "a/b", "a\n"])
def test_a_node_that_could_not_be_a_label_is_refused(node: str) -> None:
    with pytest.raises(UsageError):
        checked_node(node)


@given(st.integers(0, 100), st.integers(0, 100), st.integers(1, 100), st.integers(1, 100))
def test_a_chosen_size_is_within_what_was_asked_for(required: int, limit: int, smallest: int, default: int) -> None:
    size = Size(required, limit if limit >= required else 0)
    try:
        chosen = size.chosen(smallest, default)
    except BadSize:
        assert size.limit_bytes < max(smallest, required)
        return
    assert size.admits(chosen)
    assert chosen >= smallest


@pytest.mark.parametrize("kind", ERRORS)
def test_every_error_has_a_code_and_says_its_hint(kind: type[VolrewindError]) -> None:
    code, said = status_of(kind("it failed", hint="do this"))
    assert code is grpc.StatusCode[kind.grpc_code]
    assert said == "it failed (do this)"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (OSError(errno.ENOSPC, "full"), "RESOURCE_EXHAUSTED"),
        (OSError(errno.EDQUOT, "quota"), "RESOURCE_EXHAUSTED"),
        (OSError(errno.EIO, "disk"), "INTERNAL"),
        (ZeroDivisionError(), "INTERNAL"),
    ],
)
def test_what_nobody_translated_is_ours(error: Exception, code: str) -> None:
    assert status_of(error)[0].name == code


def asked(socket: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Ask at a socket as the kubelet does."""
    command = [sys.executable, "-I", *options, "-m", health.__name__, str(socket)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_who_asks_whether_a_driver_is_well_is_told_why_it_is_not(tmp_path: Path) -> None:
    reasons = ["", "a pool is gone"]
    health.answer(tmp_path / "health.sock", lambda: reasons[0])
    assert (asked(tmp_path / "health.sock").returncode, asked(tmp_path / "health.sock").stdout) == (0, "well\n")
    reasons.pop(0)
    assert (asked(tmp_path / "health.sock").returncode, asked(tmp_path / "health.sock").stdout) == (
        1,
        "a pool is gone\n",
    )


def test_a_question_that_fails_is_answered_and_so_is_the_next(tmp_path: Path) -> None:
    outcomes = iter([OSError(errno.EIO, "input/output error"), None])

    def why_not() -> str:
        if error := next(outcomes):
            raise error
        return ""

    health.answer(tmp_path / "health.sock", why_not)
    assert "input/output error" in asked(tmp_path / "health.sock").stdout
    assert asked(tmp_path / "health.sock").returncode == 0


def test_asking_a_driver_that_is_gone_costs_no_more_than_that(tmp_path: Path) -> None:
    done = asked(tmp_path / "health.sock", "-X", "importtime")
    loaded = {line.rsplit("|", 1)[1].strip().partition(".")[0] for line in done.stderr.splitlines() if "|" in line}
    assert done.returncode == 1
    assert "no driver answers" in done.stdout
    assert not loaded & {"grpc", "google", "msgspec", "click", "logging", "asyncio"}
