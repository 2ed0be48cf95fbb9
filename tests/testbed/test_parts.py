"""The parts of the testbed that need no cluster: slots, programs and their logs, the cache, images."""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
import threading
from pathlib import Path

import pytest

from testbed import cache, images
from testbed.oci import Image, write_archive
from testbed.processes import processes
from testbed.slots import claimed
from volrewind.clock import SystemClock, wait_until
from volrewind.errors import TimedOut, ToolFailed
from volrewind.services.driver_install import InstallRequest, plan_install

REPOSITORY = Path(__file__).parents[2]
_STARTS_ONE_AND_WAITS = """
import sys, time
from pathlib import Path
from testbed.processes import processes
with processes(Path(sys.argv[1])) as programs:
    print(programs.start("sleeper", ["sleep", "600"]).popen.pid, flush=True)
    time.sleep(600)
"""


def test_two_instances_have_nothing_in_common() -> None:
    with claimed() as one, claimed() as other:
        assert not set(one.ports()) & set(other.ports())
        assert one.subnet != other.subnet


def test_a_slot_can_be_claimed_again_after_it_was_given_up() -> None:
    with claimed() as slot:
        first = slot
    with claimed() as slot:
        assert slot == first


def test_a_program_that_ends_is_told_with_the_end_of_its_log(tmp_path: Path) -> None:
    with processes(tmp_path) as programs:
        programs.start("broken", ["sh", "-c", "echo no such disk >&2; exit 3"])

        with pytest.raises(ToolFailed, match=r"(?s)broken ended with code 3.*no such disk"):
            programs.wait_until(lambda: False, "it", 30, of="broken")


def test_a_wait_says_what_for_and_what_the_program_said(tmp_path: Path) -> None:
    with processes(tmp_path) as programs:
        programs.start("slow", ["sh", "-c", "echo thinking; exec sleep 600"])
        programs.wait_until(lambda: "thinking" in (tmp_path / "slow.log").read_text(), "a word", 30, of="slow")

        with pytest.raises(TimedOut, match=r"(?s)waiting for the answer.*thinking"):
            programs.wait_until(lambda: False, "the answer", 0.1, of="slow")


def test_no_program_learns_of_a_cluster_of_yours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", "/home/me/production")
    with processes(tmp_path) as programs:
        programs.start("env", ["sh", "-c", "env; echo all; exec sleep 600"])
        programs.wait_until(lambda: "\nall\n" in (tmp_path / "env.log").read_text(), "its end", 30, of="env")

    assert "production" not in (tmp_path / "env.log").read_text()


def test_programs_end_when_whoever_started_them_is_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _STARTS_ONE_AND_WAITS, tmp_path]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY) as starter:
        assert starter.stdout
        sleeper = int(starter.stdout.readline())
        assert _is_running(sleeper)

        starter.kill()

    wait_until(lambda: not _is_running(sleeper), "the end of the program", clock=SystemClock(), deadline_seconds=10)


def test_what_two_ask_for_at_once_is_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    made = []

    def make(place: Path) -> None:
        made.append(place)
        (place / "file").write_text("whole")

    askers = [threading.Thread(target=cache.made, args=("kind/one", make)) for _ in range(4)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()

    assert len(made) == 1
    assert (cache.directory() / "kind" / "one" / "file").read_text() == "whole"


def test_what_could_not_be_made_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    def fail(place: Path) -> None:
        (place / "half").touch()
        raise ToolFailed("no compiler")

    with pytest.raises(ToolFailed):
        cache.made("kind/one", fail)

    assert list((cache.directory() / "kind").iterdir()) == []


def test_an_image_names_its_layers_by_what_is_in_them(tmp_path: Path) -> None:
    layer = tmp_path / "layer.tar"
    with tarfile.open(layer, "x") as content:
        content.add(Path(__file__), "file")

    write_archive(Image("localhost/some:1", (layer,), entrypoint=("/file",)), tmp_path / "image.tar")

    with tarfile.open(tmp_path / "image.tar") as archive:
        manifest = _json(archive, _blob(_json(archive, "index.json")["manifests"][0]))
        configuration = _json(archive, _blob(manifest["config"]))
        assert _read(archive, _blob(manifest["layers"][0])) == layer.read_bytes()
        assert configuration["rootfs"]["diff_ids"] == [manifest["layers"][0]["digest"]]
        assert configuration["config"]["Entrypoint"] == ["/file"]


def _is_running(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def _blob(descriptor: dict[str, str]) -> str:
    return f"blobs/{descriptor['digest'].replace(':', '/')}"


def _json(archive: tarfile.TarFile, name: str) -> dict:
    return json.loads(_read(archive, name))


def _read(archive: tarfile.TarFile, name: str) -> bytes:
    file = archive.extractfile(name)
    assert file
    return file.read()


def test_a_node_has_the_images_that_an_installation_asks_for() -> None:
    pod = plan_install(None, InstallRequest(sidecars=images.PREFIX)).objects[-1]["spec"]["template"]["spec"]

    asked = {one["image"] for one in pod["containers"]}

    assert asked == {images.VOLREWIND, *map(images.sidecar, images.SIDECARS)}
