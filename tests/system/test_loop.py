"""Loop devices: known by the inode of their file, gone with their last user."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from volrewind.system import filesystem, loop

MIB = 2**20


@given(st.integers(0, 0xFFF), st.integers(0, 0xFFFFF), st.integers(0, 2**64 - 1))
def test_a_loop_device_s_place_is_decoded(major: int, minor: int, inode: int) -> None:
    encoded = (minor & 0xFF) | (major << 8) | ((minor & ~0xFF) << 12)  # new_encode_dev, linux/kdev_t.h
    assert loop._place(encoded, inode) == (os.makedev(major, minor), inode)


@pytest.mark.root
def test_a_held_device_goes_with_its_last_user(tmp_path: Path) -> None:
    image = tmp_path / "disk.img"
    filesystem.set_length(image, 4 * MIB)
    with loop.held(image, sector_bytes=4096) as device:
        with loop.held(image) as again:
            assert again == device
        assert loop.devices_of(image) == (device,)
        assert Path(f"/sys/block/{device.name}/loop/dio").read_text() == "1\n"
        assert Path(f"/sys/block/{device.name}/queue/logical_block_size").read_text() == "4096\n"
    assert loop.devices_of(image) == ()


@pytest.mark.root
def test_a_device_reads_its_file_past_the_cache_or_through_it(tmp_path: Path) -> None:
    image = tmp_path / "disk.img"
    image.write_bytes(b"content" + bytes(4 * MIB))
    with loop.held(image, direct=False) as device:
        direct = Path(f"/sys/block/{device.name}/loop/dio")
        assert direct.read_text() == "0\n"
        for wanted in (True, False):
            loop.be_direct(device, wanted)
            assert direct.read_text() == f"{wanted:d}\n"
            assert device.read_bytes()[:7] == b"content"


@pytest.mark.root
def test_a_number_is_a_file_s_device_or_none(tmp_path: Path) -> None:
    image, other = tmp_path / "disk.img", tmp_path / "other.img"
    for file in (image, other):
        filesystem.set_length(file, 4 * MIB)
    with loop.held(image) as device, loop.held(other) as others:
        assert loop.device_of(image, device.stat().st_rdev) == device
        assert loop.device_of(image, others.stat().st_rdev) is None
        assert loop.device_of(image, Path("/proc").stat().st_dev) is None
        assert loop.device_of(tmp_path / "absent", device.stat().st_rdev) is None
    assert loop.device_of(image, os.makedev(7, 0xFFFFF)) is None


@pytest.mark.root
def test_devices_are_found_by_inode_not_by_name(tmp_path: Path) -> None:
    image = tmp_path / "disk.img"
    filesystem.set_length(image, 4 * MIB)
    device = loop.attach(image)
    try:
        image.rename(tmp_path / "moved")
        image.write_bytes(b"another")
        assert loop.devices_of(image) == ()
        assert loop.devices_of(tmp_path / "moved") == (device,)
        assert loop.devices_of(tmp_path / "absent") == ()
    finally:
        loop.be_detached(tmp_path / "moved")


@pytest.mark.root
def test_a_device_that_is_another_file_s_by_now_is_left_alone(tmp_path: Path) -> None:
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    for file in (ours, theirs):
        filesystem.set_length(file, 4 * MIB)
    device = loop.attach(theirs)
    try:
        loop.detach(device, loop.place_of(ours))
        assert loop.devices_of(theirs) == (device,)
        loop.detach(device, loop.place_of(theirs))
        loop.detach(device, loop.place_of(theirs))
        assert loop.devices_of(theirs) == ()
    finally:
        loop.be_detached(theirs)
