"""`recommend` on a host: what it prints, and that it changes nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from volrewind.errors import Unreachable, UsageError


def recommend(state: Path, *words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    """Run the command on this host."""
    done = subprocess.run(
        [sys.executable, "-m", "volrewind", "recommend", *words],
        env={**os.environ, "VOLREWIND_STATE": str(state)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == code, done.stderr
    return done


def test_it_looks_at_the_host_and_changes_nothing(tmp_path: Path) -> None:
    state = tmp_path / "not" / "there"

    found = json.loads(recommend(state, "-o", "json").stdout)

    assert found["seen"]["cluster"] is None
    assert found["seen"]["host"]["place"]["path"] == str(state)
    assert found["seen"]["host"]["memoryBytes"] > 0
    assert {"pool", "zfs", "copies", "reflink"} == {one["name"] for one in found["ways"]}
    assert list(tmp_path.iterdir()) == []


def test_the_first_is_shown_in_full_and_the_others_in_a_line(tmp_path: Path) -> None:
    first, *others = recommend(tmp_path, "-o", "name", "--need", "simplicity").stdout.split()

    said = recommend(tmp_path, "--need", "simplicity").stdout

    assert f"\n1. {first}: " in said and "   +20 simplicity: " in said and "   measured: " in said
    assert [f"\n{place}      {name} " in said for place, name in enumerate(others, start=2)] == [True] * len(others)
    assert all(f"\n{place}. " in recommend(tmp_path, "-o", "wide").stdout for place in range(1, len(others) + 2))


@pytest.mark.programs("restic")
def test_a_pool_that_was_made_is_seen(tmp_path: Path) -> None:
    made = [sys.executable, "-m", "volrewind", "pool", "create", "copies", "--kind", "restic"]
    subprocess.run(made, env={**os.environ, "VOLREWIND_STATE": str(tmp_path)}, check=True)

    found = json.loads(recommend(tmp_path, "-o", "json").stdout)

    assert found["seen"]["host"]["pools"] == [{"name": "copies", "kind": "restic"}]
    (copies,) = (one for one in found["ways"] if one["name"] == "copies")
    assert copies["begin"] == [{"command": "volrewind create ./DIRECTORY --pool copies"}]


def test_a_cluster_that_does_not_answer_is_no_end_of_it(tmp_path: Path) -> None:
    nobody = {"server": "https://127.0.0.1:9", "insecure-skip-tls-verify": True}
    context = {"name": "here", "context": {"cluster": "here", "user": "me"}}
    (tmp_path / "config").write_text(
        json.dumps(
            {
                "clusters": [{"name": "here", "cluster": nobody}],
                "users": [{"name": "me", "user": {"token": "none"}}],
                "contexts": [context],
                "current-context": "here",
            }
        )
    )
    said = recommend(tmp_path, "--kubeconfig", str(tmp_path / "config"), code=Unreachable.exit_code).stderr
    assert "does not answer" in said and "hint: `volrewind recommend --local` looks at this host alone" in said


def test_what_it_is_for_and_what_is_needed_are_words_we_know(tmp_path: Path) -> None:
    said = recommend(tmp_path, "--need", "speed", code=UsageError.exit_code).stderr
    assert "'speed' is not known" in said and "encryption, dedup, simplicity, ha, offsite" in said
    assert json.loads(recommend(tmp_path, "--for", "production", "-o", "json").stdout)["context"] == "production"
    recommend(tmp_path, "--for", "fun", code=2)
    recommend(tmp_path, "--local", "-n", "shop", code=UsageError.exit_code)
