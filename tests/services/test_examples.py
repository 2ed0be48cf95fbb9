"""Every example about a host, in the helps, is run where what it names exists; sizes are smaller, and no place is the host's own."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from shown_examples import commands, in_help
from terminal import PROGRAMS

from volrewind.clock import SystemClock
from volrewind.pools.home import Home

pytestmark = [pytest.mark.root, pytest.mark.slow]

_OF_HOSTS = re.compile(r"\./|/srv|pool|volume |--local| data-2026")
_SNAPSHOT = re.compile(r"(?<=[ ])data-\d{8}-\d{6}")
_ELSEWHERE = re.compile(r"csi-driver|import --yes")  # what serves for ever, and what is about a cluster
_FIRST = (
    "pool create main",
    "pool create",
    "pool resize",
    "volume create",
    "volume unmount",
    "volume",
    "create",
    "list",
)
_LAST = ("rollback", "undo", "adopt", "pool unmount", "pool mount", "pool destroy")
_CODES = {"volrewind pool destroy main": 5}  # it holds something
_MIB_FOR_A_GIB = 40


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Path]:
    """A directory with what the examples name, and no pool yet."""
    for name in ("data/etc", "srv/app", "srv/pgdata", "mnt/test"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "data/etc/app.conf").write_text("colour = blue\n")
    yield tmp_path
    _run(tmp_path, "volrewind adopt ./data --undo")  # a directory in a pool cannot be removed
    home = Home(tmp_path / "state", SystemClock())
    for place in home.places():
        home.destroy(place, with_snapshots=True)


def _rank(example: str) -> int:
    words = example.removeprefix("volrewind ")
    order = [*_FIRST, "", *_LAST]
    fitting = [order.index(one) for one in (*_FIRST, *_LAST) if f"{words} ".startswith(f"{one} ")]
    return min(fitting) if fitting else order.index("")


def _as_here(example: str) -> str:
    """Return an example with its places inside the test's directory, and its sizes small."""
    small = re.sub(r"(\d+)Gi", lambda found: f"{int(found[1]) * _MIB_FOR_A_GIB}Mi", example)
    return re.sub(r"(?<=[ ])/(?=srv/|mnt/)", "./", small)


def _run(where: Path, command: str) -> subprocess.CompletedProcess[str]:
    here = {"VOLREWIND_STATE": str(where / "state"), "KUBECONFIG": "/nowhere", "HOME": str(where)}
    environment = {**os.environ, **here, "PATH": f"{PROGRAMS}:{os.environ['PATH']}"}
    return subprocess.run(
        ["bash", "-c", command], env=environment, cwd=where, capture_output=True, text=True, timeout=60
    )


def _be_as_before(where: Path, example: str) -> None:
    there = _run(where, "volrewind list --local -o name").stdout.split()
    for name in {*_SNAPSHOT.findall(example)} - {*there}:
        assert _run(where, f"volrewind create ./data --name {name}").returncode == 0
    if "volume delete pgdata-test" in example:
        assert _run(where, "volrewind volume create pgdata-test --size 64Mi").returncode == 0
    if " delete " in example:
        _run(where, f"volrewind release --local {' '.join(_SNAPSHOT.findall(example))}")


def test_every_example_about_a_host_does_what_it_says(host: Path) -> None:
    found = dict.fromkeys(one for _, command in commands() for one in in_help(command))
    examples = [one for one in found if _OF_HOSTS.search(one) and "data-pvc" not in one and not _ELSEWHERE.search(one)]
    wrong = []
    for example in sorted(examples, key=_rank):
        _be_as_before(host, example)
        done = _run(host, _as_here(example))
        if done.returncode != _CODES.get(example, 0) or "Traceback" in done.stderr:
            wrong.append(f"{example} ended with {done.returncode}: {done.stdout}{done.stderr}")
    assert not wrong, "\n".join(wrong)
