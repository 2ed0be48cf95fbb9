"""Pods that use claims."""

from __future__ import annotations

from collections.abc import Iterator

from volrewind.cluster import kinds, wire
from volrewind.cluster.client import Connection
from volrewind.model.pod import Owner, PodMount, UsingPod

_ON_THE_WAY = ("ContainerCreating", "PodInitializing")


def pod(cluster: Connection, namespace: str, name: str) -> UsingPod:
    """Return a Pod.

    Raises:
        NotFound: there is none.
    """
    return pod_of(cluster.get(kinds.POD, name, namespace))


def users(cluster: Connection, namespace: str, claim: str) -> list[UsingPod]:
    """Return the Pods that use a claim, or will."""
    found = (pod_of(one) for one in cluster.each(kinds.POD, namespace=namespace))
    return [one for one in found if claim in one.claims and not one.has_ended]


def pod_of(thing: wire.Pod) -> UsingPod:
    """Return a Pod as it is for us."""
    claims = dict(_claims(thing))
    own = {one.name for one in thing.spec.volumes if one.ephemeral is not None}
    metadata = thing.metadata
    return UsingPod(
        namespace=metadata.namespace or "",
        name=metadata.name,
        uid=metadata.uid,
        node=thing.spec.node_name,
        has_ended=thing.status.phase in ("Succeeded", "Failed"),
        is_leaving=metadata.deletion_timestamp is not None,
        is_ready=any(one.type == "Ready" and one.status == "True" for one in thing.status.conditions),
        trouble=_trouble(thing.status),
        claims=tuple(claims.values()),
        own_claims=tuple(claim for volume, claim in claims.items() if volume in own),
        owner=owner_of(metadata),
        labels=metadata.labels,
        annotations=metadata.annotations,
        mounts=tuple(
            PodMount(
                claim=claims.get(mount.name, ""),
                at=mount.mount_path,
                part=None if mount.sub_path_expr else mount.sub_path,
                read_only=mount.read_only,
            )
            for container in thing.spec.containers
            for mount in container.volume_mounts
        ),
    )


def _claims(thing: wire.Pod) -> Iterator[tuple[str, str]]:
    for volume in thing.spec.volumes:
        if volume.persistent_volume_claim is not None:
            yield volume.name, volume.persistent_volume_claim.claim_name
        elif volume.ephemeral is not None:
            yield volume.name, f"{thing.metadata.name}-{volume.name}"  # as the API says such a claim is called


def owner_of(metadata: wire.Metadata) -> Owner | None:
    """Return who an object belongs to: who controls it, else the first of those with whom it goes; None for nobody."""
    owners = sorted(metadata.owner_references, key=lambda one: not one.controller)
    if not owners:
        return None
    return Owner(owners[0].api_version.rpartition("/")[0], owners[0].kind, owners[0].name, owners[0].uid)


def _trouble(status: wire.PodStatus) -> str:
    """Return why a Pod is not ready, as far as it says: what its containers wait for, else the first condition not met."""
    waiting = [one.state.waiting for one in (*status.init_container_statuses, *status.container_statuses)]
    said = [(one.reason, one.message) for one in waiting if one is not None and one.reason not in _ON_THE_WAY]
    unmet = [(one.reason, one.message) for one in status.conditions if one.status == "False"]
    whole = [": ".join(word for word in words if word) for words in (*said, *unmet)]
    return next((words for words in whole if words), status.message)
