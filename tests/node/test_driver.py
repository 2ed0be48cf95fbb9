"""Our driver as it is installed, by nothing but kubectl: what Pods wrote is there in what is made from snapshots and claims."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from clusters import Cluster
from installed_driver import be_restarted, installed

from testbed.images import VOLREWIND
from testbed.kubectl import Kubectl, claim, pod, shell, snapshot
from volrewind.clock import SystemClock, wait_until

pytestmark = pytest.mark.node

EXAMPLES = Path(__file__).parents[2] / "examples"
CLASSES = ("volrewind", "volrewind-image")
_OF_XFS = {
    "apiVersion": "storage.k8s.io/v1",
    "kind": "StorageClass",
    "metadata": {"name": "of-xfs"},
    "provisioner": "csi.volrewind.io",
    "parameters": {"pool": "image", "csi.storage.k8s.io/fstype": "xfs"},
    "allowVolumeExpansion": True,
    "volumeBindingMode": "WaitForFirstConsumer",
}
# Each record is its number and a checksum. A number is acknowledged, outside of the volume, once its record is on the disk.
_APPENDS_RECORDS = """
import os, zlib
log = os.open("/data/log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
acknowledged = os.open("/own/acknowledged", os.O_WRONLY | os.O_CREAT)
for number in range(1, 10**9):
    text = b"%012d" % number
    os.write(log, b"%s %08x\\n" % (text, zlib.crc32(text)))
    os.fsync(log)
    os.pwrite(acknowledged, text, 0)
"""
# Says how many whole records there are, in order; of the last one a part may be missing.
_COUNTS_RECORDS = """
import zlib
*records, torn = open("/data/log", "rb").read().split(b"\\n")
for number, record in enumerate(records, 1):
    text = b"%012d" % number
    assert record == b"%s %08x" % (text, zlib.crc32(text)), (number, record)
print(len(records))
"""
_WRITES_400_MIB = """
import os
with open("/data/more", "wb") as more:
    for _ in range(400):
        more.write(bytes(2**20))
    os.fsync(more.fileno())
"""
_SHOWS_ACKNOWLEDGED = """
import os, time
while not os.path.exists("/own/acknowledged") or not os.path.getsize("/own/acknowledged"):
    time.sleep(0.1)
print(open("/own/acknowledged").read())
"""


@pytest.fixture(scope="module")
def anywhere(cluster: Cluster) -> Iterator[Kubectl]:
    """kubectl for a cluster in which our driver is installed."""
    with installed(cluster) as kubectl:
        kubectl.apply(_OF_XFS)
        yield kubectl


@pytest.fixture
def kubectl(anywhere: Kubectl, namespace: str) -> Kubectl:
    """kubectl in a new namespace, which is deleted afterwards with all that was made in it."""
    return replace(anywhere, namespace=namespace)


def _write(kubectl: Kubectl, text: str) -> None:
    kubectl.run_in("writer", f"echo {text} >/data/file; sync")


def _start_appending(kubectl: Kubectl, storage_class: str, *, size: str = "64Mi") -> None:
    appends = pod("writer", "data", ("python3", "-c", _APPENDS_RECORDS), image=VOLREWIND)
    kubectl.apply(claim("data", storage_class, size=size), appends)
    kubectl.wait_for_phase("writer", "Running")


def _acknowledged(kubectl: Kubectl) -> int:
    return int(kubectl.python_in("writer", _SHOWS_ACKNOWLEDGED))


def _counted(kubectl: Kubectl, *claims: str) -> dict[str, int]:
    """Return how many records each claim holds, all of them whole."""
    counts = ("python3", "-c", _COUNTS_RECORDS)
    said = kubectl.outputs(*(pod(f"count-{claim}", claim, counts, image=VOLREWIND) for claim in claims))
    return dict(zip(claims, map(int, said), strict=True))


def test_the_examples_do_what_they_say(kubectl: Kubectl) -> None:
    kubectl("apply", "-f", str(EXAMPLES / "1-data.yaml"))
    kubectl.wait_for_phase("writer", "Running")
    kubectl("apply", "-f", str(EXAMPLES / "2-snapshot.yaml"))
    kubectl.wait_for_ready("data-snapshot")
    at_cut = kubectl.run_in("writer", "cat /data/log")
    kubectl("apply", "-f", str(EXAMPLES / "3-restore.yaml"))
    kubectl.wait_for_phase("reader", "Succeeded")

    said = kubectl("logs", "reader")

    assert said and at_cut.startswith(said)


@pytest.mark.parametrize("storage_class", CLASSES)
def test_a_restored_claim_holds_what_the_first_one_held(kubectl: Kubectl, storage_class: str) -> None:
    kubectl.apply(claim("data", storage_class), pod("writer", "data"))
    kubectl.wait_for_phase("writer", "Running")
    _write(kubectl, "before")
    kubectl.apply(snapshot("cut", of="data"))
    kubectl.wait_for_ready("cut")
    _write(kubectl, "after")

    kubectl.apply(claim("restored", storage_class, source=("VolumeSnapshot", "cut")))

    assert kubectl.output(pod("reader", "restored", shell("cat /data/file"))) == "before\n"
    assert kubectl.run_in("writer", "cat /data/file") == "after\n"


@pytest.mark.parametrize("storage_class", CLASSES)
def test_a_clone_holds_what_its_claim_held_and_goes_its_own_way(kubectl: Kubectl, storage_class: str) -> None:
    kubectl.apply(claim("data", storage_class), pod("writer", "data"))
    kubectl.wait_for_phase("writer", "Running")
    _write(kubectl, "before")

    kubectl.apply(claim("clone", storage_class, source=("PersistentVolumeClaim", "data")))

    assert kubectl.output(pod("reader", "clone", shell("cat /data/file; echo mine >/data/file"))) == "before\n"
    assert kubectl.run_in("writer", "cat /data/file") == "before\n"


def test_a_block_device_is_restored(kubectl: Kubectl) -> None:
    kubectl.apply(claim("disk", "volrewind-image", mode="Block"), pod("writer", "disk", device=True))
    kubectl.wait_for_phase("writer", "Running")
    kubectl.run_in("writer", "echo before >/dev/data; sync")
    kubectl.apply(snapshot("cut", of="disk"))
    kubectl.wait_for_ready("cut")
    kubectl.run_in("writer", "echo after! >/dev/data; sync")

    kubectl.apply(claim("restored", "volrewind-image", source=("VolumeSnapshot", "cut"), mode="Block"))

    reads = pod("reader", "restored", shell("head -n 1 /dev/data; blockdev --getsize64 /dev/data"), device=True)
    assert kubectl.output(reads) == f"before\n{64 * 2**20}\n"


@pytest.mark.parametrize(
    "storage_class", ["volrewind", "of-xfs"]
)  # ext4 wants CAP_SYS_RESOURCE, which not every machine has
def test_a_claim_grows_while_a_pod_writes(kubectl: Kubectl, storage_class: str) -> None:
    _start_appending(kubectl, storage_class, size="320Mi")  # about what xfs takes at least
    kubectl("patch", "pvc", "data", "-p", '{"spec": {"resources": {"requests": {"storage": "512Mi"}}}}')
    kubectl.wait_for("pvc/data", ".status.capacity.storage", "512Mi")

    kubectl.python_in("writer", _WRITES_400_MIB)
    assert int(kubectl.python_in("writer", _COUNTS_RECORDS)) > 0
    assert kubectl.field("pod/writer", ".status.phase") == "Running"


def test_a_pod_that_is_not_root_writes_by_its_group(kubectl: Kubectl) -> None:
    others = {"runAsUser": 1000, "runAsGroup": 1000, "fsGroup": 2000}
    writes = shell("echo mine >/data/file; stat -c %u:%g /data/file")
    kubectl.apply(*(claim(one, one) for one in CLASSES))

    said = kubectl.outputs(*(pod(f"writer-{one}", one, writes, security=others) for one in CLASSES))

    assert said == ["1000:2000\n", "1000:2000\n"]


@pytest.mark.parametrize("storage_class", CLASSES)
def test_what_was_acknowledged_before_a_cut_is_in_it(kubectl: Kubectl, storage_class: str) -> None:
    _start_appending(kubectl, storage_class)
    before = {}
    for name in ("first", "second"):
        before[name] = _acknowledged(kubectl)
        kubectl.apply(snapshot(name, of="data"))
        kubectl.wait_for_ready(name)
    for name in ("first", "second"):
        kubectl.apply(claim(name, storage_class, source=("VolumeSnapshot", name)))
    before["clone"] = _acknowledged(kubectl)
    kubectl.apply(claim("clone", storage_class, source=("PersistentVolumeClaim", "data")))

    counted = _counted(kubectl, *before)

    assert [name for name, acknowledged in before.items() if not counted[name] >= acknowledged > 0] == []
    assert _acknowledged(kubectl) > before["clone"]


@pytest.mark.parametrize("storage_class", CLASSES)
def test_pods_go_on_while_the_driver_is_killed(anywhere: Kubectl, kubectl: Kubectl, storage_class: str) -> None:
    _start_appending(kubectl, storage_class)
    before = _acknowledged(kubectl)

    be_restarted(anywhere)

    assert _acknowledged(kubectl) > before
    kubectl.apply(snapshot("cut", of="data"))
    kubectl.wait_for_ready("cut")
    kubectl.apply(claim("restored", storage_class, source=("VolumeSnapshot", "cut")))
    assert _counted(kubectl, "restored")["restored"] > before


def test_a_snapshot_whose_restore_was_refused_goes_once_the_driver_restarts(
    anywhere: Kubectl, kubectl: Kubectl
) -> None:
    """Without the restart csi-provisioner 6.4 keeps it: docs/driver.md says what to do."""
    kubectl.apply(claim("data", "volrewind-image"), pod("writer", "data"))
    kubectl.wait_for_phase("writer", "Running")
    kubectl.apply(snapshot("cut", of="data"))
    kubectl.wait_for_ready("cut")
    too_large = claim("restored", "volrewind-image", size="100Gi", source=("VolumeSnapshot", "cut"))
    kubectl.apply(too_large, pod("reader", "restored"))
    _wait_for_event(kubectl, "ResourceExhausted")

    kubectl("delete", "pod/reader", "pvc/restored")
    kubectl("delete", "volumesnapshot/cut", "--wait=false")
    be_restarted(anywhere)

    kubectl("wait", "--for=delete", "volumesnapshot/cut", "--timeout=60s")


def _wait_for_event(kubectl: Kubectl, word: str) -> None:
    def is_there() -> bool:
        return word in kubectl("get", "events", "-o", "jsonpath={.items[*].message}")

    wait_until(is_there, f"an event with {word!r}", clock=SystemClock(), deadline_seconds=60)
