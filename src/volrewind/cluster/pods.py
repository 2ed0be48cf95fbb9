"""Pods that use claims."""

from __future__ import annotations

from collections.abc import Iterator

from volrewind.cluster import kinds, wire
from volrewind.cluster.client import Connection
from volrewind.model.pod import PodMount, UsingPod


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
    return UsingPod(
        namespace=thing.metadata.namespace or "",
        name=thing.metadata.name,
        node=thing.spec.node_name,
        has_ended=thing.status.phase in ("Succeeded", "Failed"),
        claims=tuple(claims.values()),
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
