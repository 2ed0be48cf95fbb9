"""TAB in a real bash and in the real kubectl: the cluster's names are offered, as far as somebody may read them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from clusters import Cluster
from served import DELETED, FILES, Claims, Program
from terminal import PROGRAMS, bash

pytestmark = [pytest.mark.cluster, pytest.mark.root]

Given = Callable[..., Program]


@pytest.fixture
def user(claims: Claims, program: Given) -> Program:
    """Somebody who may take snapshots, and has a claim and two snapshots."""
    claims.bind("ledger")
    user = program("create")
    user("create", "ledger", "--name", "cut-early")
    user("create", "ledger", "--name", "cut-late")
    return user


def test_names_are_completed_in_bash(user: Program, tmp_path: Path) -> None:
    inside = f"-n {user.namespace}"
    with bash({"KUBECONFIG": str(user.kubeconfig)}, tmp_path) as shell:
        for line, completed in (
            (f"describe {inside} cut-e", "cut-early "),
            (f"delete {inside} cut", "cut-"),  # as far as both are alike
            (f"delete {inside} cut-late cut", "cut-early "),
            (f"create {inside} led", "ledger "),
            (f"create ledger --class={DELETED[:3]}", f"{DELETED} "),
            (f"restore {inside} cut-late --class {FILES[:3]}", f"{FILES} "),
            (f"describe -n {user.namespace[:-1]}", user.namespace[:-1]),  # who may not list them is told nothing
        ):
            begun = line.rpartition(" ")[2].rpartition("=")[2]
            assert shell.after_tab(f"volrewind {line}") == f"volrewind {line.removesuffix(begun)}{completed}"


def test_kubectl_has_it_as_a_plugin_and_completes_it(user: Program, cluster: Cluster) -> None:
    assert cluster.instance
    path = f"{PROGRAMS}:{cluster.instance.programs}:{os.environ['PATH']}"

    def kubectl(*words: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "PATH": path, "KUBECONFIG": str(user.kubeconfig)}
        return subprocess.run(["kubectl", *words], env=environment, capture_output=True, text=True, timeout=60)

    assert kubectl("rewind", "list", "-n", user.namespace, "-o", "name").stdout.split() == ["cut-early", "cut-late"]
    helped = kubectl("rewind", "restore", "--help").stdout
    assert "Usage: kubectl rewind restore [OPTIONS] NAME" in helped and "volrewind" not in helped
    denied = kubectl("rewind", "describe", "nothing", "-n", user.namespace)
    assert denied.returncode == 3 and "`kubectl rewind list" in denied.stderr
    offered = kubectl("__complete", "rewind", "describe", "-n", user.namespace, "cut").stdout
    assert offered == "cut-early\tof ledger\ncut-late\tof ledger\n:4\n"
    assert kubectl("__complete", "rewind", "descr").stdout.startswith("describe\tShow everything about a snapshot.\n:4")
