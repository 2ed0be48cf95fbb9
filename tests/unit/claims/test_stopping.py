"""Who must be stopped so that nobody uses a claim, and whom we do not stop."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from volrewind.errors import Refused
from volrewind.model.pod import Owner, UsingPod
from volrewind.model.workload import Autoscaler, Runner, Running, Workload
from volrewind.plan.stopping import rights_to_switch, users

_GROUPS = {"Job": "batch", "CronJob": "batch"}


def runner(kind: str, name: str = "shop", **more: Any) -> Runner:
    group = _GROUPS.get(kind, "apps")
    return Runner(group=group, kind=kind, name=name, uid=f"{kind}-{name}", **{"replicas": 3, **more})


def owner(one: Runner) -> Owner:
    return Owner(one.group, one.kind, one.name, one.uid)


def pod(of: Runner | None = None, name: str = "web", **more: Any) -> UsingPod:
    fields = {"claims": ("data",), "owner": owner(of) if of else None, **more}
    return UsingPod(namespace="shop", name=name, uid=f"pod-{name}", **fields)


def found(*things: Runner | UsingPod, autoscalers: tuple[Autoscaler, ...] | None = ()) -> Running:
    return Running(
        pods=tuple(one for one in things if isinstance(one, UsingPod)),
        runners=tuple(one for one in things if isinstance(one, Runner)),
        autoscalers=autoscalers,
    )


def names(running: Running, *claims: str, paused: bool = False) -> list[str]:
    return [str(one) for one in users(running, claims or ("data",), "shop", paused=paused).workloads]


def refusal(running: Running, *, paused: bool = False) -> tuple[str, str]:
    with pytest.raises(Refused) as caught:
        users(running, ["data"], "shop", paused=paused)
    return caught.value.message, caught.value.hint


def test_a_pod_of_a_deployment_is_stopped_by_the_deployment() -> None:
    shop = runner("Deployment")
    middle = runner("ReplicaSet", "shop-1", owner=owner(shop))

    assert users(found(shop, middle, pod(middle), pod(middle, "other")), ["data"], "shop").workloads == (
        Workload(kind="deployment", name="shop", uid="Deployment-shop", replicas=3),
    )


@pytest.mark.parametrize(
    ("kind", "replicas"), [("Deployment", 0), ("StatefulSet", 0), ("DaemonSet", 0), ("Deployment", 2)]
)
def test_a_workload_without_pods_counts_when_its_pods_would_use_the_claim(kind: str, replicas: int) -> None:
    one = runner(kind, claims=("data",), replicas=replicas, is_idle=replicas == 0)
    assert names(found(one, runner(kind, "other", claims=("other",)))) == [f"{kind.lower()}/shop"]


def test_a_stateful_set_has_the_claims_that_are_called_after_it_whatever_its_scale() -> None:
    one = runner("StatefulSet", "db", numbered=("data-db", "wal-db"), replicas=1)

    assert names(found(one), "data-db-7") == names(found(one), "wal-db-0") == ["statefulset/db"]
    assert names(found(one), "data-db-x") == names(found(one), "xdata-db-0") == names(found(one), "data-db-0-0") == []


def test_what_a_stateful_set_does_with_claims_is_recorded() -> None:
    (one,) = users(found(runner("StatefulSet", claims=("data",), when_scaled="Delete")), ["data"], "shop").workloads
    assert one.when_scaled == "Delete"


def test_pods_that_have_ended_are_listed_and_stop_nobody() -> None:
    done = runner("Job", is_idle=True, claims=("data",))
    result = users(found(done, pod(done, has_ended=True)), ["data"], "shop")
    assert (result.workloads, result.finished) == ((), ("web",))


def test_a_pod_of_its_own_is_stopped_unless_it_is_leaving_anyway() -> None:
    assert names(found(pod())) == ["pod/web"]
    assert names(found(pod(is_leaving=True))) == []


def test_a_pod_that_leaves_is_made_again_only_by_who_is_still_there() -> None:
    gone = runner("StatefulSet")
    assert names(found(pod(gone, is_leaving=True))) == []
    restarted = pod(owner=Owner("kafka.example", "PodSet", "kafka", "u"), is_leaving=True)
    assert "PodSet 'kafka'" in refusal(found(restarted))[0]


def test_several_claims_have_all_their_users_once_and_in_order() -> None:
    one, two = runner("Deployment", "b", claims=("data",)), runner("DaemonSet", "a", claims=("data", "logs"))
    assert names(found(one, two, pod(claims=("logs",))), "data", "logs") == ["daemonset/a", "deployment/b", "pod/web"]


@pytest.mark.parametrize(
    ("things", "message", "hint"),
    [
        ((runner("CronJob", claims=("data",)),), "cronjob/shop may run at any time", "patch cronjob shop -p"),
        ((runner("Job", claims=("data",)),), "job/shop runs", "let it end"),
        ((runner("ReplicaSet", claims=("data",)),), "belongs to no Deployment", "scale rs shop --replicas=0"),
        (
            (pod(owner=Owner("redis.example", "RedisPod", "cache", "u")),),
            "RedisPod 'cache' (redis.example)",
            "by its RedisPod",
        ),
        ((pod(owner=Owner("", "Node", "n1", "u")),), "belongs to Node 'n1'", "stop it by its Node"),
        ((pod(own_claims=("data",)),), "goes with Pod 'web'", ""),
    ],
)
def test_whom_we_cannot_stop_is_refused_also_when_all_is_paused(
    things: tuple[Runner | UsingPod, ...], message: str, hint: str
) -> None:
    said, next_step = refusal(found(*things), paused=True)
    assert message in said and hint in next_step


def test_a_cron_job_that_is_suspended_is_no_obstacle_but_its_running_job_is() -> None:
    cron = runner("CronJob", claims=("data",), is_idle=True)
    job = runner("Job", "shop-1", owner=owner(cron))

    assert names(found(cron)) == []
    assert "a Job of cronjob/shop still runs" in refusal(found(cron, job, pod(job)))[0]


def test_a_replica_set_of_another_kind_of_owner_is_that_owners() -> None:
    rollout = runner("ReplicaSet", owner=Owner("argoproj.io", "Rollout", "shop", "u"))
    assert "belongs to Rollout 'shop' (argoproj.io)" in refusal(found(rollout, pod(rollout)))[0]


_MARKS: list[tuple[dict[str, Any], str]] = [
    (
        {
            "labels": {
                "kustomize.toolkit.fluxcd.io/name": "apps",
                "kustomize.toolkit.fluxcd.io/namespace": "flux-system",
            }
        },
        "flux suspend kustomization apps -n flux-system",
    ),
    (
        {"labels": {"helm.toolkit.fluxcd.io/name": "db", "helm.toolkit.fluxcd.io/namespace": "shop"}},
        "flux suspend helmrelease db -n shop",
    ),
    ({"labels": {"argocd.argoproj.io/instance": "web"}}, "argocd app set web --sync-policy none"),
    (
        {"annotations": {"argocd.argoproj.io/tracking-id": "web:apps/Deployment:shop/shop"}},
        "argocd app set web --sync-policy none",
    ),
    ({"owner": Owner("db.example", "Cluster", "main", "u")}, "by its Cluster"),
]


@pytest.mark.parametrize(("mark", "command"), _MARKS)
@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "DaemonSet"])
def test_who_would_start_it_again_is_named_with_what_pauses_him(kind: str, mark: dict[str, Any], command: str) -> None:
    one = runner(kind, claims=("data",), **mark)

    message, hint = refusal(found(one))

    assert "would start it again" in message and command in hint and "--paused" in hint
    assert names(found(one), paused=True) == [f"{kind.lower()}/shop"]


def test_a_pod_of_its_own_that_is_kept_in_git_is_refused_too() -> None:
    assert "Argo CD" in refusal(found(pod(labels={"argocd.argoproj.io/instance": "web"})))[0]


@pytest.mark.parametrize(
    "mark",
    [
        {"labels": {"app.kubernetes.io/instance": "web", "app.kubernetes.io/managed-by": "Helm"}},
        {
            "labels": _MARKS[0][0]["labels"],
            "annotations": {"kustomize.toolkit.fluxcd.io/reconcile": "disabled"},
        },
    ],
)
def test_what_only_looks_so_is_no_obstacle(mark: dict[str, Any]) -> None:
    assert names(found(runner("Deployment", claims=("data",), **mark))) == ["deployment/shop"]


def test_an_autoscaler_rests_at_0_unless_it_may_go_there_itself() -> None:
    one = runner("Deployment", claims=("data",))
    resting, other = Autoscaler("hpa", ("Deployment", "shop")), Autoscaler("no", ("Deployment", "other"), 0)

    result = users(found(one, autoscalers=(resting, other)), ["data"], "shop")

    assert result.notes == ("HorizontalPodAutoscaler 'hpa' rests while deployment/shop is at 0",)
    message, hint = refusal(found(one, autoscalers=(Autoscaler("hpa", ("Deployment", "shop"), 0),)))
    assert "HorizontalPodAutoscaler 'hpa'" in message and "patch hpa hpa" in hint


def test_keda_does_not_rest() -> None:
    keda = Autoscaler("keda-hpa-shop", ("Deployment", "shop"), 1, {"scaledobject.keda.sh/name": "shop"})
    message, hint = refusal(found(runner("Deployment", claims=("data",)), autoscalers=(keda,)))
    assert "KEDA" in message and "autoscaling.keda.sh/paused=true" in hint


def test_who_may_not_list_autoscalers_is_told_that_nobody_looked() -> None:
    result = users(found(runner("Deployment", claims=("data",)), autoscalers=None), ["data"], "shop")
    assert "nobody looked" in result.notes[0]
    assert users(found(pod(), autoscalers=None), ["data"], "shop").notes == ()


def test_what_a_stateful_set_belongs_to_is_not_stopped_in_its_place() -> None:
    operator = runner("Deployment", "operator")
    db = runner("StatefulSet", "db", owner=owner(operator))

    assert "statefulset/db belongs to Deployment 'operator' (apps)" in refusal(found(operator, db, pod(db)))[0]
    assert names(found(operator, db, pod(db)), paused=True) == ["statefulset/db"]


def test_owners_in_a_circle_do_not_hold_us_up() -> None:
    one = runner("ReplicaSet", owner=Owner("apps", "ReplicaSet", "shop", "ReplicaSet-shop"))
    assert "which we do not know how to stop" in refusal(found(one, pod(one)))[0]


def test_a_replica_set_that_will_use_the_claim_is_stopped_by_its_deployment() -> None:
    shop = runner("Deployment")
    old = runner("ReplicaSet", "shop-1", claims=("data",), owner=owner(shop))
    assert names(found(shop, old)) == ["deployment/shop"]
    assert names(found(shop, runner("ReplicaSet", "shop-0", claims=("data",), owner=owner(shop), is_idle=True))) == []


def test_all_reasons_are_said_at_once() -> None:
    message, hint = refusal(
        found(runner("Job", claims=("data",)), runner("Deployment", claims=("data",), **_MARKS[2][0]))
    )
    assert "job/shop" in message and "Argo CD" in message and "let it end" in hint and "argocd" in hint


@pytest.mark.parametrize(
    ("workload", "rights"),
    [
        (Workload(kind="deployment", name="a", uid="u"), ["patch deployments/scale"]),
        (Workload(kind="statefulset", name="a", uid="u"), ["patch statefulsets/scale"]),
        (
            Workload(kind="statefulset", name="a", uid="u", when_scaled="Delete"),
            ["patch statefulsets/scale", "patch statefulsets"],
        ),
        (Workload(kind="daemonset", name="a", uid="u"), ["patch daemonsets"]),
        (Workload(kind="pod", name="a", uid="u"), ["delete pods", "create pods"]),
    ],
)
def test_only_the_rights_that_are_needed_are_asked_for(workload: Workload, rights: list[str]) -> None:
    assert [f"{verb} {resource}" for verb, _, resource in rights_to_switch(workload)] == rights


@st.composite
def _namespaces(draw: st.DrawFn) -> Running:
    """Draw what runs in a namespace: every object belongs to nobody, to another one, or to something unknown."""
    kinds = ["Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job", "CronJob"]
    runners: list[Runner] = []
    unknown = Owner("x.example", "Thing", "t", "nobody")
    some_claims = st.sets(st.sampled_from(["data", "logs"])).map(lambda those: tuple(sorted(those)))
    for number in range(draw(st.integers(0, 5))):
        owners = st.sampled_from([None, unknown, *map(owner, runners)])
        one = runner(
            draw(st.sampled_from(kinds)),
            f"r{number}",
            claims=draw(some_claims),
            owner=draw(owners),
            is_idle=draw(st.booleans()),
        )
        runners.append(one)
    pods = [
        pod(
            name=f"p{number}",
            claims=draw(some_claims),
            owner=draw(st.sampled_from([None, unknown, *map(owner, runners)])),
            has_ended=draw(st.booleans()),
            is_leaving=draw(st.booleans()),
        )
        for number in range(draw(st.integers(0, 4)))
    ]
    return found(*runners, *pods)


@given(_namespaces(), st.booleans())
def test_nobody_who_uses_the_claim_is_left_out(running: Running, paused: bool) -> None:
    try:
        result = users(running, ["data"], "shop", paused=paused)
    except Refused:
        return
    stopped = {one.uid for one in result.workloads}
    known = {one.uid: one for one in running.runners}
    used = [one for one in running.pods if "data" in one.claims]
    assert result.finished == tuple(one.name for one in used if one.has_ended)
    for one in used:
        maker = known.get(one.owner.uid) if one.owner else None
        if maker and maker.kind in ("ReplicaSet", "Job") and maker.owner:
            maker = known.get(maker.owner.uid)
        is_gone = one.is_leaving and one.owner is None
        assert one.has_ended or is_gone or stopped & {one.uid, maker.uid if maker else ""}
    assert all(one.uid in stopped for one in running.runners if one.kind == "Deployment" and "data" in one.claims)
