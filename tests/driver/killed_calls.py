"""Kill one call of the driver at every step, repeat it as a sidecar would, and check what is there. Prints its counts as JSON.

killed_calls.py POOL CALL BASE: the pool is one of btrfs and image, the call one of CALLS. No thread may run here, so the calls are
made without the server in front of them.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

sys.path.insert(0, str(Path(__file__).parents[1] / "crash"))

from machinery.attached import check_nothing_attached
from machinery.killing import adopt_orphans, moments, reap_orphans, run, run_killed_at

from volrewind.clock import SystemClock
from volrewind.driver.controller import Controller
from volrewind.driver.generated import csi_pb2 as csi
from volrewind.driver.group import Groups
from volrewind.driver.locks import Locks
from volrewind.driver.node import Node
from volrewind.driver.served import Served
from volrewind.driver.snapshots import Snapshots
from volrewind.driver.use import Use
from volrewind.pools.home import Home, NewPool
from volrewind.pools.pool import Pool
from volrewind.system import loop, mounts

MIB = 2**20
SIZE = 32 * MIB


@dataclass
class World:
    """A pool with the volume `pvc-1`, in which `file` holds "then", and its snapshot `s-1`."""

    kind: str
    base: Path

    @property
    def kubelet(self) -> Path:
        return self.base / "k"

    @property
    def home(self) -> Home:
        return Home(self.base / "state", SystemClock(), 30)

    def pool(self) -> Pool:
        return self.home.open(self.home.place(self.kind))

    def call(self, method: str, **fields: Any) -> Any:
        """Make a call on a driver that has just started."""
        served, locks = Served({self.kind: self.pool()}), Locks()
        faces = (
            Controller(served, locks, "n"),
            Snapshots(served, locks),
            Groups(served, locks),
            Node(served, locks, "n", self.kubelet),
            Use(served, locks),
        )
        function = next(getattr(face, method) for face in faces if hasattr(face, method))
        return function(getattr(csi, f"{method}Request")(**fields))

    def create(self, name: str, *, block: bool = False, size: int = SIZE, **source: Any) -> csi.Volume:
        return self.call(
            "CreateVolume",
            name=name,
            capacity_range={"required_bytes": size},
            volume_capabilities=[use(block)],
            volume_content_source=source or None,
        ).volume

    def snapshot(self, name: str, of: str = "pvc-1") -> csi.Snapshot:
        return self.call("CreateSnapshot", name=name, source_volume_id=self.volume_id(of)).snapshot

    def volume_id(self, name: str) -> str:
        return self.pool().volume(name).id

    def snapshot_id(self, name: str) -> str:
        return self.pool().snapshot(name).id

    def restored(self, name: str) -> csi.Volume:
        return self.create(name, snapshot={"snapshot_id": self.snapshot_id("s-1")})

    def target(self, volume_id: str) -> Path:
        return self.kubelet / f"pod-{volume_id}"

    def publish(self, volume_id: str, *, block: bool = False) -> str:
        staging = self.kubelet / f"staging-{volume_id}"
        staging.mkdir(exist_ok=True)
        common = {
            "volume_id": volume_id,
            "staging_target_path": str(staging),
            "volume_capability": use(block, group="4711"),
        }
        self.call("NodeStageVolume", **common)
        self.call("NodePublishVolume", **common, target_path=str(self.target(volume_id)))
        return str(self.target(volume_id))

    def withdraw(self, volume_id: str) -> str:
        self.call("NodeUnpublishVolume", volume_id=volume_id, target_path=str(self.target(volume_id)))
        staging = self.kubelet / f"staging-{volume_id}"
        self.call("NodeUnstageVolume", volume_id=volume_id, staging_target_path=str(staging))
        return "gone"

    def content(self, name: str) -> bytes:
        pool = self.pool()
        with pool.backend.opened(pool.volume(name)) as data:
            return (data / "file").read_bytes()

    def check(self, volumes: set[str], snapshots: set[str], seen: Set[Path] = frozenset()) -> None:
        """Check that, once swept, exactly this is there: no leftovers, mounts or loop devices."""
        pool = self.pool()
        pool.sweep()
        content = pool.content()
        must({one.name for one in content.volumes} == volumes, f"volumes {[one.name for one in content.volumes]}")
        must(
            {one.name for one in content.snapshots} == snapshots, f"snapshots {[one.name for one in content.snapshots]}"
        )
        must(not content.orphans and not content.damages, f"left: {content.orphans} {content.damages}")
        left = [entry for folder in ("trash", "browse") for entry in pool.backend.entries(pool.backend.root / folder)]
        must(not left, f"left: {left}")
        shown = {mount.target for mount in mounts.below(self.kubelet) if mount.target.name.startswith("pod-")}
        must(shown == seen, f"mounted: {shown}")
        if not seen:
            must(not mounts.below(self.kubelet), "something is staged")
            devices = [loop.devices_of(image) for image in pool.backend.root.glob("*/*/disk.img")]
            must(not any(devices), f"attached: {devices}")
        must(self.content("pvc-1") == b"then", "pvc-1 holds something else")


def use(block: bool, group: str = "") -> csi.VolumeCapability:
    mode = csi.VolumeCapability.AccessMode(mode=csi.VolumeCapability.AccessMode.SINGLE_NODE_WRITER)
    if block:
        return csi.VolumeCapability(block=csi.VolumeCapability.BlockVolume(), access_mode=mode)
    return csi.VolumeCapability(mount=csi.VolumeCapability.MountVolume(volume_mount_group=group), access_mode=mode)


def must(holds: bool, otherwise: str) -> None:
    if not holds:
        raise AssertionError(otherwise)


class Call:
    """One call: what is there before, the call, what must be true after it, and the way back."""

    pools: ClassVar[tuple[str, ...]] = ("btrfs", "image")

    def __init__(self, world: World) -> None:
        self.world = world

    def before(self) -> None: ...

    def act(self) -> str:
        raise NotImplementedError

    def after(self) -> None:
        raise NotImplementedError

    def back(self) -> None: ...


class Create(Call):
    def act(self) -> str:
        return str(self.world.create("pvc-2"))

    def after(self) -> None:
        self.world.check({"pvc-1", "pvc-2"}, {"s-1"})

    def back(self) -> None:
        self.world.call("DeleteVolume", volume_id=self.world.volume_id("pvc-2"))


class Restore(Create):
    def act(self) -> str:
        source = {"snapshot_id": self.world.snapshot_id("s-1")}
        return str(self.world.create("pvc-2", size=2 * SIZE, snapshot=source))

    def after(self) -> None:
        super().after()
        must(self.world.content("pvc-2") == b"then", "the restored volume holds something else")


class Clone(Restore):
    def act(self) -> str:
        return str(self.world.create("pvc-2", volume={"volume_id": self.world.volume_id("pvc-1")}))


class Snapshot(Call):
    def act(self) -> str:
        return str(self.world.snapshot("s-2"))

    def after(self) -> None:
        self.world.check({"pvc-1"}, {"s-1", "s-2"})
        pool = self.world.pool()
        with pool.backend.browse(pool.snapshot("s-2")) as data:
            must((data / "file").read_bytes() == b"then", "the snapshot holds something else")

    def back(self) -> None:
        self.world.call("DeleteSnapshot", snapshot_id=self.world.snapshot_id("s-2"))


class DeleteSnapshot(Call):
    def before(self) -> None:
        self.identity = self.world.snapshot("s-2").snapshot_id

    def act(self) -> str:
        return str(self.world.call("DeleteSnapshot", snapshot_id=self.identity))

    def after(self) -> None:
        self.world.check({"pvc-1"}, {"s-1"})


class DeleteVolume(DeleteSnapshot):
    def before(self) -> None:
        self.identity = self.world.restored("pvc-2").volume_id

    def act(self) -> str:
        return str(self.world.call("DeleteVolume", volume_id=self.identity))


class Group(Call):
    def before(self) -> None:
        self.volumes = [self.world.volume_id("pvc-1"), self.world.restored("pvc-2").volume_id]
        self.world.publish(self.volumes[1])

    def act(self) -> str:
        return str(
            self.world.call("CreateVolumeGroupSnapshot", name="g", source_volume_ids=self.volumes).group_snapshot
        )

    def after(self) -> None:
        group = self.world.call("CreateVolumeGroupSnapshot", name="g", source_volume_ids=self.volumes).group_snapshot
        must(group.ready_to_use and len(group.snapshots) == 2, f"the group is not whole: {group}")
        target = self.world.target(self.volumes[1])
        names = {self.world.pool().snapshot_of(one.snapshot_id).name for one in group.snapshots}
        self.world.check({"pvc-1", "pvc-2"}, {"s-1", *names}, {target})
        (target / "more").write_bytes(b"nothing is frozen")

    def back(self) -> None:
        group = self.world.call("CreateVolumeGroupSnapshot", name="g", source_volume_ids=self.volumes).group_snapshot
        self.world.call("DeleteVolumeGroupSnapshot", group_snapshot_id=group.group_snapshot_id)
        self.world.withdraw(self.volumes[1])
        self.world.call("DeleteVolume", volume_id=self.volumes[1])


class DeleteGroup(Call):
    def before(self) -> None:
        self.volumes = [self.world.volume_id("pvc-1"), self.world.restored("pvc-2").volume_id]
        made = self.world.call("CreateVolumeGroupSnapshot", name="g", source_volume_ids=self.volumes).group_snapshot
        self.group = {
            "group_snapshot_id": made.group_snapshot_id,
            "snapshot_ids": [one.snapshot_id for one in made.snapshots],
        }

    def act(self) -> str:
        return str(self.world.call("DeleteVolumeGroupSnapshot", **self.group))

    def after(self) -> None:
        self.world.check({"pvc-1", "pvc-2"}, {"s-1"})

    def back(self) -> None:
        self.world.call("DeleteVolume", volume_id=self.volumes[1])


class Publish(Call):
    def before(self) -> None:
        self.identity = self.world.restored("pvc-2").volume_id

    def act(self) -> str:
        return self.world.publish(self.identity)

    def after(self) -> None:
        target = self.world.target(self.identity)
        self.world.check({"pvc-1", "pvc-2"}, {"s-1"}, {target})
        must((target / "file").read_bytes() == b"then", "the Pod sees something else")
        must((target / "file").stat().st_gid == target.stat().st_gid == 4711, "the group has not all of it")
        must(self.world.pool().volume("pvc-2").group_id == 4711, "the record does not know of the group")

    def back(self) -> None:
        self.world.withdraw(self.identity)
        self.world.call("DeleteVolume", volume_id=self.identity)


class Withdraw(Call):
    def before(self) -> None:
        self.identity = self.world.restored("pvc-2").volume_id
        self.world.publish(self.identity)

    def act(self) -> str:
        return self.world.withdraw(self.identity)

    def after(self) -> None:
        self.world.check({"pvc-1", "pvc-2"}, {"s-1"})
        must(not self.world.target(self.identity).exists(), "the mount point stays")

    def back(self) -> None:
        self.world.call("DeleteVolume", volume_id=self.identity)


class Expand(Publish):
    pools: ClassVar[tuple[str, ...]] = ("btrfs",)

    def before(self) -> None:
        super().before()
        self.world.publish(self.identity)

    def act(self) -> str:
        path = str(self.world.target(self.identity))
        return str(
            self.world.call(
                "NodeExpandVolume",
                volume_id=self.identity,
                volume_path=path,
                capacity_range={"required_bytes": 2 * SIZE},
            )
        )

    def after(self) -> None:
        super().after()
        must(self.world.pool().volume("pvc-2").size_bytes == 2 * SIZE, "it has not grown")


class PublishBlock(Publish):
    pools: ClassVar[tuple[str, ...]] = ("image",)

    def before(self) -> None:
        self.identity = self.world.create("pvc-2", block=True).volume_id

    def act(self) -> str:
        return self.world.publish(self.identity, block=True)

    def after(self) -> None:
        target = self.world.target(self.identity)
        self.world.check({"pvc-1", "pvc-2"}, {"s-1"}, {target})
        image = self.world.pool().backend.volume_place(self.identity) / "disk.img"
        devices = loop.devices_of(image)
        must(len(devices) == 1 and devices[0].stat().st_rdev == target.stat().st_rdev, f"devices: {devices}")


class WithdrawBlock(Withdraw):
    pools: ClassVar[tuple[str, ...]] = ("image",)

    def before(self) -> None:
        self.identity = self.world.create("pvc-2", block=True).volume_id
        self.world.publish(self.identity, block=True)


class ExpandBlock(PublishBlock):
    def before(self) -> None:
        super().before()
        self.world.publish(self.identity, block=True)

    def act(self) -> str:
        path = str(self.world.target(self.identity))
        return str(
            self.world.call(
                "NodeExpandVolume",
                volume_id=self.identity,
                volume_path=path,
                capacity_range={"required_bytes": 2 * SIZE},
            )
        )

    def after(self) -> None:
        super().after()
        with self.world.target(self.identity).open("rb") as device:
            must(device.seek(0, os.SEEK_END) == 2 * SIZE, "the device has not grown")


CALLS = (
    Create, Restore, Clone, Snapshot, DeleteSnapshot, DeleteVolume, Group, DeleteGroup, Publish, Withdraw, Expand, PublishBlock, WithdrawBlock,
    ExpandBlock,
)  # fmt: skip


def rounds(call: Call, every: int) -> Iterator[tuple[str, str]]:
    """Kill at each moment; yields the moment and how the call ended there."""
    call.before()
    touches, _ = moments(call.act)
    steps = touches[::every]
    _finish(call)
    for index, step in enumerate(steps):
        call.before()
        outcome = run_killed_at(call.act, step)
        must(outcome.end != "failed", f"at {step}: {outcome.text}")
        if index % 2:  # a driver that starts sweeps; but another process may have been killed
            reap_orphans()
            call.world.pool().sweep()
        try:
            _finish(call)
        except AssertionError as error:
            raise AssertionError(f"after a kill at {step}: {error}") from error
        yield str(step), outcome.end


def _finish(call: Call) -> None:
    """Repeat the call, twice, since the answer to the first may have been lost; check, and be back where we began."""
    first = _done(call.act)
    reap_orphans()
    must(_done(call.act) == first, "the second answer differs from the first")
    call.after()
    call.back()
    call.world.check({"pvc-1"}, {"s-1"})


def _done(act: Callable[[], object]) -> object:
    outcome = run(act)
    must(outcome.end == "done", outcome.text)
    return outcome.result


def main() -> int:
    kind, name, base, every = sys.argv[1], sys.argv[2], Path(sys.argv[3]), int(sys.argv[4])
    adopt_orphans()
    world = World(kind, base)
    ends: list[str] = []
    failure = ""
    try:
        world.kubelet.mkdir(parents=True)
        pool = world.home.create(NewPool(name=kind, kind=kind, size_bytes=448 * MIB, sparse=True))
        world.create("pvc-1")
        with pool.backend.opened(pool.volume("pvc-1")) as data:
            (data / "file").write_bytes(b"then")
        world.snapshot("s-1")
        call = next(one for one in CALLS if one.__name__ == name)(world)
        ends = [end for _, end in rounds(call, every)]
    except BaseException:
        failure = traceback.format_exc()
    try:
        reap_orphans()
        world.home.destroy(world.home.place(kind), with_snapshots=True)
        check_nothing_attached(base)
    except BaseException:
        failure = failure or traceback.format_exc()
    print(json.dumps({"kills": ends.count("killed"), "rounds": len(ends), "failure": failure}))
    return 1 if failure else 0


if __name__ == "__main__":
    sys.exit(main())
