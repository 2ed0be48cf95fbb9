"""Outside programs: text in and out, typed errors, no secrets."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from volrewind.errors import (
    TimedOut,
    ToolFailed,
)
from volrewind.system import process


def test_a_program_s_output_and_code_are_returned() -> None:
    done = process.run(["sh", "-c", "cat; echo oops >&2; exit 3"], ok=frozenset({3}), stdin="in\n")
    assert (done.code, done.out, done.err) == (3, "in\n", "oops\n")


def test_output_that_is_no_text_survives() -> None:
    out = process.run(["printf", r"\377\n"]).out
    assert os.fsencode(out) == b"\xff\n"


def test_a_program_that_is_missing_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "_SBIN", ())
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(ToolFailed, match=r"'mkfs\.btrfs' is not installed") as failure:
        process.run(["mkfs.btrfs"])
    assert "'btrfs-progs'" in failure.value.hint


def test_a_program_that_fails_says_its_last_words_and_no_secret() -> None:
    with pytest.raises(ToolFailed) as failure:
        process.run(["sh", "-c", "echo first; echo the reason >&2; exit 7"], environment={"PASSWORD": "hunter2"})
    assert "code 7" in failure.value.message
    assert "the reason" in failure.value.message
    assert "hunter2" not in f"{failure.value.message}{failure.value.hint}{failure.value.__cause__}"


def test_a_program_that_hangs_is_killed() -> None:
    with pytest.raises(TimedOut, match="sleep"):
        process.run(["sleep", "60"], timeout_seconds=0.05)


def test_programs_speak_english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    assert process.run(["sh", "-c", "echo $LC_ALL"]).out == "C.UTF-8\n"


def test_output_goes_into_a_new_file_only(tmp_path: Path) -> None:
    process.run(["echo", "hello"], stdout_path=tmp_path / "out")
    assert (tmp_path / "out").read_text() == "hello\n"
    with pytest.raises(FileExistsError):
        process.run(["echo", "again"], stdout_path=tmp_path / "out")
