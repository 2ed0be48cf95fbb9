"""TAB in a real bash: what there is on this host is offered, and what goes wrong is never said."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.shell_completion import CompletionItem
from terminal import PROGRAMS, Terminal, bash

from volrewind.cli import offering
from volrewind.cli.commands import Group
from volrewind.cli.main import cli
from volrewind.clock import SystemClock
from volrewind.pools.home import Home
from volrewind.pools.place import NewPool
from volrewind.pools.pool import NewSnapshot, NewVolume


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Terminal]:
    (tmp_path / "documents").mkdir()
    with bash({"VOLREWIND_STATE": str(tmp_path / "state")}, tmp_path) as terminal:
        yield terminal


@pytest.mark.parametrize(
    ("line", "completed"),
    [
        ("descr", "describe "),
        ("pool res", "pool resize "),
        ("pool destroy --with", "pool destroy --with-snapshots "),
        ("list -o js", "list -o json "),
        ("list --output=js", "list --output=json "),
        ("rbac gr", "rbac group "),
        ("create ./doc", "create ./documents/"),
        ("describe nothing-like-th", "describe nothing-like-th"),
    ],
)
def test_words_of_commands_are_completed(shell: Terminal, line: str, completed: str) -> None:
    assert shell.after_tab(f"volrewind {line}") == f"volrewind {completed}"


@pytest.fixture
def filled(tmp_path: Path) -> Iterator[Path]:
    home = Home(tmp_path / "filled", SystemClock())
    pool = home.create(NewPool("main", "btrfs", size_bytes=400 * 2**20, sparse=True))
    try:
        volume = pool.create_volume(NewVolume("ledger", 16 * 2**20))
        pool.cut(volume, NewSnapshot("ledger-before"))
        yield home.state
    finally:
        home.destroy(home.place("main"), with_snapshots=True)


@pytest.mark.root
def test_names_of_this_host_are_completed(filled: Path, tmp_path: Path) -> None:
    with bash({"VOLREWIND_STATE": str(filled)}, tmp_path) as shell:
        assert shell.after_tab("volrewind describe led") == "volrewind describe ledger-before "
        assert shell.after_tab("volrewind create pool:l") == "volrewind create pool:ledger "
        assert shell.after_tab("volrewind create pool:") == "volrewind create pool:ledger "
        assert shell.after_tab("volrewind pool resize m") == "volrewind pool resize main "
        assert shell.after_tab("volrewind volume resize --pool=m") == "volrewind volume resize --pool=main "
        assert shell.after_tab("volrewind hold ledger-before led") == "volrewind hold ledger-before led"


def test_contexts_are_completed_and_a_cluster_that_does_not_answer_says_nothing(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        kubeconfig = tmp_path / "config"
        kubeconfig.write_text(_kubeconfig(silent.getsockname()[1]))
        with bash({"KUBECONFIG": str(kubeconfig)}, tmp_path) as shell:
            assert shell.after_tab("volrewind list --context far") == "volrewind list --context far-away "
            begun = time.monotonic()
            assert shell.after_tab("volrewind describe da") == "volrewind describe da"
            assert time.monotonic() - begun < 20  # a request is given 30 s


def _kubeconfig(port: int) -> str:
    return f"""
apiVersion: v1
kind: Config
clusters: [{{name: one, cluster: {{server: "http://127.0.0.1:{port}"}}}}]
contexts: [{{name: far-away, context: {{cluster: one, user: me}}}}]
users: [{{name: me, user: {{}}}}]
current-context: far-away
"""


@pytest.mark.parametrize("shell_name", ["bash", "zsh", "fish"])
def test_a_script_is_printed_for_each_shell_and_its_question_answered(shell_name: str) -> None:
    program = PROGRAMS / "volrewind"
    script = subprocess.run([program, "completion", shell_name], capture_output=True, text=True, check=True).stdout
    asked = {"_VOLREWIND_COMPLETE": f"{shell_name}_complete", "COMP_WORDS": "volrewind desc"}
    asked["COMP_CWORD"] = "desc" if shell_name == "fish" else "1"
    answer = subprocess.run([program], env={**os.environ, **asked}, capture_output=True, text=True, check=True)

    assert f"_VOLREWIND_COMPLETE={shell_name}_complete" in script and "volrewind" in script
    assert "describe" in answer.stdout and answer.stderr == ""


@pytest.mark.parametrize("words", [["--help"], ["class", "create", "--help"], ["describe"]])
def test_called_by_kubectl_it_says_so(words: list[str]) -> None:
    said = subprocess.run([PROGRAMS / "kubectl-rewind", *words], capture_output=True, text=True)

    assert "kubectl rewind " in said.stdout + said.stderr
    assert "volrewind " not in said.stdout + said.stderr.removeprefix("volrewind: ")


# What does not exist yet, and what nobody can list.
_UNKNOWN = {"pool create name", "volume create name", "class create name", "env create name", "ls path", "cat path",
            "pool resize size", "volume resize size"}  # fmt: skip


def test_every_argument_that_names_something_is_completed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offering, "offered", lambda *_, **__: [CompletionItem("something")])
    bare = {
        f"{command} {parameter.name}"
        for command, parameter in _arguments(cli, click.Context(cli))
        if not parameter.shell_complete(click.Context(cli), "")
    }
    assert bare == _UNKNOWN


def _arguments(command: click.Command, context: click.Context, name: str = "") -> Iterator[tuple[str, click.Argument]]:
    if not isinstance(command, Group):
        yield from ((name, one) for one in command.params if isinstance(one, click.Argument))
        return
    for word in command.list_commands(context):
        one = command.get_command(context, word)
        assert one
        yield from _arguments(one, context, f"{name} {word}".strip())
