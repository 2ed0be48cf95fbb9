"""The program as its users run it: words, formats, exit codes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from volrewind import errors
from volrewind.cli.main import COMMANDS, cli


@dataclass(frozen=True)
class Shell:
    """A working directory and a state directory of its own."""

    place: Path
    state: Path

    def run(self, *words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "volrewind", *words],
            cwd=self.place,
            env={**os.environ, "VOLREWIND_STATE": str(self.state)},
            capture_output=True,
            text=True,
            errors="surrogateescape",
            check=False,
        )
        assert done.returncode == code, (words, done.returncode, done.stdout, done.stderr)
        assert "Traceback" not in done.stderr
        return done

    def newest(self) -> str:
        return self.run("list", "-o", "name").stdout.splitlines()[-1]


@pytest.fixture
def bare(tmp_path: Path) -> Shell:
    place, state = tmp_path / "place", tmp_path / "state"
    place.mkdir()
    state.mkdir()
    return Shell(place, state)


def test_status_ends_with_1_when_something_is_wrong(bare: Shell) -> None:
    bare.run("status")
    (bare.state / "pools").mkdir()
    (bare.state / "pools" / "main.json").write_text("{")

    assert "main.json" in bare.run("status", code=1).stderr


@pytest.mark.parametrize("words", [("--help",), ("list", "--help"), ("--version",)])
def test_what_could_not_be_written_is_a_failure(bare: Shell, words: tuple[str, ...]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "volrewind", *words], stdout=full, stderr=subprocess.PIPE, text=True
        )

    assert (done.returncode, "No space left" in done.stderr) == (1, True)


def test_a_closed_output_is_no_failure(bare: Shell) -> None:
    bare.run("--version")
    closed = subprocess.run(["sh", "-c", 'exec "$@" >&-', "sh", sys.executable, "-m", "volrewind", "--help"])

    assert closed.returncode == 0


@pytest.fixture
def shell(bare: Shell) -> Iterator[Shell]:
    bare.run("pool", "create", "main", "--size", "512Mi", "--sparse")
    (bare.place / "data").mkdir()
    (bare.place / "data" / "one").write_text("first")
    try:
        yield bare
    finally:
        bare.run("pool", "destroy", "main", "--with-snapshots")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example(name: str) -> None:
    import click

    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    if isinstance(command, click.Group):
        for each in command.commands.values():
            assert "volrewind " in (each.help or "")
    else:
        assert f"volrewind {name}" in (command.help or "")


def test_help_names_every_command(bare: Shell) -> None:
    shown = bare.run("--help").stdout
    assert all(f"  {name} " in shown for name in COMMANDS)


def test_an_unknown_command_is_a_usage_error(bare: Shell) -> None:
    assert bare.run("nonsense", code=2).stdout == ""


def test_a_claim_without_a_cluster_is_refused_with_a_hint(bare: Shell) -> None:
    done = bare.run("create", "data-pvc", code=errors.UsageError.exit_code)
    assert "hint: write ./data-pvc" in done.stderr


def test_an_unknown_snapshot_is_not_found(bare: Shell) -> None:
    assert "does not exist" in bare.run("describe", "nothing", code=3).stderr


@pytest.mark.parametrize("name", ["../../etc/passwd", "a/../b", "x\ny", "", "-", "A"])
def test_a_bad_pool_name_is_a_usage_error(bare: Shell, name: str) -> None:
    bare.run("pool", "destroy", "--", name, code=2)


@pytest.mark.parametrize(
    "words",
    [
        ("cleanup",),
        ("cleanup", "--keep", "0 daily"),
        ("cleanup", "--older-than", "1M"),
        ("cleanup", "--keep", " ", "--older-than", "0d"),
    ],
)
def test_cleanup_never_reads_nonsense_as_delete_everything(bare: Shell, words: tuple[str, ...]) -> None:
    bare.run(*words, code=2)


def test_what_a_cluster_role_endangers_stands_above_it(bare: Shell) -> None:
    said = bare.run("rbac", "keep", "-n", "shop").stdout
    role, whole = (one for one in said.split("---\n") if one)
    assert role.startswith("apiVersion:") and "namespace: shop" in role
    assert whole.startswith("# Danger: contents belong to the whole cluster") and "kind: ClusterRole" in whole
    assert bare.run("rbac", "--list").stdout.count(":") >= 7
    bare.run("rbac", "read", "-A", "-n", "shop", code=2)


@pytest.mark.root
def test_a_directory_goes_back_in_time(shell: Shell) -> None:
    one = shell.place / "data" / "one"
    shell.run("create", "./data")
    first = shell.newest()
    one.write_text("second")
    assert "~ one" in shell.run("diff", first).stdout
    assert shell.run("cat", first, "one").stdout == "first"
    shell.run("rollback", first)
    assert one.read_text() == "first"
    shell.run("undo", "./data")
    assert one.read_text() == "second"


@pytest.mark.root
def test_the_formats_of_list_agree(shell: Shell) -> None:
    shell.run("create", "./data", "--note", "two words")
    documents = json.loads(shell.run("list", "-o", "json").stdout)
    import yaml

    again = yaml.safe_load(shell.run("list", "-o", "yaml").stdout)
    assert [{**one, "ageSeconds": 0} for one in again] == [{**one, "ageSeconds": 0} for one in documents]
    assert [document["name"] for document in documents] == shell.run("list", "-o", "name").stdout.split()
    assert documents[0]["ready"] is True
    assert documents[0]["note"] == "two words"
    assert documents[0]["source"] == str(shell.place / "data")
    table = shell.run("list").stdout.splitlines()
    assert table[0].split() == ["NAME", "SOURCE", "READY", "SIZE", "POOL", "AGE"]
    assert table[1].split()[0] == documents[0]["name"]


@pytest.mark.root
def test_json_of_create_says_why(shell: Shell) -> None:
    document = json.loads(shell.run("create", "./data", "-o", "json").stdout)[0]
    assert document["consistency"] == "copied"
    assert "pool 'main'" in document["reason"]


@pytest.mark.root
def test_some_of_several_failing_has_its_own_code(shell: Shell) -> None:
    done = shell.run("create", "./data", "./nothing", code=6)
    assert "nothing" in done.stderr
    assert len(shell.run("list", "-o", "name").stdout.split()) == 1


@pytest.mark.root
def test_names_that_are_no_text_are_shown_escaped(shell: Shell) -> None:
    strange = os.fsencode(shell.place / "data") + b"/bad\xff\nname"
    with open(strange, "wb"):
        pass
    shell.run("create", "./data")
    first = shell.newest()
    assert "bad\\xff\\nname" in shell.run("ls", first).stdout
    names = [entry["name"] for entry in json.loads(shell.run("ls", first, "-o", "json").stdout)]
    assert "bad\\xff\nname" in names
    os.unlink(strange)
    assert "- bad\\xff\\nname" in shell.run("diff", first).stdout


@pytest.mark.root
def test_a_link_in_a_snapshot_never_leads_out_of_it(shell: Shell) -> None:
    (shell.place / "secret").write_text("outside")
    (shell.place / "data" / "way-out").symlink_to("../secret")
    (shell.place / "data" / "absolute").symlink_to(shell.place / "secret")
    shell.run("create", "./data")
    first = shell.newest()
    for path in ("way-out", "absolute", "../secret", "../../../../etc/passwd"):
        done = subprocess.run(
            [sys.executable, "-m", "volrewind", "cat", first, path],
            cwd=shell.place,
            env={**os.environ, "VOLREWIND_STATE": str(shell.state)},
            capture_output=True,
            check=False,
        )
        assert done.returncode != 0
        assert done.stdout == b""


@pytest.mark.root
def test_the_last_good_snapshot_needs_a_word(shell: Shell) -> None:
    shell.run("create", "./data")
    first = shell.newest()
    shell.run("delete", first, code=5)
    shell.run("delete", first, "--allow-last")


@pytest.mark.root
def test_a_pool_that_holds_something_is_not_destroyed(shell: Shell) -> None:
    shell.run("create", "./data")
    assert "holds" in shell.run("pool", "destroy", "main", code=5).stderr


@pytest.mark.root
def test_a_pool_is_mounted_again_when_it_is_needed(shell: Shell) -> None:
    shell.run("volume", "create", "pgdata", "--size", "64Mi")
    (shell.place / "pgdata").mkdir()
    shell.run("volume", "mount", "pgdata", "./pgdata")
    (shell.place / "pgdata" / "row").write_text("1")
    shell.run("pool", "unmount", "main")
    assert list((shell.place / "pgdata").iterdir()) == []
    assert "pgdata" in shell.run("pool", "mount", "main").stdout
    assert (shell.place / "pgdata" / "row").read_text() == "1"


@pytest.mark.root
def test_a_deleted_mirror_is_said_to_leave_its_directory(shell: Shell) -> None:
    shell.run("create", "./data")
    (shell.place / "empty").mkdir()
    assert "hint: `volrewind clone`" in shell.run("volume", "mount", "data", "./empty", code=5).stderr
    said = shell.run("volume", "delete", "data").stdout

    assert said == f"pool:data is gone; directory {shell.place / 'data'} stays as it is\n"
    assert (shell.place / "data" / "one").read_text() == "first"


@pytest.mark.root
def test_the_unit_is_one_systemd_accepts(shell: Shell, tmp_path: Path) -> None:
    unit = tmp_path / "volrewind-pool-main.service"
    unit.write_text(shell.run("pool", "unit", "main").stdout)
    done = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False)
    complaints = [line for line in done.stderr.splitlines() if "volrewind" in line]
    assert complaints == [], done.stderr


@pytest.mark.root
def test_cleanup_says_why_for_each(shell: Shell) -> None:
    for _ in range(3):
        shell.run("create", "./data")
    rows = json.loads(shell.run("cleanup", "--keep-last", "1", "--dry-run", "-o", "json").stdout)
    assert [row["keep"] for row in rows] == [True, False, False]
    assert all(row["reasons"] for row in rows)
    assert len(shell.run("list", "-o", "name").stdout.split()) == 3
    shell.run("cleanup", "--keep-last", "1")
    assert len(shell.run("list", "-o", "name").stdout.split()) == 1
