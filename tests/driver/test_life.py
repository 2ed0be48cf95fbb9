"""A driver starts, registers, is killed, starts again, and stops without breaking off what it was doing."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import grpc
import pytest
from csi_driver import GIB, MIB, Driver, Mode, capability

from volrewind.clock import SystemClock, wait_until
from volrewind.driver import health
from volrewind.driver.server import THREADS
from volrewind.system import filesystem, loop, mounts
from volrewind.system.files import locked, sync_file_system
from volrewind.system.process import run

pytestmark = pytest.mark.root
ALONE = capability(Mode.SINGLE_NODE_SINGLE_WRITER)


def test_the_kubelet_is_told_who_we_are(driver: Driver) -> None:
    told = driver.call("GetInfo", socket=driver.registration_socket)
    assert (told.type, told.name, told.endpoint) == ("CSIPlugin", "csi.volrewind.io", str(driver.socket))
    assert list(told.supported_versions) == ["1.0.0"]
    assert driver.call("GetPluginInfo").name == "csi.volrewind.io"
    assert driver.call("NodeGetInfo").node_id == "node-1"


def test_only_root_may_call(driver: Driver) -> None:
    for socket in (driver.socket, driver.registration_socket):
        assert stat.S_IMODE(socket.stat().st_mode) == 0o600


def test_a_group_may_call_besides_root_where_that_is_said(own_driver: Driver) -> None:
    own_driver.options = ("--sparse", "--socket-group=65532")
    own_driver.start()
    status = own_driver.socket.stat()
    assert (stat.S_IMODE(status.st_mode), status.st_gid) == (0o660, 65532)
    assert stat.S_IMODE(own_driver.registration_socket.stat().st_mode) == 0o600


def test_a_kubelet_that_does_not_want_us_ends_us(own_driver: Driver) -> None:
    own_driver.start()
    own_driver.call("NotifyRegistrationStatus", socket=own_driver.registration_socket, plugin_registered=True)
    own_driver.call(
        "NotifyRegistrationStatus", socket=own_driver.registration_socket, plugin_registered=False, error="too old"
    )
    assert own_driver.process is not None
    assert own_driver.process.wait(timeout=60) == 5
    assert "too old" in own_driver.log


def test_a_driver_is_well_while_the_kubelet_has_it_and_its_pools_are_mounted(own_driver: Driver) -> None:
    own_driver.start()
    assert well(own_driver) == "the kubelet has not registered csi.volrewind.io yet"
    own_driver.call("NotifyRegistrationStatus", socket=own_driver.registration_socket, plugin_registered=True)
    assert well(own_driver) == "well"
    own_driver.home.be_unmounted(own_driver.home.place("image"))
    assert "'image' is not mounted" in well(own_driver)
    own_driver.stop()
    assert "no driver answers" in well(own_driver)


def test_a_driver_that_has_its_hands_full_is_well(own_driver: Driver) -> None:
    own_driver.start()
    own_driver.call("NotifyRegistrationStatus", socket=own_driver.registration_socket, plugin_registered=True)
    backing = own_driver.base / "state" / "backing" / "btrfs.img"
    with ThreadPoolExecutor(THREADS) as executor:
        with locked(backing, "the pool", clock=SystemClock(), deadline_seconds=5):
            running = [executor.submit(own_driver.create, f"pvc-{number}") for number in range(THREADS)]
            time.sleep(0.5)  # all of them wait for the pool now
            assert well(own_driver) == "well"
            assert not any(one.done() for one in running)
        assert all(one.result() for one in running)
    own_driver.empty()


def well(driver: Driver) -> str:
    """Return what the kubelet's probe is told."""
    command = [sys.executable, "-I", "-m", health.__name__, str(driver.health_socket)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    said = done.stdout.strip()
    assert (said == "well") is (done.returncode == 0)
    return said


def test_what_runs_when_we_are_stopped_is_finished(own_driver: Driver) -> None:
    own_driver.start()
    backing = own_driver.base / "state" / "backing" / "btrfs.img"
    assert own_driver.process is not None
    with ThreadPoolExecutor(1) as executor:
        with locked(backing, "the pool", clock=SystemClock(), deadline_seconds=5):
            running = executor.submit(own_driver.create)
            time.sleep(0.5)  # the call waits for the pool now
            own_driver.process.send_signal(signal.SIGTERM)
            closed = partial(_is_closed, own_driver)
            wait_until(closed, "the driver to answer nobody new", clock=SystemClock(), deadline_seconds=10)
        assert running.result().volume_id
    assert own_driver.ended() == 0  # no second signal: Python has no handler any more while it ends
    assert [volume.name for volume in own_driver.pool("btrfs").volumes()] == ["pvc-1"]
    assert not own_driver.registration_socket.exists()


def _is_closed(driver: Driver) -> bool:
    with pytest.raises(grpc.RpcError) as caught:
        driver.call("CreateVolume", name="pvc-late", wait=False)  # says too little to make anything
    code = caught.value.code()
    closed = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)  # the second: it came while the door was closed
    assert code in (grpc.StatusCode.INVALID_ARGUMENT, *closed)
    return code in closed


@pytest.mark.parametrize("pool", ["btrfs", "image"])
def test_pods_keep_their_volumes_while_the_driver_is_killed_and_starts(own_driver: Driver, refused, pool: str) -> None:
    own_driver.start()
    volume = own_driver.create(pool=pool)
    snapshot = own_driver.snapshot(volume)
    target = own_driver.publish(volume, ALONE)
    with (target / "log").open("ab") as log:
        own_driver.stop(signal.SIGKILL)
        log.write(b"while it was gone")
        log.flush()
        os.fsync(log.fileno())
        own_driver.start()
    assert own_driver.create(pool=pool) == volume
    assert own_driver.snapshot(volume) == snapshot
    assert own_driver.publish(volume, ALONE) == target
    with refused("FAILED_PRECONDITION"):
        own_driver.publish(volume, ALONE, name="second")
    assert (target / "log").read_bytes() == b"while it was gone"
    own_driver.empty()


def test_volumes_come_back_after_the_node_was_restarted(own_driver: Driver) -> None:
    own_driver.start()
    block = [capability(block=True)]
    volumes = [own_driver.create("pvc-1"), own_driver.create("pvc-2", pool="image")]
    device = own_driver.create("pvc-3", pool="image", volume_capabilities=block)
    for volume in volumes:
        (own_driver.publish(volume) / "file").write_bytes(b"x")
    own_driver.publish(device, block[0])

    own_driver.stop(signal.SIGKILL)
    for mount in reversed(mounts.below(own_driver.kubelet)):
        mounts.be_unmounted(mount.target)
    image = own_driver.pool("image").backend.volume_place(device.volume_id) / "disk.img"
    loop.be_detached(image)
    for place in own_driver.home.places():
        own_driver.home.be_unmounted(place)

    own_driver.start()
    for volume in volumes:
        assert (own_driver.publish(volume) / "file").read_bytes() == b"x"
    assert own_driver.publish(device, block[0]).is_block_device()
    own_driver.empty()


def test_what_a_dead_process_left_is_swept_at_the_start(own_driver: Driver) -> None:
    own_driver.start()
    own_driver.create()
    own_driver.stop(signal.SIGKILL)
    orphan = own_driver.base / "state" / "pools" / "btrfs" / "volumes" / "vol-0123456789abcdef"
    orphan.mkdir()
    own_driver.start()
    assert not orphan.exists()
    assert "unfinished volume vol-0123456789abcdef" in own_driver.log


def test_two_drivers_never_share_a_socket(driver: Driver) -> None:
    second = Driver(driver.base)
    second.start(wait=False)
    assert second.process is not None
    assert second.process.wait(timeout=60) == 5
    assert "another driver listens" in driver.log
    assert driver.call("Probe").ready.value


def test_a_pool_that_does_not_exist_is_made_only_with_a_size(own_driver: Driver) -> None:
    own_driver.pools = ("btrfs",)
    own_driver.start(wait=False)
    assert own_driver.process is not None
    assert own_driver.process.wait(timeout=60) == 3
    assert own_driver.home.places() == ()


@pytest.fixture
def small_host(own_driver: Driver) -> Iterator[Path]:
    """A file system of 1 GiB for the driver's pools, which own all of their room there."""
    own_driver.pools, own_driver.options = ("btrfs=256Mi", "image=320Mi"), ()
    state, disk = own_driver.base / "state", own_driver.base / "disk"
    state.mkdir()
    filesystem.set_length(disk, GIB)
    filesystem.make_ext4(disk)
    run(["mount", "-o", "loop", disk, state])
    run(["mount", "--make-shared", state])
    yield state
    own_driver.destroy()
    mounts.be_unmounted(state)


def test_a_pool_that_exists_is_opened_however_full_the_host_is(own_driver: Driver, small_host: Path) -> None:
    own_driver.start()
    volumes = [own_driver.create(f"pvc-{pool}", pool=pool) for pool in ("btrfs", "image")]
    for volume in volumes:
        (own_driver.publish(volume) / "file").write_bytes(b"before")
        own_driver.withdraw(volume)
    own_driver.stop()
    for place in own_driver.home.places():
        own_driver.home.be_unmounted(place)
    filesystem.allocate(small_host / "others", filesystem.space(small_host).free_bytes - MIB)

    own_driver.start()

    for volume in volumes:
        file = own_driver.publish(volume) / "file"
        assert file.read_bytes() == b"before"
        file.write_bytes(os.urandom(MIB))
        sync_file_system(file)
        assert own_driver.snapshot(volume, f"of-{volume.volume_id}").ready_to_use
    own_driver.empty()


def test_a_host_that_is_too_full_is_told_when_a_pool_is_to_be_made(own_driver: Driver, small_host: Path) -> None:
    filesystem.allocate(small_host / "others", 600 * MIB)
    own_driver.start(wait=False)
    assert own_driver.ended() == 5
    assert "would fill the file system" in own_driver.log
    assert own_driver.home.places() == ()


def test_mounts_that_nobody_would_see_are_not_made(own_driver: Driver) -> None:
    own_driver.kubelet.mkdir()
    run(["mount", "--bind", own_driver.kubelet, own_driver.kubelet])
    run(["mount", "--make-private", own_driver.kubelet])
    own_driver.start(wait=False)
    assert own_driver.process is not None
    assert own_driver.process.wait(timeout=60) == 5
    assert "Bidirectional" in own_driver.log
    mounts.be_unmounted(own_driver.kubelet)


def test_a_pool_that_was_unmounted_under_us_is_noticed(own_driver: Driver, refused) -> None:
    own_driver.start()
    own_driver.home.be_unmounted(own_driver.home.place("image"))
    with refused("FAILED_PRECONDITION") as told:
        own_driver.call("Probe")
    assert "'image' is not mounted" in told.details
    own_driver.stop()
    own_driver.start()
    assert own_driver.call("Probe").ready.value


@pytest.mark.parametrize("pool", ["btrfs", "image"])
def test_a_full_pool_says_so_and_loses_nothing(own_driver: Driver, refused, pool: str) -> None:
    own_driver.pools = ("btrfs=256Mi", "image=320Mi")
    own_driver.start()
    volume = own_driver.create(pool=pool, size=32 * MIB)
    (own_driver.publish(volume) / "file").write_bytes(b"precious")
    snapshot = own_driver.snapshot(volume)

    def capacity() -> int:
        return own_driver.call("GetCapacity", parameters={"pool": pool}).available_capacity

    left = capacity()
    filler = own_driver.create("pvc-filler", pool=pool, size=left // MIB * MIB)
    for fill in (
        lambda: own_driver.create("pvc-more", pool=pool),
        lambda: own_driver.restore(snapshot, size=32 * MIB),
        lambda: own_driver.create(
            "pvc-clone", parameters={}, volume_content_source={"volume": {"volume_id": volume.volume_id}}
        ),
    ):
        with refused("RESOURCE_EXHAUSTED"):
            fill()
    assert {entry.volume.volume_id for entry in own_driver.call("ListVolumes").entries} == {
        volume.volume_id,
        filler.volume_id,
    }
    own_driver.call("DeleteVolume", volume_id=filler.volume_id)
    wait_until(lambda: capacity() > 40 * MIB, "the space of what is gone", clock=SystemClock(), deadline_seconds=30)
    restored = own_driver.restore(snapshot, size=32 * MIB)
    assert (own_driver.publish(restored) / "file").read_bytes() == b"precious"
    own_driver.empty()


def test_a_driver_s_memory_is_bounded(driver: Driver) -> None:
    volume = driver.create()
    for number in range(20):
        driver.call("DeleteSnapshot", snapshot_id=driver.snapshot(volume, f"s-{number}").snapshot_id)
    assert driver.process is not None
    status = Path(f"/proc/{driver.process.pid}/status").read_text()
    resident = int(status.partition("VmRSS:")[2].split()[0]) * 1024
    assert resident < 60 * MIB
