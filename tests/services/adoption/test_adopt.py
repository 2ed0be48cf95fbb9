"""What an adopted directory is: the same, cut in an instant, there again whenever its pool is."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from click.testing import CliRunner
from services.adoption.host import MIB, Host, change, manifest

from volrewind.cli.adopting import adopt_command
from volrewind.model.volume import OriginKind
from volrewind.pools.place import NewPool
from volrewind.services import rollback as going_back
from volrewind.services.adoption.adopt import adopt
from volrewind.services.snapshots import CreateRequest, create
from volrewind.services.storage import mount_pool, unmount_pool


@pytest.mark.root
def test_an_adopted_directory_is_the_same_and_cut_in_an_instant(host: Host) -> None:
    before = manifest(host.data)
    done = host.adopt()
    assert host.is_mounted
    assert manifest(host.data) == before == manifest(host.kept)
    assert (done.kept, done.resumed) == (host.kept, False)
    assert done.kept_bytes > 0
    assert host.volume.origin.kind is OriginKind.ADOPTED
    assert host.volume.targets == (str(host.data),)
    assert done.snapshot is not None
    change(host.data)
    changed = manifest(host.data)
    taken = create(host.environment, CreateRequest(host.target))
    with host.pool.backend.browse(taken.snapshot) as data:
        assert manifest(data) == changed
    going_back.rollback(host.environment, done.snapshot.name, target=host.target)
    assert manifest(host.data) == before
    going_back.undo(host.environment, host.target)
    assert manifest(host.data) == changed
    assert not host.adopt().resumed


@pytest.mark.root
def test_it_comes_back_when_the_pool_is_mounted_and_is_closed_until_then(host: Host) -> None:
    before = manifest(host.data)
    host.adopt()
    unmount_pool(host.environment, "main")
    assert list(host.data.iterdir()) == []
    assert stat.S_IMODE(host.data.stat().st_mode) == 0o2771
    with pytest.raises(PermissionError):
        (host.data / "written while the pool is away").touch()
    mount_pool(host.environment, "main")
    assert manifest(host.data) == before


@pytest.mark.root
def test_a_mirror_becomes_the_volume_and_its_history_stays(host: Host) -> None:
    if host.kind != "btrfs":
        return
    (host.data / "fifo").unlink()
    first = create(host.environment, CreateRequest(host.target)).snapshot
    before = manifest(host.data)
    (host.data / "since").write_text("then")
    done = host.adopt()
    assert done.volume.id == first.volume_id
    assert {one.volume_id for one in host.pool.snapshots()} == {first.volume_id}
    going_back.rollback(host.environment, first.name, target=host.target)
    assert manifest(host.data) == before
    back = host.give_back()
    assert back.volume is not None
    assert (back.volume.id, back.volume.origin.kind) == (first.volume_id, OriginKind.MIRROR)
    assert create(host.environment, CreateRequest(host.target)).snapshot.volume_id == first.volume_id


@pytest.mark.root
def test_the_mirror_in_another_pool_keeps_its_snapshots(host: Host, tmp_path: Path) -> None:
    if host.kind != "image":
        return
    home = host.environment.home
    home.create(NewPool(name="mirrors", kind="btrfs", size_bytes=256 * MIB))
    try:
        first = create(host.environment, CreateRequest(host.target, pool="mirrors")).snapshot
        adopt(host.environment, host.data, pool_name="main", size_bytes=host.size_bytes)
        assert create(host.environment, CreateRequest(host.target)).pool == "main"
        assert host.environment.inventory.pool("mirrors").snapshot(first.name).id == first.id
        host.give_back()
        assert create(host.environment, CreateRequest(host.target)).pool == "mirrors"
    finally:
        home.destroy(home.place("mirrors"), with_snapshots=True)


@pytest.mark.root
def test_the_command_says_what_is_where(host: Host) -> None:
    def volrewind(*words: str) -> str:
        done = CliRunner().invoke(adopt_command, [*words], env={"VOLREWIND_STATE": str(host.state)})
        assert done.exception is None, done.exception
        return done.output

    size = ["--size", "24Mi"] if host.kind == "image" else []
    said = volrewind(str(host.data), *size)
    assert said.startswith(f"{host.data} is pool:my-data in pool main\nas it was: snapshot my-data-")
    assert f"the original stays at {host.kept} and holds " in said
    assert "finished what was begun" not in volrewind(str(host.data))
    assert volrewind("--finish", str(host.data)).startswith(f"the original of {host.data} is deleted; that freed")
    assert volrewind("--undo", str(host.data)).startswith(f"{host.data} is a plain directory again\npool:my-data ")
