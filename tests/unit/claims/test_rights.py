"""What `rbac` prints, and how a missing right is said."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import yaml

from volrewind.cluster.rights import Right, how_to_grant, is_missing_right
from volrewind.errors import UsageError
from volrewind.plan.rights import GROUPS, roles_for


def test_the_roles_are_what_they_were(golden: Callable[[str, str], None]) -> None:
    manifests = [one for group in GROUPS for one in roles_for(group, "shop")]
    golden("roles.yaml", yaml.safe_dump_all(manifests, sort_keys=False, explicit_start=True))


def test_no_group_asks_for_everything() -> None:
    rules = [rule for group in GROUPS for role in roles_for(group, "shop") for rule in role["rules"]]
    assert not [rule for rule in rules if "*" in (*rule["verbs"], *rule["resources"], *rule["apiGroups"])]


@pytest.mark.parametrize("group", GROUPS)
def test_for_all_namespaces_it_is_one_cluster_role_with_the_same_rules(group: str) -> None:
    (whole,) = roles_for(group, "")
    parts = [rule for role in roles_for(group, "shop") for rule in role["rules"]]
    assert whole["kind"] == "ClusterRole" and "namespace" not in whole["metadata"]
    assert [rule for rule in parts if rule not in whole["rules"]] == []


@pytest.mark.parametrize("group", GROUPS)
def test_whoever_may_write_for_the_whole_cluster_is_warned_of(group: str) -> None:
    writes = [rule for rule in GROUPS[group].whole if {"create", "patch", "delete"} & set(rule.verbs)]
    assert bool(GROUPS[group].danger) is bool(writes)


def test_a_group_nobody_knows_is_a_mistake() -> None:
    with pytest.raises(UsageError, match="'magic' is not known"):
        roles_for("magic", "shop")


def test_the_rule_that_is_missing_can_be_pasted() -> None:
    hint = how_to_grant(Right("create", "snapshot.storage.k8s.io", "volumesnapshots", "shop"))
    assert "a Role of namespace 'shop'" in hint
    assert yaml.safe_load(hint.partition("\n")[2]) == [
        {"apiGroups": ["snapshot.storage.k8s.io"], "resources": ["volumesnapshots"], "verbs": ["create"]}
    ]


# Recorded from kube-apiserver 1.37.
@pytest.mark.parametrize(
    ("said", "is_missing"),
    [
        (
            'pods is forbidden: User "jane" cannot list resource "pods" in API group "" in the namespace "shop"',
            True,
        ),
        ('volumesnapshots.snapshot.storage.k8s.io "a" is forbidden: exceeded quota: few, requested: …', False),
        ('pods "a" is forbidden: violates PodSecurity "restricted:latest"', False),
    ],
)
def test_a_missing_rule_is_told_from_a_check_that_said_no(said: str, is_missing: bool) -> None:
    assert is_missing_right(said) is is_missing
