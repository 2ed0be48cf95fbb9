"""Mask a snapshot before anybody else gets it: a copy beside the original, a Job that changes it, a snapshot of that."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import msgspec

from volrewind.cluster import events, kinds, snapshots, wire
from volrewind.cluster.client import Connection
from volrewind.cluster.watching import Known, Watched, wait_for
from volrewind.errors import AlreadyThere, NotFound, Refused, ToolFailed
from volrewind.model.claim_snapshot import ClaimSnapshot
from volrewind.plan.claim_restore import RestoreRequest
from volrewind.plan.cloning import Aim
from volrewind.plan.masking import copy_manifest, copy_name, job_manifest, labels_of, masked_name
from volrewind.services.claims import restore
from volrewind.services.claims.cloning import marks
from volrewind.services.claims.create import CreateRequest, create
from volrewind.services.claims.waiting import given_up, wait

_LAST_LINES = 5


def masked(
    cluster: Connection,
    aim: Aim,
    snapshot: ClaimSnapshot,
    *,
    image: str,
    deadline_seconds: float,
    progress: Callable[[str], None],
) -> ClaimSnapshot:
    """Return a snapshot of a copy of this one that the mask has changed to its end, ready and marked.

    All of it is in the namespace of the original, where its data may be seen anyway.

    Raises:
        ToolFailed: the mask failed; the message has the end of what it said.
        TimedOut: it takes longer; it goes on, and the same request waits for it again.
    """
    found = _find(cluster, aim)
    if found is None:
        _be_masked(cluster, aim, snapshot, image, deadline_seconds, progress)
        wanted = CreateRequest((copy_name(aim),), name=masked_name(aim), note=f"masked, for clone {aim}")
        asked = create(cluster, wanted)[0]
        if asked.error and not isinstance(asked.error, AlreadyThere):
            raise asked.error
    waited = wait(cluster, [masked_name(aim)], deadline_seconds=deadline_seconds)[0]
    if waited.missing is not None:
        raise given_up(waited, deadline_seconds)
    _check(waited.snapshot, aim)
    marks.be_held(cluster, waited.snapshot, aim.mark)
    return snapshots.snapshot(cluster, cluster.namespace, masked_name(aim))


def _find(cluster: Connection, aim: Aim) -> ClaimSnapshot | None:
    try:
        found = snapshots.snapshot(cluster, cluster.namespace, masked_name(aim))
    except NotFound:
        return None
    _check(found, aim)
    job = cluster.find(kinds.JOB, copy_name(aim), cluster.namespace)
    if job is not None and not _has_succeeded(job):
        raise Refused(f"snapshot {found.name!r} was cut before the mask had ended")
    return found


def _check(found: ClaimSnapshot, aim: Aim) -> None:
    """Raise unless a snapshot is of the copy: one that has its name may be of anything."""
    if found.source != copy_name(aim) or found.is_deleted:
        raise Refused(f"snapshot {found.name!r} is not of the masked copy of this clone, or is being deleted")


def _be_masked(
    cluster: Connection,
    aim: Aim,
    snapshot: ClaimSnapshot,
    image: str,
    deadline_seconds: float,
    progress: Callable[[str], None],
) -> None:
    name, namespace = copy_name(aim), cluster.namespace
    planned = restore.plan(cluster, snapshot, RestoreRequest())
    planned = msgspec.structs.replace(planned, name=name)
    job = cluster.found_or_made(kinds.JOB, job_manifest(aim, image, block=planned.block), namespace)
    if job.metadata.labels != {**job.metadata.labels, **labels_of(aim)}:
        raise Refused(f"Job {name!r} in namespace {namespace!r} is not what this clone made")
    if _has_succeeded(job) and cluster.find(kinds.CLAIM, name, namespace) is None:
        raise Refused(f"claim {name!r} is gone, which was masked", hint="the same command now begins anew")
    wanted = copy_manifest(aim, planned, snapshot.name, job.metadata.uid)
    copy = cluster.found_or_made(kinds.CLAIM, wanted, namespace)
    if job.metadata.uid not in {one.uid for one in copy.metadata.owner_references}:
        raise Refused(f"claim {name!r} in namespace {namespace!r} is not what this clone made")
    progress(f"waiting for the mask, Job {name}")
    _be_ended(cluster, job, deadline_seconds)


def _be_ended(cluster: Connection, job: wire.Job, deadline_seconds: float) -> None:
    name, namespace, uid = job.metadata.name, cluster.namespace, job.metadata.uid

    def ended(known: Known) -> wire.Job | None:
        now = known.get((namespace, name))
        if now is None or now.metadata.uid != uid:
            raise NotFound(f"Job {name!r} was deleted in namespace {namespace!r}")
        return now if _has_succeeded(now) or _has_failed(now) else None

    watched = Watched(kinds.JOB, namespace, fields=f"metadata.name={name}")
    found = wait_for(cluster, watched, ended, lambda: _missing(cluster, name), deadline_seconds=deadline_seconds)
    if _has_failed(found):
        raise ToolFailed(f"the mask failed, and nothing was cloned: {_last_words(cluster, found)}")


def _has_succeeded(job: wire.Job) -> bool:
    return any(one.type == "Complete" and one.status == "True" for one in job.status.conditions)


def _has_failed(job: wire.Job) -> bool:
    return any(one.type == "Failed" and one.status == "True" for one in job.status.conditions)


def _pods(cluster: Connection, name: str) -> list[wire.Pod]:
    return list(cluster.each(kinds.POD, namespace=cluster.namespace, labels=f"job-name={name}"))


def _last_words(cluster: Connection, job: wire.Job) -> str:
    ended = [
        status.state.terminated
        for pod in _pods(cluster, job.metadata.name)
        for status in pod.status.container_statuses
        if status.state.terminated is not None
    ]
    if not ended:
        return next((one.message for one in job.status.conditions if one.type == "Failed"), "nobody says why")
    lines = ended[-1].message.strip().splitlines()[-_LAST_LINES:]
    return f"it ended with {ended[-1].exit_code}" + (f": {' | '.join(lines)}" if lines else "")


def _missing(cluster: Connection, name: str) -> str:
    namespace, why = cluster.namespace, ""
    for pod in _pods(cluster, name):
        waiting = [one.state.waiting for one in pod.status.container_statuses if one.state.waiting is not None]
        said = events.warnings_about(cluster, "Pod", namespace, pod.metadata.name, pod.metadata.uid)
        why = said[-1] if said else waiting[-1].reason if waiting else "it runs"
    why = why or next(iter(events.warnings_about(cluster, "Job", namespace, name)), "no Pod was made")
    return f"the mask, Job {name!r}, to end: {why}"


def be_gone(cluster: Connection, aim: Aim) -> None:
    """Have what masking took be deleted: the snapshot of the copy, the Job, and with that the copy."""
    with suppress(NotFound):
        found = snapshots.snapshot(cluster, cluster.namespace, masked_name(aim))
        if found.source == copy_name(aim):
            marks.be_unmarked(cluster, found, aim.mark)
            cluster.delete(kinds.SNAPSHOT, found.name, found.namespace, uid=found.uid)
    job = cluster.find(kinds.JOB, copy_name(aim), cluster.namespace)
    if job is not None and job.metadata.labels == {**job.metadata.labels, **labels_of(aim)}:
        cluster.delete(kinds.JOB, job.metadata.name, cluster.namespace, uid=job.metadata.uid, with_owned=True)
