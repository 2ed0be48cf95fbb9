"""The Job that masks a copy: once, to its end, on the volume before the snapshot is cut, and found by no application."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from msgspec.structs import replace

from volrewind.plan.cloning import Aim
from volrewind.plan.masking import copy_manifest, copy_name, job_manifest, masked_name
from volrewind.plan.new_claim import NewClaim

AIM = Aim(source=("shop", "data"), namespace="staging", name="data", mask="true")


def test_a_mask_that_was_broken_off_is_never_run_again_on_the_same_copy() -> None:
    spec = job_manifest(AIM, "image", block=False)["spec"]
    assert (spec["backoffLimit"], spec["template"]["spec"]["restartPolicy"]) == (0, "Never")


@pytest.mark.parametrize(
    ("mask", "code"),
    [("echo 'it''s' \"$0\" >out", 0), ("false; echo never >out", 1), ("exit 3", 3), ("true | grep x", 1)],
)
def test_only_a_mask_that_ends_well_is_one(tmp_path: Path, mask: str, code: int) -> None:
    (container,) = job_manifest(replace(AIM, mask=mask), "image", block=False)["spec"]["template"]["spec"]["containers"]

    done = subprocess.run(container["command"], cwd=tmp_path)

    assert done.returncode == code and (tmp_path / "out").exists() is (code == 0)


def test_a_device_is_a_device() -> None:
    (container,) = job_manifest(AIM, "image", block=True)["spec"]["template"]["spec"]["containers"]
    assert (
        container["volumeDevices"] == [{"name": "data", "devicePath": "/dev/data"}] and "volumeMounts" not in container
    )


def test_the_copy_goes_with_its_job_and_has_no_label_of_the_application() -> None:
    planned = NewClaim(
        namespace="shop",
        name=copy_name(AIM),
        driver="csi",
        storage_class="fast",
        size_bytes=1,
        access_modes=("ReadWriteOnce",),
        block=False,
        labels={"app": "shop"},
        node="node-1",
    )
    metadata = copy_manifest(AIM, planned, "data-1", "uid")["metadata"]
    assert "app" not in metadata["labels"] and metadata["name"] == copy_name(AIM)
    assert metadata["ownerReferences"] == [
        {"apiVersion": "batch/v1", "kind": "Job", "name": copy_name(AIM), "uid": "uid"}
    ]
    assert metadata["annotations"]["volume.kubernetes.io/selected-node"] == "node-1"


def test_another_mask_is_another_clone() -> None:
    other = replace(AIM, mask="false")
    assert (copy_name(AIM), masked_name(AIM), AIM.mark) != (copy_name(other), masked_name(other), other.mark)
    assert len(copy_name(AIM)) <= 63, "a Job's name is a label of its Pods"
