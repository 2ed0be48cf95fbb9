"""The Job that looks: as little as needed, and gone by itself."""

from __future__ import annotations

import msgspec
import pytest

from volrewind.errors import NotSupported, Refused
from volrewind.model.claim import StorageClass
from volrewind.plan.looking import Helper, Mount, check_readable, job_manifest, one_node, owned
from volrewind.plan.new_claim import NewClaim

READING = Helper(name="look", image="volrewind:1", mounts=(Mount("a", "/snapshots/0"), Mount("b", "/snapshots/1")))
WRITING = msgspec.structs.replace(READING, mounts=(Mount("a", "/snapshots/0"), Mount("data", "/claims/1", True)))
PLANNED = NewClaim(
    namespace="shop",
    name="look-0",
    driver="d",
    storage_class="fast",
    size_bytes=1,
    access_modes=(),
    block=False,
    labels={},
)


def test_it_ends_and_removes_itself_whatever_happens_to_us() -> None:
    spec = job_manifest(READING)["spec"]

    assert spec["ttlSecondsAfterFinished"] == 0 and spec["backoffLimit"] == 0 and spec["activeDeadlineSeconds"] > 0
    claim = owned({"metadata": {"name": "a"}}, "look", "uid-1")
    assert claim["metadata"]["ownerReferences"][0]["uid"] == "uid-1"


def test_what_only_reads_can_write_nothing() -> None:
    pod = job_manifest(READING)["spec"]["template"]["spec"]
    container = pod["containers"][0]

    assert all(mount["readOnly"] for mount in container["volumeMounts"])
    assert all(volume["persistentVolumeClaim"]["readOnly"] for volume in pod["volumes"])
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"], "add": ["DAC_OVERRIDE"]}
    assert pod["automountServiceAccountToken"] is False


def test_only_the_claim_that_is_copied_into_can_be_written() -> None:
    pod = job_manifest(WRITING)["spec"]["template"]["spec"]

    assert [mount["readOnly"] for mount in pod["containers"][0]["volumeMounts"]] == [True, False]


def _class(name: str, reclaim: str, provisioner: str = "d") -> StorageClass:
    return StorageClass(name=name, provisioner=provisioner, reclaim_policy=reclaim)


def test_a_volume_that_would_stay_is_not_made() -> None:
    classes = {
        one.name: one for one in (_class("fast", "Retain"), _class("gone", "Delete"), _class("other", "Delete", "e"))
    }

    with pytest.raises(Refused) as caught:
        check_readable(PLANNED, classes)

    assert caught.value.hint == "say --class gone"
    check_readable(msgspec.structs.replace(PLANNED, storage_class="gone"), classes)


def test_a_block_device_holds_no_files() -> None:
    with pytest.raises(NotSupported):
        check_readable(msgspec.structs.replace(PLANNED, block=True), {})


def test_a_pod_is_on_one_node() -> None:
    assert one_node("", "a", "a") == "a"
    assert one_node() == ""
    with pytest.raises(NotSupported):
        one_node("a", "b")
