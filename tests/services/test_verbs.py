"""The verbs on a directory and on volumes of a pool, on a real btrfs."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from services.unfinished import be_unfinished

from tests.services.conftest import Host
from volrewind.errors import AlreadyThere, InUse, NotFound, Refused, UsageError
from volrewind.model.change import ChangeKind
from volrewind.model.policy import parse_keep
from volrewind.model.snapshot import Consistency, Purpose
from volrewind.pools.place import NewPool
from volrewind.pools.pool import NewVolume
from volrewind.services import restores, rollback, snapshots
from volrewind.services.retention import CleanupRequest, cleanup, plan_cleanup
from volrewind.services.status import status
from volrewind.system import mounts

pytestmark = pytest.mark.root
SETTLED = datetime(2100, 1, 1, tzinfo=UTC)  # when whatever a mirror's source holds was changed long ago


def content(directory: Path) -> dict[str, str]:
    return {
        str(path.relative_to(directory)): path.read_text() for path in sorted(directory.rglob("*")) if path.is_file()
    }


def changes(host: Host, older: str, newer: str = "") -> dict[str, ChangeKind]:
    with restores.differences(host.environment, older, newer) as found:
        return {change.path: change.kind for change in found}


def test_a_directory_is_copied_and_a_volume_is_cut(host: Host) -> None:
    host.directory()
    host.mounted_volume()
    assert host.create("./data").consistency is Consistency.COPIED
    assert host.create("pool:pgdata").consistency is Consistency.CRASH


def test_a_block_volume_is_cut_while_somebody_uses_it(host: Host) -> None:
    pool = host.environment.home.create(NewPool("images", "image", size_bytes=400 * 2**20, sparse=True))
    volume = pool.create_volume(NewVolume("raw", size_bytes=16 * 2**20, block=True))
    device = pool.backend.attach(volume)
    try:
        device.write_bytes(b"content")
        snapshot = host.create("pool:raw")
    finally:
        pool.backend.unmount(volume, device)
    with pool.backend.browse(snapshot) as place:
        assert (place / "disk.img").read_bytes()[:7] == b"content"


def test_a_snapshot_is_named_after_its_volume_and_the_time_in_utc(host: Host) -> None:
    host.directory()
    assert host.create("./data").name == "data-20260301-020001"


def test_a_second_snapshot_of_the_same_second_gets_a_number(host: Host) -> None:
    host.directory()
    request = snapshots.CreateRequest(host.target("./data"))
    names = [snapshots.create(host.environment, request).snapshot.name for _ in range(2)]
    assert names[1] == names[0] + "-2"


def test_a_missing_directory_is_not_found(host: Host) -> None:
    with pytest.raises(NotFound):
        host.create("./nothing")


def test_a_directory_that_vanished_never_gets_an_empty_snapshot(host: Host) -> None:
    data = host.directory()
    host.create("./data")
    data.rename(host.place / "moved")
    with pytest.raises(NotFound):
        host.create("./data")


def test_what_is_left_out_is_recorded_and_survives_a_rollback(host: Host) -> None:
    data = host.directory()
    (data / "cache").mkdir()
    (data / "cache" / "big").write_text("x")
    taken = host.create("./data", excludes=("cache/",))
    (data / "one").write_text("changed")
    rollback.rollback(host.environment, taken.name)
    assert snapshots.describe(host.environment, taken.name).snapshot.excludes == ("cache/",)
    assert content(data) == {"one": "first", "folder/two": "second", "cache/big": "x"}


def test_leaving_out_is_refused_where_everything_is_cut(host: Host) -> None:
    host.mounted_volume()
    with pytest.raises(UsageError):
        host.create("pool:pgdata", excludes=("cache/",))


def test_list_shows_sources_oldest_first(host: Host) -> None:
    data = host.directory()
    names = [host.create("./data").name for _ in range(3)]
    listed, damages = snapshots.list_snapshots(host.environment, [host.target("./data")])
    assert [one.snapshot.name for one in listed] == names
    assert {one.source for one in listed} == {str(data)}
    assert damages == ()


def test_diff_names_what_was_added_removed_and_changed(host: Host) -> None:
    data = host.directory()
    first = host.create("./data").name
    (data / "one").write_text("longer than before")
    (data / "folder" / "two").unlink()
    (data / "three").write_text("new")
    expected = {"one": ChangeKind.CHANGED, "folder/two": ChangeKind.REMOVED, "three": ChangeKind.ADDED}
    live = changes(host, first)
    second = host.create("./data").name
    between = changes(host, first, second)
    assert {path: kind for path, kind in live.items() if path != "folder"} == expected
    assert {path: kind for path, kind in between.items() if path != "folder"} == expected


def test_diff_until_now_of_a_volume_leaves_no_snapshot_behind(host: Host) -> None:
    place = host.mounted_volume()
    (place / "a").write_text("1")
    first = host.create("pool:pgdata").name
    (place / "b").write_text("2")
    found = changes(host, first)
    assert found["b"] is ChangeKind.ADDED
    assert [one.name for one in host.environment.inventory.pool("main").snapshots()] == [first]


def test_a_diff_that_nobody_reads_to_its_end_lets_go_of_the_snapshots(host: Host) -> None:
    """As `volrewind diff | head` does; an image's snapshot is mounted meanwhile."""
    pool = host.environment.home.create(NewPool("images", "image", size_bytes=512 * 2**20, sparse=True))
    volume = pool.create_volume(NewVolume("disk", size_bytes=64 * 2**20))
    first = host.create("pool:disk").name
    with pool.backend.opened(volume) as live:
        for name in "ab":
            (live / name).touch()
    second = host.create("pool:disk").name
    with restores.differences(host.environment, first, second) as found:
        assert next(found).kind is ChangeKind.ADDED

    assert not mounts.below(pool.backend.root)


def test_diff_of_different_volumes_is_refused(host: Host) -> None:
    host.directory("a1")
    host.directory("b1")
    one, other = host.create("./a1").name, host.create("./b1").name
    with pytest.raises(UsageError), restores.differences(host.environment, one, other):
        pass


def test_a_file_can_be_read_listed_and_brought_back(host: Host) -> None:
    data = host.directory()
    (data / "one").chmod(0o640)
    taken = host.create("./data").name
    (data / "one").unlink()
    out = io.BytesIO()
    restores.read_inside(host.environment, taken, "one", out)
    back = restores.copy_out(host.environment, taken, "one", data / "one")
    assert out.getvalue() == b"first"
    assert back.read_text() == "first"
    assert back.stat().st_mode & 0o777 == 0o640
    assert [entry.name for entry in restores.list_inside(host.environment, taken, "/")] == ["folder", "one"]


def test_restore_goes_beside_and_never_over(host: Host) -> None:
    data = host.directory()
    taken = host.create("./data").name
    restored = restores.restore(host.environment, taken)
    assert restored.place == str(host.place / f"{taken}-restored")
    assert content(Path(restored.place)) == content(data)
    with pytest.raises(AlreadyThere):
        restores.restore(host.environment, taken)


def test_the_newest_good_one_before_a_moment_is_chosen(host: Host) -> None:
    host.directory()
    first, second, _ = (host.create("./data") for _ in range(3))
    target, just_before = host.target("./data"), first.created - timedelta(microseconds=1)

    assert restores.as_of(host.environment, target, second.created).id == second.id
    with pytest.raises(NotFound, match="no good snapshot from"):
        restores.as_of(host.environment, target, just_before)


def test_restore_of_a_volume_makes_a_volume(host: Host) -> None:
    place = host.mounted_volume()
    (place / "a").write_text("1")
    taken = host.create("pool:pgdata").name
    assert restores.restore(host.environment, taken).place == f"pool:{taken}-restored"


def test_a_clone_is_writable_and_leaves_the_snapshot_alone(host: Host) -> None:
    place = host.mounted_volume()
    (place / "a").write_text("1")
    taken = host.create("pool:pgdata")
    clone = restores.clone(host.environment, taken.name, "copy")
    pool = host.environment.inventory.pool("main")
    with pool.backend.opened(clone) as live:
        (live / "a").write_text("2")
    with pool.backend.browse(taken) as data:
        assert (data / "a").read_text() == "1"


@pytest.mark.parametrize("text", ["./data", "pool:pgdata"])
def test_rollback_and_undo_and_undo_again(host: Host, text: str) -> None:
    place = host.directory() if text == "./data" else host.mounted_volume()
    (place / "one").write_text("first")
    taken = host.create(text).name
    (place / "one").write_text("second")
    (place / "extra").write_text("x")
    done = rollback.rollback(host.environment, taken)
    assert done.safety is not None
    assert done.safety.purpose is Purpose.SAFETY
    assert (place / "one").read_text() == "first"
    assert not (place / "extra").exists()
    host.clock.sleep(1)
    rollback.undo(host.environment, host.target(text))
    assert (place / "one").read_text() == "second"
    assert (place / "extra").exists()
    host.clock.sleep(1)
    rollback.undo(host.environment, host.target(text))
    assert (place / "one").read_text() == "first"


def test_rollback_brings_back_what_changed_and_kept_its_size_and_time(host: Host) -> None:
    """As `cp -p` and `tar` leave it, and any change within one second where the file system counts no less."""
    place = host.directory()
    (place / "one").write_text("first")
    then = (place / "one").stat().st_mtime_ns
    taken = host.create("./data").name
    (place / "one").write_text("other")
    os.utime(place / "one", ns=(then, then))
    rollback.rollback(host.environment, taken)
    assert (place / "one").read_text() == "first"
    rollback.undo(host.environment, host.target("./data"))
    assert (place / "one").read_text() == "other"


def test_rollback_brings_a_vanished_directory_back(host: Host) -> None:
    data = host.directory()
    before = content(data)
    taken = host.create("./data").name
    data.rename(host.place / "elsewhere")
    assert rollback.rollback(host.environment, taken).safety is None
    assert content(data) == before


def test_rollback_names_the_process_with_open_files(host: Host) -> None:
    data = host.directory()
    taken = host.create("./data").name
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys; f = open(sys.argv[1]); print('open', flush=True); sys.stdin.read()",
            data / "one",
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(InUse) as refused:
            rollback.rollback(host.environment, taken)
        assert str(holder.pid) in refused.value.hint
        rollback.rollback(host.environment, taken, force=True)
    finally:
        holder.communicate()


def test_rollback_of_a_volume_with_nested_subvolumes_is_refused(host: Host) -> None:
    place = host.mounted_volume()
    taken = host.create("pool:pgdata").name
    subprocess.run(["btrfs", "-q", "subvolume", "create", place / "inner"], check=True)
    with pytest.raises(Refused):
        rollback.rollback(host.environment, taken)
    assert (place / "inner").is_dir()
    os.rmdir(place / "inner")


def test_an_unfinished_rollback_refuses_another_and_is_finished_by_the_same(host: Host) -> None:
    data = host.directory()
    first, second = host.create("./data").name, host.create("./data").name
    (data / "one").write_text("changed")
    rollback.rollback(host.environment, first)
    be_unfinished(host.environment.inventory.find(host.target("./data")))
    with pytest.raises(Refused):
        rollback.rollback(host.environment, second)
    assert rollback.rollback(host.environment, first).resumed
    host.clock.sleep(1)
    rollback.undo(host.environment, host.target("./data"))
    assert (data / "one").read_text() == "changed"


def test_undo_without_a_rollback_says_so(host: Host) -> None:
    host.directory()
    host.create("./data")
    with pytest.raises(NotFound):
        rollback.undo(host.environment, host.target("./data"))


def test_the_last_good_snapshot_is_not_deleted(host: Host) -> None:
    host.directory()
    first, second = host.create("./data").name, host.create("./data").name
    snapshots.delete(host.environment, first)
    with pytest.raises(Refused):
        snapshots.delete(host.environment, second)
    snapshots.delete(host.environment, second, allow_last=True)


def test_a_hold_stops_delete_and_cleanup(host: Host) -> None:
    host.directory()
    first, _ = host.create("./data").name, host.create("./data").name
    snapshots.hold(host.environment, first, held=True)
    with pytest.raises(Refused):
        snapshots.delete(host.environment, first)
    host.clock.sleep(86400)
    judged = plan_cleanup(host.environment, CleanupRequest(rules=parse_keep("last 1")))
    assert all(one.verdict.keep for one in judged)


def test_cleanup_does_what_its_plan_said(host: Host) -> None:
    host.directory()
    names = [host.create("./data").name for _ in range(4)]
    judged = plan_cleanup(host.environment, CleanupRequest(rules=parse_keep("last 2")))
    pruned = cleanup(host.environment, judged)
    assert {one.name for one in pruned.deleted} == set(names[:2])
    assert [one.name for one in host.environment.inventory.pool("main").snapshots()] == names[2:]


@pytest.mark.parametrize("later", [timedelta(), timedelta(hours=1)])
def test_cleanup_stops_when_the_clock_is_suddenly_years_ahead(host: Host, later: timedelta) -> None:
    host.directory()
    names = []
    for _ in range(4):
        names.append(host.create("./data").name)
        host.clock.sleep(86400)
    host.clock.sleep(3650 * 86400)
    if later:
        names.append(host.create("./data").name)
    request = CleanupRequest(older_than=timedelta(days=30))
    with pytest.raises(Refused, match="may have jumped by 3651 days") as refusal:
        plan_cleanup(host.environment, request)

    assert "--trust-clock" in refusal.value.hint
    judged = plan_cleanup(host.environment, replace(request, trust_clock=True))
    assert [one.verdict.snapshot.name for one in judged if one.verdict.keep] == names[-1:]


def test_cleanup_believes_a_clock_that_other_volumes_confirm(host: Host) -> None:
    host.directory()
    host.directory("other")
    for _ in range(3):
        host.create("./data")
        host.clock.sleep(86400)
    for _ in range(10):
        host.create("./other")
        host.clock.sleep(30 * 86400)
    judged = plan_cleanup(host.environment, CleanupRequest((host.target("./data"),), older_than=timedelta(days=30)))

    assert [one.verdict.keep for one in judged] == [True, False, False]


def test_cleanup_keeps_what_an_unfinished_rollback_needs(host: Host) -> None:
    host.directory()
    first = host.create("./data").name
    rollback.rollback(host.environment, first)
    be_unfinished(host.environment.inventory.find(host.target("./data")))
    host.create("./data")
    host.clock.sleep(86400 * 10)
    judged = plan_cleanup(host.environment, CleanupRequest(older_than=timedelta(days=1)))
    assert all(one.verdict.keep for one in judged)


def test_status_finds_a_volume_whose_newest_is_too_old(host: Host) -> None:
    host.directory()
    host.create("./data")
    assert status(host.environment, within=timedelta(days=1)).is_well
    host.clock.sleep(2 * 86400)
    assert not status(host.environment, within=timedelta(days=1)).is_well


def test_describe_says_what_deleting_frees(host: Host) -> None:
    data = host.directory()
    (data / "big").write_bytes(os.urandom(2**20))
    first = host.create("./data").name
    (data / "big").unlink()
    host.create("./data")
    described = snapshots.describe(host.environment, first)
    assert described.freed_bytes is not None
    assert described.freed_bytes >= 2**20


def test_a_change_that_keeps_size_and_time_is_in_the_next_snapshot(host: Host) -> None:
    host.clock.time = SETTLED
    file = host.directory() / "one"
    status = file.stat()
    host.create("./data")
    file.write_text("other")
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    snapshot = host.create("./data")

    out = io.BytesIO()
    restores.read_inside(host.environment, snapshot.name, "one", out)
    assert out.getvalue() == b"other"


def test_what_a_pass_saw_is_kept_only_with_its_snapshot(host: Host) -> None:
    host.clock.time = SETTLED
    host.directory()
    taken = host.create("./data")
    source = host.environment.inventory.find(host.target("./data"))
    kept = source.pool.backend.volume_place(source.volume.id) / "mirror.seen"
    before = kept.read_bytes()
    (host.place / "data" / "new").write_text("new")
    with pytest.raises(AlreadyThere):
        host.create("./data", name=taken.name)
    assert kept.read_bytes() == before
    host.create("./data")

    assert kept.read_bytes() != before
