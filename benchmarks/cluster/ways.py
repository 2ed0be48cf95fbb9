"""Ways to take a snapshot of a claim and to have a Pod run on it: by our classes, and as the reference driver does it.

kubernetes-csi's csi-driver-host-path packs a volume's directory by `tar czf FILE -C VOLUME .`, and unpacks that by
`tar zxvf FILE -C VOLUME` (read in its pkg/hostpath/hostpath.go). It cannot be had where this was measured, so these very
commands are run here, on the node, without the sidecars and without the rest of that driver.
"""

from __future__ import annotations

import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from benchmarks.cluster.node import Cluster
from benchmarks.cluster.subject import Subject, create, drop, drop_pod, make_claim, place_of, running
from benchmarks.cluster.waiting import changed_until, gone
from benchmarks.measure import run
from testbed.kubectl import Manifest, pod, snapshot
from volrewind.cluster.kinds import VolumeSnapshot, VolumeSnapshotContent

CUT, READY, RUNNING = "request to cut", "request to ready to use", "claim from it to a running Pod"
TAR, REFUSED = "tar", "tar ended with an error"


class Way(Protocol):
    """One way; `name` is how samples call it."""

    name: str
    subject: Subject

    def take(self, tag: str) -> dict[str, float]:
        """Take a snapshot, and return the seconds to each thing that was waited for."""
        ...

    def restore(self, tag: str) -> None:
        """Have a Pod run on what it holds."""
        ...

    def tidy(self, tag: str) -> None:
        """Leave nothing of both."""
        ...


@dataclass
class OfClass:
    """A VolumeSnapshot of a claim of ours, and a claim from it."""

    cluster: Cluster
    subject: Subject

    @property
    def name(self) -> str:
        return self.subject.storage_class

    def take(self, tag: str) -> dict[str, float]:
        admin, begun = self.cluster.admin, time.time()
        made = create(self.cluster, snapshot(tag, of=self.subject.name))
        ready = changed_until(admin, made, lambda one: bool((one.status or {}).get("readyToUse")))
        ended = time.time()
        content = admin.get(VolumeSnapshotContent, ready.status["boundVolumeSnapshotContentName"])
        return {CUT: content.status["creationTime"] / 1e9 - begun, READY: ended - begun}

    def restore(self, tag: str) -> None:
        restored = f"{tag}-back"
        make_claim(self.cluster, restored, self.subject.storage_class, self.subject.data, tag)
        running(self.cluster, pod(restored, restored))

    def tidy(self, tag: str) -> None:
        """Look whether it is all there, and delete it."""
        _check(self.subject.live, place_of(self.cluster, f"{tag}-back"))
        drop(self.cluster, f"{tag}-back")
        admin, namespace = self.cluster.admin, self.cluster.kubectl.namespace
        content = admin.get(VolumeSnapshot, tag, namespace=namespace).status["boundVolumeSnapshotContentName"]
        admin.delete(VolumeSnapshot, tag, namespace=namespace)
        gone(admin, VolumeSnapshotContent, content)


@dataclass
class Tar:
    """The reference driver's commands on a subject's data, and a Pod on the directory that was unpacked."""

    cluster: Cluster
    subject: Subject
    name: str = TAR

    def take(self, tag: str) -> dict[str, float]:
        """Pack it. A tar that ends with 1 has packed all, but something changed meanwhile; that driver calls it a failure."""
        begun = time.perf_counter()
        done = subprocess.run(["tar", "czf", self._archive(tag), "-C", self.subject.live, "."], capture_output=True)
        ended = time.perf_counter()
        if done.returncode > 1:
            raise RuntimeError(f"tar ended with {done.returncode}: {done.stderr.decode()[-800:]}")
        return {READY: ended - begun, REFUSED: float(done.returncode)}

    def restore(self, tag: str) -> None:
        self._directory(tag).mkdir()
        run(["tar", "zxvf", self._archive(tag), "-C", self._directory(tag)])
        running(self.cluster, on_host_path(tag, self._directory(tag)))

    def tidy(self, tag: str) -> None:
        _check(self.subject.live, self._directory(tag))
        drop_pod(self.cluster, tag)
        run(["rm", "-rf", self._archive(tag), self._directory(tag)])

    def _archive(self, tag: str) -> Path:
        return self.cluster.host / f"{tag}.snap"

    def _directory(self, tag: str) -> Path:
        return self.cluster.host / tag


def on_host_path(name: str, directory: Path, image: str = "") -> Manifest:
    """Return a Pod that has a directory of the node at /data."""
    manifest = pod(name, "", **({"image": image} if image else {}))
    manifest["spec"]["volumes"][0] = {"name": "data", "hostPath": {"path": str(directory), "type": "Directory"}}
    return manifest


def _check(live: Path, back: Path) -> None:
    """Fail when what came back lacks something at the top."""
    lacks = {one.name for one in live.iterdir()} - {one.name for one in back.iterdir()}
    assert lacks <= {"writer.dat"}, f"{back} lacks {sorted(lacks)[:5]}"
