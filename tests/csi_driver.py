"""A driver of its own process over real pools, spoken to through its socket as a sidecar would."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.message_factory import GetMessageClass

from volrewind.clock import SystemClock
from volrewind.driver.generated import csi_pb2 as csi
from volrewind.driver.generated import pluginregistration_pb2 as registration
from volrewind.pools.home import Home
from volrewind.pools.pool import Pool
from volrewind.system import mounts

MIB = 2**20
GIB = 2**30
POOLS = ("btrfs=1Gi", "image=2Gi")
_SERVICES = [*csi.DESCRIPTOR.services_by_name.values(), *registration.DESCRIPTOR.services_by_name.values()]
_METHODS = {method.name: method for service in _SERVICES for method in service.methods}
Mode = csi.VolumeCapability.AccessMode


@dataclass
class Driver:
    """A driver under `base`: state, kubelet's directory and sockets."""

    base: Path
    pools: tuple[str, ...] = POOLS
    node: str = "node-1"
    options: tuple[str, ...] = ("--sparse",)
    process: subprocess.Popen[bytes] | None = None
    channels: dict[Path, grpc.Channel] = field(default_factory=dict)

    @property
    def kubelet(self) -> Path:
        return self.base / "k"

    @property
    def socket(self) -> Path:
        return self.kubelet / "plugins" / "csi.volrewind.io" / "csi.sock"

    @property
    def registration_socket(self) -> Path:
        return self.kubelet / "plugins_registry" / "csi.volrewind.io-reg.sock"

    @property
    def health_socket(self) -> Path:
        return self.base / "health.sock"

    @property
    def log(self) -> str:
        return (self.base / "log").read_text()

    @property
    def home(self) -> Home:
        return Home(self.base / "state", SystemClock())

    def pool(self, name: str) -> Pool:
        return self.home.open(self.home.place(name))

    def command(self) -> list[str]:
        pools = [word for pool in self.pools for word in ("--pool", pool)]
        places = ["--kubelet-dir", str(self.kubelet), "--health-socket", str(self.health_socket)]
        return [sys.executable, "-m", "volrewind", "csi-driver", "--node-id", self.node, *pools, *self.options, *places]

    def start(self, *, wait: bool = True) -> None:
        self.kubelet.mkdir(exist_ok=True)
        environment = {**os.environ, "VOLREWIND_STATE": str(self.base / "state")}
        with (self.base / "log").open("ab") as log:
            self.process = subprocess.Popen(self.command(), env=environment, stderr=log, start_new_session=True)
        if wait:
            self.call("Probe")

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End it, and return with what code; one that is not running has none."""
        if self.process is not None:
            self.process.send_signal(number)
        return self.ended()

    def ended(self) -> int:
        """Wait until it ends, and return with what code; one that is not running has none."""
        if self.process is None:
            return 0
        code = self.process.wait(timeout=60)
        self.process = None
        for channel in self.channels.values():
            channel.close()
        self.channels.clear()
        return code

    def send(
        self, method: str, data: bytes, *, socket: Path | None = None, timeout: float = 120, wait: bool = True
    ) -> Any:
        """Call a method with the bytes of a request, whatever they are; `wait` for a driver that is not there yet."""
        descriptor = _METHODS[method]
        service = descriptor.containing_service.full_name
        path = socket or self.socket
        if path not in self.channels:
            self.channels[path] = grpc.insecure_channel(f"unix:{path}")
        rpc = self.channels[path].unary_unary(
            f"/{service}/{method}",
            request_serializer=None,
            response_deserializer=GetMessageClass(descriptor.output_type).FromString,
        )
        return rpc(data, timeout=timeout, wait_for_ready=wait)

    def call(
        self, method: str, *, socket: Path | None = None, timeout: float = 120, wait: bool = True, **fields: Any
    ) -> Any:
        """Call a method with the fields of its request."""
        request = GetMessageClass(_METHODS[method].input_type)(**fields)
        return self.send(method, request.SerializeToString(), socket=socket, timeout=timeout, wait=wait)

    def create(self, name: str = "pvc-1", *, size: int = 64 * MIB, pool: str = "btrfs", **more: Any) -> csi.Volume:
        fields = {
            "name": name,
            "capacity_range": {"required_bytes": size},
            "volume_capabilities": [capability()],
            "parameters": {"pool": pool},
            **more,
        }
        return self.call("CreateVolume", **fields).volume

    def snapshot(self, volume: csi.Volume, name: str = "snapshot-1") -> csi.Snapshot:
        return self.call("CreateSnapshot", name=name, source_volume_id=volume.volume_id).snapshot

    def restore(self, snapshot: csi.Snapshot, name: str = "pvc-restored", **more: Any) -> csi.Volume:
        source = {"snapshot": {"snapshot_id": snapshot.snapshot_id}}
        return self.create(name, volume_content_source=source, **{"parameters": {}, **more})

    def stage(self, volume: csi.Volume, use: csi.VolumeCapability | None = None) -> Path:
        staging = self.kubelet / f"staging-{volume.volume_id}"
        staging.mkdir(exist_ok=True)
        use = use or capability()
        self.call(
            "NodeStageVolume", volume_id=volume.volume_id, staging_target_path=str(staging), volume_capability=use
        )
        return staging

    def publish(
        self, volume: csi.Volume, use: csi.VolumeCapability | None = None, *, name: str = "pod", readonly: bool = False
    ) -> Path:
        """Stage and publish a volume; returns where a Pod sees it."""
        use = use or capability()
        target = self.kubelet / f"{name}-{volume.volume_id}"
        self.call(
            "NodePublishVolume",
            volume_id=volume.volume_id,
            staging_target_path=str(self.stage(volume, use)),
            target_path=str(target),
            volume_capability=use,
            readonly=readonly,
        )
        return target

    def withdraw(self, volume: csi.Volume) -> None:
        """Unpublish a volume wherever it is, and unstage it."""
        for target in self.kubelet.glob(f"*-{volume.volume_id}"):
            if not target.name.startswith("staging-"):
                self.call("NodeUnpublishVolume", volume_id=volume.volume_id, target_path=str(target))
        staging = self.kubelet / f"staging-{volume.volume_id}"
        self.call("NodeUnstageVolume", volume_id=volume.volume_id, staging_target_path=str(staging))
        with suppress(FileNotFoundError):
            staging.rmdir()

    def empty(self) -> None:
        """Remove all volumes and snapshots, as Kubernetes would."""
        for group in {entry.snapshot.group_snapshot_id for entry in self.call("ListSnapshots").entries} - {""}:
            self.call("DeleteVolumeGroupSnapshot", group_snapshot_id=group)
        for entry in self.call("ListSnapshots").entries:
            self.call("DeleteSnapshot", snapshot_id=entry.snapshot.snapshot_id)
        for entry in self.call("ListVolumes").entries:
            self.withdraw(entry.volume)
            self.call("DeleteVolume", volume_id=entry.volume.volume_id)

    def destroy(self) -> None:
        self.stop(signal.SIGKILL)
        for mount in mounts.below(self.kubelet):
            mounts.be_unmounted(mount.target)
        for place in self.home.places():
            self.home.destroy(place, with_snapshots=True)


def capability(mode: int = Mode.SINGLE_NODE_WRITER, *, block: bool = False, **mount: Any) -> csi.VolumeCapability:
    """Return the use of a volume: mounted (with these fields of MountVolume), or as a block device."""
    access = Mode(mode=mode)
    if block:
        return csi.VolumeCapability(block=csi.VolumeCapability.BlockVolume(), access_mode=access)
    return csi.VolumeCapability(mount=csi.VolumeCapability.MountVolume(**mount), access_mode=access)
