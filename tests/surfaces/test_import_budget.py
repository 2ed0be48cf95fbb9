"""What starting the command line loads: time is spent where somebody waits, so it is counted in modules, not in seconds."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from volrewind.clock import SystemClock
from volrewind.pools.home import Home
from volrewind.pools.place import NewPool
from volrewind.pools.pool import NewVolume

HEAVY = {"rich", "pydantic", "grpc", "starlette", "yaml", "asyncio", "lightkube", "httpx", "httpx2", "hypothesis"}
OF_CLUSTERS = (
    "create",
    "list",
    "describe",
    "restore",
    "status",
    "wait",
    "methods",
    "class",
    "rbac",
    "ls",
    "cat",
    "cp",
    "diff",
    "recommend",
)
# What `list` on a host without pools has no use for. A pool in use loads its own kind.
KINDS = {f"volrewind.pools.{kind}" for kind in ("btrfs", "image", "zfs", "reflink", "restic", "memory")}
UNUSED = {"volrewind.pools.mirror", "volrewind.pools.backing", "volrewind.pools.making", "volrewind.plan.retention",
          "volrewind.system.tree", "volrewind.system.zfs", "volrewind.system.inode_paths", "volrewind.model.change"}  # fmt: skip
SLOW = {
    "concurrent.futures",
    "logging",
    "subprocess",
    "hashlib",
    "pytimeparse",
    "zoneinfo",
    "shutil",
    "tempfile",
    "select",
}
# What libraries import without using it for a command, and what their unused parts then load.
IN_VAIN = {"inspect", "ast", "dis", "tokenize", "ipaddress", "textwrap", "locale", "platform", "msgspec.inspect"}


# Nobody listens there: port 9 is for throwing away.
NOWHERE = """
apiVersion: v1
kind: Config
current-context: nowhere
clusters: [{name: nowhere, cluster: {server: "http://127.0.0.1:9"}}]
users: [{name: nobody, user: {token: none}}]
contexts: [{name: nowhere, context: {cluster: nowhere, user: nobody}}]
"""

# msgspec loads typing_extensions where it is, and that a lot: tests and linters bring it, volrewind does not.
_AS_USERS_HAVE_IT = "import sys; sys.modules['typing_extensions'] = None; from volrewind.__main__ import main; main()"


def _loaded(state: Path, *words: str) -> set[str]:
    """Return the modules that a run of the program imports."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", _AS_USERS_HAVE_IT, *words],
        env={**os.environ, "VOLREWIND_STATE": str(state), "PYTHONWARNINGS": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    return {line.rsplit("|", 1)[1].strip() for line in lines}


def _packages(modules: set[str]) -> set[str]:
    return {module.partition(".")[0] for module in modules}


@pytest.mark.parametrize(
    "words",
    [
        ("--help",),
        ("--version",),
        ("list",),
        ("list", "-o", "json"),
        ("status",),
        ("recommend", "--local"),
        *((verb, "--help") for verb in OF_CLUSTERS),
    ],
)
def test_no_heavy_package_is_loaded(tmp_path: Path, words: tuple[str, ...]) -> None:
    assert not _packages(_loaded(tmp_path, *words)) & HEAVY


def test_help_loads_nothing_below_the_command_line(tmp_path: Path) -> None:
    loaded = _loaded(tmp_path, "--help")
    ours = {module for module in loaded if module.startswith("volrewind.")}

    assert not loaded & {"shutil", "zlib", "pathlib", "msgspec", "dataclasses"}
    assert ours == {
        "volrewind.__main__",
        "volrewind.deferred",
        "volrewind.cli",
        "volrewind.cli.main",
        "volrewind.cli.commands",
        "volrewind.errors",
    }


def test_list_loads_no_kind_of_pool_that_is_not_there(tmp_path: Path) -> None:
    assert not _loaded(tmp_path, "list") & (KINDS | UNUSED | SLOW | IN_VAIN | {"dataclasses"})


def test_a_command_about_a_cluster_loads_nothing_of_this_host_and_nothing_asynchronous(tmp_path: Path) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(NOWHERE)
    argv = [sys.executable, "-X", "importtime", "-m", "volrewind", "list", "--kubeconfig", str(kubeconfig)]
    done = subprocess.run(argv, capture_output=True, text=True)
    loaded = {line.rsplit("|", 1)[1].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}

    assert done.returncode == 1 and "the cluster does not answer" in done.stderr
    assert {"httpx2._client", "httpcore2"} <= loaded
    assert not loaded & {"asyncio.events", "anyio.abc", "h2.connection"}
    assert not [one for one in loaded if one.startswith(("volrewind.pools", "volrewind.methods", "volrewind.system"))]


@pytest.mark.root
@pytest.mark.parametrize("kind", ["btrfs", "image"])
def test_a_cut_loads_its_own_kind_of_pool_and_starts_no_program(tmp_path: Path, kind: str) -> None:
    clock = SystemClock()
    home = Home(tmp_path, clock)
    pool = home.create(NewPool("main", kind, size_bytes=400 * 2**20, sparse=True))
    try:
        pool.create_volume(NewVolume("data", 16 * 2**20))
        for words in (("create", "pool:data", "--name", "now"), ("list",), ("delete", "now", "--allow-last")):
            loaded = _loaded(tmp_path, *words)
            assert not loaded & ((KINDS - {f"volrewind.pools.{kind}"}) | UNUSED | SLOW | IN_VAIN | {"dataclasses"})
            assert not _packages(loaded) & HEAVY
    finally:
        home.destroy(home.place("main"), with_snapshots=True)


_COUNTED = """
import gc, os, sys
from volrewind.__main__ import main
gc.collect()
before = gc.get_stats()[0]["collections"]
os._exit = lambda _: print(gc.get_stats()[0]["collections"] - before, file=sys.stderr)
main()
"""


def test_nothing_looks_for_cycles_while_the_program_loads(tmp_path: Path) -> None:
    env = {**os.environ, "VOLREWIND_STATE": str(tmp_path)}
    argv = [sys.executable, "-c", _COUNTED, "list"]
    done = subprocess.run(argv, env=env, capture_output=True, text=True, check=True)

    assert done.stderr.split()[-1] == "0"


def test_no_module_is_taken_from_beside_the_program(tmp_path: Path) -> None:
    program = tmp_path / "volrewind"
    program.write_text("import sys\nfrom volrewind.__main__ import main\nmain()\n")
    (tmp_path / "json.py").write_text("raise SystemExit('this is not the json of Python')")
    (tmp_path / "click.py").write_text("raise SystemExit('this is not click')")
    argv = [sys.executable, program, "list"]
    env = {**os.environ, "VOLREWIND_STATE": str(tmp_path / "state")}

    done = subprocess.run(argv, env=env, capture_output=True, text=True)

    assert (done.returncode, done.stdout) == (0, "")
