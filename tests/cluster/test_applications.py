"""All claims of a workload: at one moment where the cluster can, else one after the other, and that is said."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from served import Claims, Program

from testbed.kubectl import Manifest
from volrewind.model.labels import MANAGED_BY, TOGETHER

pytestmark = [pytest.mark.cluster, pytest.mark.root]

Given = Callable[..., Program]


def deployment(*claims: str) -> Manifest:
    """Return a Deployment whose Pods use claims, and one volume that goes with each Pod; nothing runs them here."""
    volumes = [{"name": f"volume-{one}", "persistentVolumeClaim": {"claimName": one}} for one in claims]
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "shop"}, "spec": _spec(volumes)}


def stateful_set(*templates: str) -> Manifest:
    """Return a StatefulSet whose controller makes no claims here, since it wants no Pods."""
    wanted = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}
    own = [{"metadata": {"name": one}, "spec": wanted} for one in templates]
    spec = {**_spec([]), "serviceName": "db", "volumeClaimTemplates": own}
    return {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "db"}, "spec": spec}


def _spec(volumes: list[Manifest]) -> Manifest:
    labels = {"app": "shop"}
    pod = {"containers": [{"name": "main", "image": "none"}], "volumes": volumes}
    template = {"metadata": {"labels": labels}, "spec": pod}
    return {"replicas": 0, "selector": {"matchLabels": labels}, "template": template}


@pytest.mark.usefixtures("group_class")
def test_the_claims_of_a_deployment_are_cut_as_a_group(claims: Claims, program: Given) -> None:
    claims.bind("data", "logs", "other")
    claims.kubectl.apply(deployment("data", "logs"))
    user = program("group")

    made = json.loads(user("create", "--app", "deployment/shop", "--note", "before", "-o", "json").stdout)

    assert [(one["source"], one["ready"], one["note"]) for one in made] == [
        ("data", True, "before"),
        ("logs", True, "before"),
    ]
    (group,) = claims.kubectl("get", "volumegroupsnapshot", "-o", "name").split()
    assert {one["way"] for one in made} == {f"together, as a group of class 'groups', '{group.partition('/')[2]}'"}
    assert {one["labels"][MANAGED_BY] for one in made} == {"volrewind"}
    assert TOGETHER not in claims.kubectl("get", "pvc", "-o", "yaml")


def test_without_a_class_for_groups_it_is_one_after_the_other_and_said(claims: Claims, program: Given) -> None:
    claims.bind("data", "logs")
    claims.kubectl.apply(deployment("data", "logs"))

    said = program("group")("create", "--app", "deploy/shop").stdout

    assert said.count("one after the other, since there is no VolumeGroupSnapshotClass for driver") == 2
    assert said.count("ready after") == 2


@pytest.mark.usefixtures("group_class")
def test_who_may_not_make_groups_takes_them_one_after_the_other(claims: Claims, program: Given) -> None:
    claims.bind("data", "logs")
    claims.kubectl.apply(deployment("data", "logs"))
    user = program("create")

    said = user("create", "--app", "deployment/shop").stdout
    assert said.count("one after the other, since VolumeGroupSnapshotClasses may not be read") == 2
    assert "cannot be cut at one moment" in user("create", "data", "logs", "--together", code=1).stderr


@pytest.mark.usefixtures("group_class")
def test_claims_that_are_named_can_be_cut_together_too(claims: Claims, program: Given) -> None:
    claims.bind("data", "logs")

    program("group")("create", "data", "logs", "--together", "--name", "both")

    claims.kubectl.wait_for("volumegroupsnapshot/both", ".status.readyToUse", "true")


def test_every_claim_of_a_stateful_set_is_found_by_its_number(claims: Claims, program: Given) -> None:
    claims.bind("data-db-0", "data-db-10", "data-db-2", "wal-db-0", "data-db-old", "mydata-db-0")
    claims.kubectl.apply(stateful_set("data", "wal"))

    made = json.loads(program("create")("create", "--app", "sts/db", "-o", "json").stdout)

    assert [one["source"] for one in made] == ["data-db-0", "data-db-2", "data-db-10", "wal-db-0"]


def test_a_workload_that_does_not_exist_is_said(claims: Claims, program: Given) -> None:
    user = program("create")
    assert "deployment/none does not exist" in user("create", "--app", "deployment/none", code=3).stderr
    assert "write it like deployment/shop" in user("create", "--app", "shop", code=2).stderr
