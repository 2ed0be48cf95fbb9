"""What runs Pods in a namespace: found, and how many Pods it is to have."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any  # lightkube's classes of objects

from volrewind.cluster import kinds, wire
from volrewind.cluster.client import Connection
from volrewind.cluster.pods import owner_of, pod_of
from volrewind.cluster.requests import place_of
from volrewind.errors import Denied
from volrewind.model.workload import Autoscaler, Runner, Running

_APPLICATIONS = (kinds.DEPLOYMENT, kinds.STATEFUL_SET, kinds.DAEMON_SET, kinds.REPLICA_SET)
_OVER = ("Complete", "Failed")  # conditions of a Job


def running(cluster: Connection) -> Running:
    """Return all that runs Pods in the namespace."""
    namespace = cluster.namespace
    return Running(
        pods=tuple(pod_of(one) for one in cluster.each(kinds.POD, namespace=namespace)),
        runners=tuple(_runners(cluster)),
        autoscalers=_autoscalers(cluster),
    )


def _runners(cluster: Connection) -> Iterator[Runner]:
    for kind in _APPLICATIONS:
        yield from (_application(kind, one) for one in cluster.each(kind, namespace=cluster.namespace))
    for job in cluster.each(kinds.JOB, namespace=cluster.namespace):
        is_over = any(one.type in _OVER and one.status == "True" for one in job.status.conditions)
        yield _runner(kinds.JOB, job, job.spec.template.spec, is_idle=is_over or job.spec.suspend)
    for cron in cluster.each(kinds.CRON_JOB, namespace=cluster.namespace):
        yield _runner(kinds.CRON_JOB, cron, cron.spec.job_template.spec.template.spec, is_idle=cron.spec.suspend)


def _application(kind: Any, thing: wire.Application) -> Runner:
    spec = thing.spec
    return _runner(
        kind,
        thing,
        spec.template.spec,
        numbered=tuple(f"{one.metadata.name}-{thing.metadata.name}" for one in spec.volume_claim_templates),
        replicas=spec.replicas,
        when_scaled=spec.persistent_volume_claim_retention_policy.when_scaled,
        is_idle=spec.replicas == 0 and kind is not kinds.DAEMON_SET,
    )


def _runner(kind: Any, thing: wire.Thing, pod: wire.PodSpec, **more: Any) -> Runner:
    place, metadata = place_of(kind), thing.metadata
    return Runner(
        group=place.group,
        kind=place.kind,
        name=metadata.name,
        uid=metadata.uid,
        claims=tuple(one.persistent_volume_claim.claim_name for one in pod.volumes if one.persistent_volume_claim),
        owner=owner_of(metadata),
        labels=metadata.labels,
        annotations=metadata.annotations,
        **more,
    )


def _autoscalers(cluster: Connection) -> tuple[Autoscaler, ...] | None:
    try:
        found = list(cluster.each(kinds.AUTOSCALER, namespace=cluster.namespace))
    except Denied:
        return None
    return tuple(
        Autoscaler(
            one.metadata.name,
            (one.spec.scale_target_ref.kind, one.spec.scale_target_ref.name),
            one.spec.min_replicas,
            one.metadata.labels,
        )
        for one in found
    )
