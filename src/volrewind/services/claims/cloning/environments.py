"""Namespaces with clones of another one's claims: made, listed, and deleted with nothing of the other one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import msgspec

from volrewind.cluster import claims, environments, kinds, snapshots
from volrewind.cluster.client import EVERYWHERE, Connection
from volrewind.cluster.ending import be_deleted
from volrewind.cluster.values import storage_of
from volrewind.errors import Denied, NotFound, Refused, TimedOut, VolrewindError
from volrewind.model.claim import Claim
from volrewind.model.env import Env
from volrewind.plan.environments import Leaving, expired_clones, leaving, namespace_manifest, quota_manifest
from volrewind.services.claims import contents, listing
from volrewind.services.claims.cloning import marks
from volrewind.services.claims.cloning.clone import Cloned, CloneRequest, clone
from volrewind.services.claims.cloning.permission import check_permission

__all__ = ["Connection", "Env", "EnvRequest", "Made", "Pruned", "create", "delete", "expired", "list_all", "prune"]


class EnvRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What `env create` was asked for: a namespace with clones of claims of the one that the connection means.

    `quota` are limits of the namespace. After `ttl` all of it may be removed.
    """

    name: str
    claims: tuple[str, ...] = ()
    selector: str = ""
    quota: tuple[str, ...] = ()
    ttl: timedelta | None = None
    mask: str = ""
    mask_image: str = ""
    bind: bool = False
    deadline_seconds: float = 300.0


class Made(msgspec.Struct, frozen=True):
    """A namespace, and what became of each clone in it."""

    env: Env
    clones: tuple[Cloned, ...]


def create(cluster: Connection, request: EnvRequest, *, progress: Callable[[str], None] = lambda _: None) -> Made:
    """Make a namespace and clones in it; the same request again goes on with what an earlier one has begun.

    Raises:
        Refused: there is a namespace of that name which is not one of these, or is of another source.
        Denied: a right is missing, in the source or in the whole cluster.
    """
    quota = quota_manifest(request.quota) if request.quota else None
    check_permission(cluster, cluster.namespace, ("clone", "clone-mask") if request.mask else ("clone",))
    check_permission(cluster, request.name, ("clone-to",))
    env = environments.environment(cluster, request.name) or _made(cluster, request)
    _check_goes_on(env, cluster.namespace)
    if quota and cluster.find(kinds.QUOTA, quota["metadata"]["name"], env.name) is None:
        cluster.make(kinds.QUOTA, quota, env.name)
    wanted = CloneRequest(
        claims=request.claims,
        selector=request.selector,
        to=env.name,
        mask=request.mask,
        mask_image=request.mask_image,
        bind=request.bind,
        deadline_seconds=request.deadline_seconds,
    )
    return Made(env, tuple(clone(cluster, wanted, progress=progress)))


def _made(cluster: Connection, request: EnvRequest) -> Env:
    expires = cluster.clock.now() + request.ttl if request.ttl else None
    try:
        like = cluster.get(kinds.NAMESPACE, cluster.namespace).metadata.labels
    except Denied:
        like = {}
    cluster.make(kinds.NAMESPACE, namespace_manifest(request.name, cluster.namespace, expires, like))
    made = environments.environment(cluster, request.name)
    assert made, "it was just made"
    return made


def _check_goes_on(env: Env, source: str) -> None:
    if env.is_deleted:
        raise Refused(f"environment {env.name!r} is being deleted", hint="try again when it is gone")
    if env.source != source:
        raise Refused(f"environment {env.name!r} is of namespace {env.source!r}, not of {source!r}")


def list_all(cluster: Connection) -> list[Env]:
    """Return all environments of the cluster, by name."""
    return environments.environments(cluster)


def delete(cluster: Connection, name: str, *, deadline_seconds: float) -> None:
    """Have an environment be gone, with its clones and their volumes, and nothing of what they were cloned from.

    Raises:
        NotFound: there is none.
        Refused: the namespace is not one of these, or something in it is not its own alone.
        TimedOut: it is not gone in time; the hint says what holds it. The deletion goes on.
    """
    env = environments.environment(cluster, name)
    if env is None:
        raise NotFound(f"environment {name!r} does not exist", hint="`volrewind env list` shows which there are")
    left = _leaving(cluster, env)
    for content in left.kept:
        snapshots.be_retained(cluster, content)
    try:
        be_deleted(cluster, kinds.NAMESPACE, name, uid=env.uid, deadline_seconds=deadline_seconds)
    except TimedOut as error:
        raise TimedOut(error.message, hint=environments.what_holds(cluster, env)) from error
    _forget_twins(cluster, left, deadline_seconds)


def _leaving(cluster: Connection, env: Env) -> Leaving:
    known = snapshots.contents(cluster)
    if known is None:
        next(cluster.each(kinds.CONTENT), None)  # says which right is missing
    volumes = [storage_of(one) for one in cluster.each(kinds.VOLUME)]
    inside = listing.all_snapshots(cluster.at(env.name))
    return leaving(env.name, (known or {}).values(), volumes, inside)


def _forget_twins(cluster: Connection, left: Leaving, deadline_seconds: float) -> None:
    """Take away what is left of clones that were never finished."""
    for content in left.twins:
        try:
            contents.be_forgotten(cluster, content, deadline_seconds=deadline_seconds)
        except NotFound:
            continue
        marks.be_released(cluster, content)


class Pruned(msgspec.Struct, frozen=True):
    """Something that has expired, an environment or a clone, and why it could not be removed (`error`)."""

    what: Env | Claim
    error: VolrewindError | None = None


def expired(cluster: Connection) -> list[Env | Claim]:
    """Return the environments, and the clones elsewhere, that may be removed by now."""
    now = cluster.clock.now()
    all_of_them = environments.environments(cluster)
    envs = [one for one in all_of_them if one.expires is not None and one.expires <= now and not one.is_deleted]
    going = {one.name for one in envs}
    clones = [one for one in expired_clones(claims.claims(cluster, EVERYWHERE), now) if one.namespace not in going]
    return [*envs, *clones]


def prune(cluster: Connection, *, deadline_seconds: float) -> list[Pruned]:
    """Remove what has expired; what cannot be does not keep the others."""
    done = []
    for one in expired(cluster):
        try:
            if isinstance(one, Env):
                delete(cluster, one.name, deadline_seconds=deadline_seconds)
            else:
                cluster.delete(kinds.CLAIM, one.name, one.namespace, uid=one.uid)
        except VolrewindError as error:
            done.append(Pruned(one, error))
        else:
            done.append(Pruned(one))
    return done
