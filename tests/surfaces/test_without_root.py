"""The same verbs for a user who is not root: reflink copies where the file system can, restic otherwise."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from volrewind.system import filesystem, loop, mounts

pytestmark = pytest.mark.root  # to become somebody else
NOBODY = 65534
# Reading is allowed, so that an interpreter in root's home can be used; nothing else of root is left.
_BECOME = (
    "setpriv",
    f"--reuid={NOBODY}",
    f"--regid={NOBODY}",
    "--clear-groups",
    "--bounding-set=-all,+dac_read_search",
)
_READING = ("--inh-caps=-all,+dac_read_search", "--ambient-caps=-all,+dac_read_search")


@pytest.fixture(params=["reflink", "restic"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A directory of nobody's: on an XFS that can share blocks, or on whatever is here."""
    for above in (tmp_path, *tmp_path.parents[:3]):
        above.chmod(above.stat().st_mode | 0o711)
    home = tmp_path / "home"
    home.mkdir()
    if request.param == "reflink":
        image = tmp_path / "disk.img"
        filesystem.set_length(image, 320 * 2**20)
        with loop.held(image) as device:
            filesystem.make_xfs(device)
            mounts.mount(device, home, filesystem="xfs")
    os.chown(home, NOBODY, NOBODY)
    try:
        yield home
    finally:
        mounts.be_unmounted(home)


def run(place: Path, *words: str, code: int = 0) -> str:
    done = subprocess.run(
        [*_BECOME, *_READING, sys.executable, "-m", "volrewind", *words],
        cwd=place,
        env={**os.environ, "VOLREWIND_STATE": str(place / "state"), "HOME": str(place), "TMPDIR": str(place)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, (words, done.stdout, done.stderr)
    return done.stdout


def test_a_user_goes_back_in_time(place: Path, request: pytest.FixtureRequest) -> None:
    data = place / "data"
    data.mkdir()
    (data / "one").write_text("first")
    for path in (data, data / "one"):
        os.chown(path, NOBODY, NOBODY)
    run(place, "create", "./data")
    wanted = "reflink" if filesystem.kind_of(place) == "xfs" else "restic"
    assert wanted in run(place, "pool", "list")
    first = run(place, "list", "-o", "name").split()[-1]
    (data / "one").write_text("second")
    assert "~ one" in run(place, "diff", first)
    assert run(place, "cat", first, "one") == "first"
    run(place, "rollback", first)
    assert (data / "one").read_text() == "first"
    run(place, "undo", "./data")
    assert (data / "one").read_text() == "second"
    restored = run(place, "restore", first, "--to", "./restored").strip()
    assert (Path(restored) / "one").read_text() == "first"
    run(place, "cleanup", "--keep-last", "1")
    run(place, "pool", "destroy", "main", "--with-snapshots")
    shutil.rmtree(data)


def test_recommend_tells_what_takes_root_and_what_can_be_had_without(place: Path) -> None:
    found = {one["name"]: one for one in json.loads(run(place, "recommend", "--local", "-o", "json"))["ways"]}

    shares = filesystem.kind_of(place) == "xfs"
    assert bool(found["reflink"]["rank"]) is shares
    if shares:
        assert found["pool"]["missing"] == [f"less than 1 GiB is free at '{place}/state'"]
    else:
        assert found["pool"]["begin"][0] == {"command": "sudo volrewind pool create main"}
    assert not list(place.iterdir())
