"""What somebody does between a death and the next run is kept."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable

import pytest
from services.adoption.dying import killed_at, place_of
from services.adoption.host import MIB, Host, change, fill, manifest

from volrewind.errors import InUse, NotFound, Refused
from volrewind.services.adoption import adopt, finish, give_back
from volrewind.services.storage import mount_pool, unmount_pool


@pytest.mark.root
def test_half_a_deletion_can_still_be_undone(host: Host) -> None:
    host.adopt()
    change(host.data)
    newest = manifest(host.data)
    assert killed_at(place_of(finish, "remove_tree"), host.finish)
    (host.kept / "deep" / "file").unlink()
    host.give_back()
    assert manifest(host.data) == newest


@pytest.mark.root
def test_what_was_written_between_death_and_the_next_run_is_kept(host: Host) -> None:
    host.adopt()
    assert killed_at(place_of(give_back, "copy_out(work)"), host.give_back)
    (host.data / "late").write_text("late")
    newest = manifest(host.data)
    with pytest.raises(Refused, match="is being given back"):
        host.adopt()
    host.give_back()
    assert manifest(host.data) == newest
    host.clear()
    fill(host.data)
    assert killed_at(place_of(adopt, "switch(work)"), host.adopt)
    change(host.data)
    newest = manifest(host.data)
    host.adopt()
    assert manifest(host.data) == newest


@pytest.mark.root
def test_what_was_written_after_the_mount_survives_a_death_before_the_last_note(host: Host) -> None:
    assert killed_at(place_of(adopt, "work.note(AdoptionStep.ADOPTED)"), host.adopt)
    change(host.data)
    newest = manifest(host.data)
    unmount_pool(host.environment, "main")
    mount_pool(host.environment, "main")
    host.give_back()
    assert manifest(host.data) == newest


@pytest.mark.root
def test_killed_while_making_a_fresh_directory_it_is_taken_again(host: Host) -> None:
    for text in ("moving.make_mount_point(work.kept, work.path)\n    work.note", "original_inode=work.kept.stat()"):
        host.clear()
        fill(host.data)
        host.adopt()
        host.finish()
        change(host.data)
        newest = manifest(host.data)
        assert killed_at(place_of(give_back, text), host.give_back)
        assert manifest(host.data) == newest
        host.give_back()
        assert manifest(host.data) == newest


@pytest.mark.root
@pytest.mark.slow
def test_killed_at_any_moment_no_copy_goes_on_by_itself(host: Host) -> None:
    moments = random.Random(host.kind)
    (host.data / "large").write_bytes(os.urandom(8 * MIB))
    before = manifest(host.data)
    for act in (host.adopt, host.give_back) * 4:
        child = os.fork()
        if child == 0:
            try:
                act()
            finally:
                os._exit(0)
        time.sleep(moments.uniform(0, 0.5))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        again(act)
        assert host.is_mounted is (act == host.adopt)
        assert manifest(host.data) == before


def again(act: Callable[[], object]) -> None:
    """Run the same command until what the dead one left running (for a moment) is gone; done already is fine."""
    for _ in range(100):
        try:
            act()
        except InUse:
            time.sleep(0.02)
        except NotFound:
            return
        else:
            return
    pytest.fail("somebody still uses it")
