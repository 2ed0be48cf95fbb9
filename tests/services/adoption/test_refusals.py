"""Which directories stay where they are, and why; what could not end is not begun."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from services.adoption.host import Host, manifest

from volrewind.errors import AlreadyThere, InUse, NoSpace, NotFound, Refused, UsageError
from volrewind.plan.adopting import why_not
from volrewind.pools.pool import Pool
from volrewind.services import storage
from volrewind.services.adoption.adopt import adopt
from volrewind.system import mounts


@contextmanager
def _sleeping(**where: Any) -> Iterator[int]:
    """Run a process somewhere while the block runs; gives its pid."""
    holder = subprocess.Popen(["sleep", "60"], **where)
    try:
        yield holder.pid
    finally:
        holder.kill()
        holder.wait()


@pytest.mark.root
def test_a_directory_in_use_is_copied_but_not_moved(host: Host) -> None:
    before = manifest(host.data)
    with (host.data / "deep" / "file").open("rb") as file, _sleeping(stdin=file) as pid:
        with pytest.raises(InUse) as caught:
            host.adopt()
        assert f"sleep (pid {pid})" in caught.value.hint
        assert not host.is_mounted
        assert manifest(host.data) == before
    assert host.adopt().resumed
    with _sleeping(cwd=host.data):
        with pytest.raises(InUse):
            host.give_back()
        assert manifest(host.data) == before
    host.give_back()
    assert manifest(host.data) == before


@pytest.mark.root
def test_the_volume_of_an_adopted_directory_is_not_deleted(host: Host) -> None:
    host.adopt()
    before = manifest(host.data)
    storage.unmount_volume(host.environment, host.target)
    with pytest.raises(Refused, match="would be empty") as caught:
        storage.delete_volume(host.environment, host.target)
    assert "--undo" in caught.value.hint
    host.adopt()
    assert manifest(host.data) == before


@pytest.mark.root
def test_what_is_mounted_below_or_twice_is_refused(host: Host, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    mounts.bind(host.data / "deep", elsewhere)
    try:
        with pytest.raises(InUse, match="elsewhere"):
            host.adopt()
        with pytest.raises(Refused, match="is a mount point"):
            adopt(host.environment, elsewhere)
    finally:
        mounts.be_unmounted(elsewhere)
    mounts.mount("tmpfs", host.data / "empty", filesystem="tmpfs")
    try:
        with pytest.raises(Refused, match="mounted below"):
            host.adopt()
    finally:
        mounts.be_unmounted(host.data / "empty")


@pytest.mark.root
def test_nothing_is_begun_where_it_cannot_end(host: Host, tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        adopt(host.environment, tmp_path / "absent")
    for place in (host.state, host.state / "pools", host.state.parent):
        with pytest.raises(Refused, match="volrewind keeps its own"):
            adopt(host.environment, place)
    with pytest.raises(NoSpace):
        adopt(host.environment, host.data, size_bytes=2**40)
    with pytest.raises(NoSpace, match="does not fit into"):
        adopt(host.environment, host.data, size_bytes=4096)
    host.kept.touch()
    with pytest.raises(AlreadyThere):
        host.adopt()
    host.kept.unlink()
    if host.kind == "image":
        with pytest.raises(UsageError, match="needs a size"):
            adopt(host.environment, host.data)
    assert host.pool.volumes() == ()
    assert not list(host.state.glob("operations/adopt-*.json"))
    host.adopt()
    (host.data / "inside").mkdir()
    with pytest.raises(Refused, match="lies in a volume already"):
        adopt(host.environment, host.data / "inside")


def test_places_of_the_system_stay_where_they_are() -> None:
    refused = ("/", "/etc", "/etc/x", "/usr/local/x", "/proc/1", "/run/user", "/var", "/var/lib", "/home", "/boot/efi")
    allowed = ("/srv/app", "/home/ann", "/opt/app/data", "/var/lib/postgresql")
    assert all(why_not(PurePosixPath(place), (), ()) for place in refused)
    assert not any(why_not(PurePosixPath(place), (PurePosixPath("/var/lib/volrewind"),), ()) for place in allowed)


@pytest.mark.root
def test_a_full_volume_leaves_the_directory_as_it_is(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    before = manifest(host.data)
    real_cut = Pool.cut

    def no_room(*_: object, **__: object) -> None:
        raise NoSpace("the pool is full")

    monkeypatch.setattr(Pool, "cut", no_room)
    with pytest.raises(NoSpace):
        host.adopt()
    assert manifest(host.data) == before
    assert not host.kept.exists()
    (host.data / "still writable").touch()
    monkeypatch.setattr(Pool, "cut", real_cut)
    before = manifest(host.data)
    host.adopt()
    assert manifest(host.data) == before
