"""The pages whose commands are run as they stand, on the cluster that `make cluster` makes."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
from clusters import Cluster
from installed_driver import installed
from terminal import PROGRAMS

pytestmark = pytest.mark.node

_ROOT = Path(__file__).parents[2]


def commands_of(page: str) -> list[str]:
    """Return what is typed at a prompt in a page, block by block."""
    blocks = re.findall(r"```console\n(.*?)```", (_ROOT / page).read_text(encoding="utf-8"), re.DOTALL)
    return ["\n".join(re.findall(r"^\$ (.*)", block, re.MULTILINE)) for block in blocks]


@pytest.fixture
def at_home(cluster: Cluster, tmp_path: Path) -> dict[str, str]:
    """The environment of somebody who has typed what `make cluster` says; files are made in a directory of the test's."""
    assert cluster.instance
    (tmp_path / "examples").symlink_to(_ROOT / "examples")
    path = f"{PROGRAMS}:{cluster.instance.programs}:{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "KUBECONFIG": str(cluster.kubeconfig)}


def run(script: str, environment: dict[str, str], where: Path) -> str:
    """Run the commands of a block, each of which must succeed, and return what they say."""
    argv = ["bash", "-c", f"set -e -o pipefail\n{script}"]
    done = subprocess.run(argv, env=environment, cwd=where, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, (script, done.stdout, done.stderr)
    return done.stdout


def test_a_new_user_types_what_the_readme_says(cluster: Cluster, at_home: dict[str, str], tmp_path: Path) -> None:
    (block,) = (one for one in commands_of("README.md") if one.startswith("kubectl apply"))
    with installed(cluster) as kubectl:
        said = run(block, at_home, tmp_path)
        kubectl("delete", "pod,pvc,volumesnapshot", "--all")

    assert "before-restored   bound" in said


def test_the_chapter_is_typed_as_the_page_says(cluster: Cluster, at_home: dict[str, str], tmp_path: Path) -> None:
    with installed(cluster):
        said = [run(block, at_home, tmp_path) for block in commands_of("docs/guide-commands.md")]

    assert (tmp_path / "log-before").read_text().count("\n") > 0
    assert "before-update deleted" in "".join(said)
