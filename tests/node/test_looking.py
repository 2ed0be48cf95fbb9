"""ls, cat, cp and diff of snapshots of claims by a Pod of ours, with no more rights than their Role has."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from served import Program

from testbed.images import VOLREWIND
from testbed.kubectl import Kubectl, claim, pod
from volrewind.clock import SystemClock, wait_until

pytestmark = pytest.mark.node

Given = Callable[..., Program]
MIB = 2**20
_ODD = b"new\nline \xff"
_WRITES = f"""
import os
os.chdir("/data")
os.mkdir("folder")
open("folder/file", "w").write("before")
os.chmod("folder/file", 0o4750)
os.chown("folder/file", 1234, 2345)
os.chmod("folder/file", 0o4750)
os.setxattr("folder/file", "user.note", b"kept")
os.symlink("/etc/passwd", "folder/out")
os.symlink("file", "folder/near")
open({_ODD!r}, "w").write("odd")
open("gone", "w").write("soon")
with open("large", "wb") as large:
    large.truncate(2**30)
    large.write(b"begin")
    large.seek(2**30 - 3)
    large.write(b"end")
os.sync()
"""
_CHANGES = """
import os
os.chdir("/data")
open("folder/file", "w").write("after!!")
os.remove("gone")
open("new", "w").write("x")
os.sync()
"""


@pytest.fixture
def cut(kubectl: Kubectl, program: Given) -> str:
    """A snapshot of claim `data`, which Pod `writer` has gone on with."""
    kubectl.apply(
        claim("data", "volrewind"),
        pod("writer", "data", ("python3", "-c", "import time; time.sleep(3600)"), image=VOLREWIND),
    )
    kubectl.wait_for_phase("writer", "Running")
    kubectl.python_in("writer", _WRITES)
    name = program("create")("create", "data", "-o", "name").stdout.strip()
    kubectl.python_in("writer", _CHANGES)
    return name


@pytest.fixture
def look(program: Given, kubectl: Kubectl) -> Iterator[Program]:
    """The program under the rights of `look` alone; it leaves nothing in the namespace."""
    yield program("look", helped=False)
    wait_until(lambda: _left(kubectl) == "", "the helpers to be gone", clock=SystemClock(), deadline_seconds=60)


def _left(kubectl: Kubectl) -> str:
    return kubectl("get", "jobs,pods,pvc", "-l", "volrewind.io/helper", "-o", "name")


def test_what_a_snapshot_holds_is_listed_printed_and_compared(look: Program, cut: str) -> None:
    listed = json.loads(look("ls", cut, "-o", "json").stdout)
    folder = {one["name"]: one for one in json.loads(look("ls", f"{cut}:folder", "-o", "json").stdout)}
    changes = look("diff", cut).stdout.splitlines()

    assert [one["name"] for one in listed] == ["folder", "gone", "large", "new\nline \\xff"]
    assert folder["file"]["mode"] == "4750" and folder["file"]["owner"] == "1234:2345"
    assert folder["out"]["target"] == "/etc/passwd"
    assert look("cat", cut, "folder/near").stdout == "before"
    assert changes == ["~ folder/file   6 -> 7", "- gone   4", "+ new   1"]


def test_paths_and_links_that_lead_out_are_refused(look: Program, cut: str) -> None:
    assert "leads out" in look("cat", cut, "folder/out", code=5).stderr
    assert "climbs out" in look("ls", cut, "../..", code=2).stderr
    assert "does not exist" in look("cat", cut, "nothing", code=3).stderr


def test_two_snapshots_are_compared(look: Program, program: Given, cut: str) -> None:
    second = program("create")("create", "data", "-o", "name").stdout.strip()

    changes = json.loads(look("diff", cut, second, "-o", "json").stdout)

    assert {"path": "folder/file", "change": "changed", "oldSizeBytes": 6, "newSizeBytes": 7}.items() <= changes[
        0
    ].items()


def test_files_come_to_this_host_whole_with_all_that_belongs_to_them(look: Program, cut: str, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("mine")

    look("cp", f"{cut}:folder", str(tmp_path / "back"))
    refused = look("cp", cut, "folder/file", str(tmp_path / "taken"), code=5)

    status = (tmp_path / "back/file").stat()
    assert (tmp_path / "back/file").read_text() == "before"
    assert (status.st_mode & 0o7777, status.st_uid, status.st_gid) == (0o4750, 1234, 2345)
    assert os.getxattr(tmp_path / "back/file", "user.note") == b"kept"
    assert "nothing is overwritten" in refused.stderr and (tmp_path / "taken").read_text() == "mine"


def test_files_go_back_into_the_volume_of_a_running_pod(look: Program, kubectl: Kubectl, cut: str) -> None:
    refused = look("cp", cut, "folder/file", "pod/writer:/data/folder/file", code=5)
    said = look("cp", f"{cut}:folder/file", "pod/writer:/data/folder/file", "--overwrite").stdout
    look("cp", cut, "folder", "--to-claim", "data", "all")

    assert "nothing is overwritten" in refused.stderr
    assert said == "claim/data:/folder/file\n"
    shows = "import os; s = os.stat('/data/{0}'); print(open('/data/{0}').read(), oct(s.st_mode), s.st_uid, os.getxattr('/data/{0}', 'user.note'))"
    for path in ("folder/file", "all/file"):
        assert kubectl.python_in("writer", shows.format(path)) == "before 0o104750 1234 b'kept'\n"


def test_a_place_that_is_in_no_claim_is_refused(look: Program, cut: str) -> None:
    assert "in no claim's volume" in look("cp", cut, "gone", "pod/writer:/own/x", code=5).stderr


def test_a_gigabyte_passes_through_and_is_never_held(look: Program, cut: str) -> None:
    command = look.command("cat", cut, "large")
    running = subprocess.Popen(command, env=look.environment, stdout=subprocess.PIPE)
    assert running.stdout is not None
    size, peak, first, last = 0, 0, b"", b""
    while piece := running.stdout.read(MIB):
        first, last, size, peak = (
            first or piece[:5],
            piece[-3:],
            size + len(piece),
            _peak_kilobytes(running.pid) or peak,
        )
    running.stdout.close()

    assert (running.wait(timeout=60), size, first, last) == (0, 2**30, b"begin", b"end")
    assert 0 < peak < 150 * 1024


def _peak_kilobytes(pid: int) -> int:
    """Return the most memory that a process has held; 0 once it has ended. Its rusage would count what forked it, too."""
    said = Path(f"/proc/{pid}/status").read_text().partition("VmHWM:")[2]
    return int(said.split()[0]) if said else 0


def _begun(look: Program, kubectl: Kubectl, *words: str) -> subprocess.Popen[bytes]:
    """Start a command whose output nobody reads, and return when its Pod works for it."""
    running = subprocess.Popen(
        look.command(*words), env=look.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert running.stdout is not None
    running.stdout.read(1)
    return running


def test_a_pod_that_is_killed_in_the_middle_is_a_failure_and_leaves_no_part(
    look: Program, kubectl: Kubectl, cut: str
) -> None:
    running = _begun(look, kubectl, "cat", cut, "large")

    kubectl("delete", "pods", "-l", "volrewind.io/helper", "--grace-period=0", "--force")
    _, said = running.communicate(timeout=120)

    assert running.returncode == 1 and b"volrewind: " in said and b"Traceback" not in said


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_who_breaks_off_leaves_nothing(look: Program, kubectl: Kubectl, cut: str, how: signal.Signals) -> None:
    running = _begun(look, kubectl, "cat", cut, "large")

    running.send_signal(how)
    _, said = running.communicate(timeout=60)

    assert running.returncode == 130 and b"Traceback" not in said


def test_who_reads_only_the_beginning_leaves_nothing(look: Program, kubectl: Kubectl, cut: str) -> None:
    running = _begun(look, kubectl, "cat", cut, "large")

    assert running.stdout is not None and running.stderr is not None
    running.stdout.close()

    with running.stderr as said:
        assert running.wait(60) == -signal.SIGPIPE and said.read() == b""


@pytest.mark.slow
def test_a_command_that_is_killed_leaves_nothing_a_minute_later(look: Program, kubectl: Kubectl, cut: str) -> None:
    running = _begun(look, kubectl, "cat", cut, "large")

    running.kill()
    running.communicate(timeout=60)

    assert _left(kubectl) != ""
    wait_until(lambda: _left(kubectl) == "", "the helpers to be gone", clock=SystemClock(), deadline_seconds=180)


def test_an_image_that_is_not_there_is_told_at_once(look: Program, cut: str) -> None:
    assert "--image" in look("ls", cut, "--image", "localhost/none:1", code=3).stderr


def test_a_namespace_that_lets_no_pod_of_ours_run_says_so(look: Program, kubectl: Kubectl, cut: str) -> None:
    kubectl("label", "namespace", kubectl.namespace, "pod-security.kubernetes.io/enforce=restricted")

    assert "lets no Pod look" in look("ls", cut, code=5).stderr


def test_who_lacks_a_right_is_told_which(program: Given, cut: str) -> None:
    assert "create jobs" in program("read")("ls", cut, code=1).stderr
