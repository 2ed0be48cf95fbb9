"""A Pod of ours that has claims mounted, for as long as somebody looks."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import msgspec

from volrewind.cluster import events, executing, kinds, wire
from volrewind.cluster.client import Connection
from volrewind.cluster.watching import Known, Watched, wait_for
from volrewind.errors import Denied, NotFound, Refused, TimedOut, ToolFailed, VolrewindError
from volrewind.model.inside import DONE, parse_failure
from volrewind.plan import looking
from volrewind.plan.driver_install import NAMESPACE as DRIVER_NAMESPACE
from volrewind.plan.looking import Helper, Manifest, Mount
from volrewind.services.claims.restore import DEFAULT_IMAGE

_DAEMON_SET = _CONTAINER = "csi-driver"
_LOOK_AGAIN_SECONDS = 3.0  # for what is told by events alone
_NO_IMAGE = ("ErrImageNeverPull", "ErrImagePull", "ImagePullBackOff", "InvalidImageName")


class How(msgspec.Struct, frozen=True):
    """How to look: by which image ("": the installed driver's), with claims of which class ("": the snapshot's claim's).

    `deadline_seconds` is how long the Pod may take to run. `progress` is told what is waited for.
    """

    image: str = ""
    storage_class: str = ""
    deadline_seconds: float = 300.0
    progress: Callable[[str], None] = lambda _: None


class Inside:
    """A Pod that runs: our own program in it is asked, and answers in lines."""

    def __init__(self, cluster: Connection, container: executing.Container) -> None:
        self._cluster, self._container = cluster, container

    @contextmanager
    def asked(self, *words: str) -> Iterator[Iterator[bytes]]:
        """Give what the program answers, piece by piece; at the last one it is seen to have ended well.

        Raises:
            VolrewindError: as the program inside raised it.
        """
        command = ("volrewind", "inside", *words)
        with executing.session(self._cluster, self._container, command, stdin=True) as running:  # it ends with us
            yield _until_good(running)

    def lines(self, *words: str) -> Iterator[bytes]:
        """Yield the lines that the program answers."""
        rest = b""
        with self.asked(*words) as parts:
            for part in parts:
                *lines, rest = (rest + part).split(b"\n")
                yield from lines


def _until_good(running: executing.Session) -> Iterator[bytes]:
    yield from running.parts()
    ended = running.ended
    assert ended is not None, "there are no more parts"
    if ended.code or not ended.said.endswith(
        DONE.decode()
    ):  # an image of another version may end with 0 and have failed
        last_words = " | ".join(ended.said.strip().splitlines()[-3:]) or "it said nothing"
        raise parse_failure(ended.said) or ToolFailed(
            f"our program in the cluster ended with code {ended.code}: {last_words}",
            hint="is its image of this version? --image names another",
        )


@contextmanager
def running(
    cluster: Connection, how: How, mounts: Sequence[Mount], claims: Sequence[Manifest], *, name: str, node: str
) -> Iterator[Inside]:
    """Have a Pod with these mounts while the block runs, some of them of `claims`, which are made for it.

    Whatever happens to us, all of it goes: the Pod ends when nobody looks any more, its Job then removes itself, and takes
    along the Pod and the claims, which it owns.

    Raises:
        Refused: the cluster does not let it run.
        TimedOut: it does not run in time; the message says why, as far as that is known.
    """
    namespace = cluster.namespace
    helper = Helper(name=name, image=how.image or _image(cluster), mounts=tuple(mounts), node=node)
    job = cluster.make(kinds.JOB, looking.job_manifest(helper), namespace)
    try:
        for claim in claims:
            cluster.make(kinds.CLAIM, looking.owned(claim, name, job.metadata.uid), namespace)
        how.progress("waiting for a Pod that has the snapshot")
        waiting = _Waiting(cluster, helper, job.metadata.uid, tuple(one["metadata"]["name"] for one in claims))
        yield Inside(cluster, executing.Container(namespace, waiting.pod(how.deadline_seconds), looking.CONTAINER))
    finally:
        cluster.delete(kinds.JOB, name, namespace, uid=job.metadata.uid, with_owned=True)


def new_name() -> str:
    """Return a name for a helper."""
    return f"volrewind-look-{uuid.uuid4().hex[:8]}"


def _image(cluster: Connection) -> str:
    """Return the image of the driver that is installed; our default one where none is, or where nobody lets us see."""
    try:
        found = cluster.find(kinds.DAEMON_SET, _DAEMON_SET, DRIVER_NAMESPACE)
    except Denied:
        return DEFAULT_IMAGE
    containers = found.spec.template.spec.containers if found else ()
    return next((one.image for one in containers if one.name == _CONTAINER), DEFAULT_IMAGE)


class _Waiting:
    """Waiting until a helper's Pod runs."""

    def __init__(self, cluster: Connection, helper: Helper, uid: str, claims: tuple[str, ...]) -> None:
        self._cluster, self._helper, self._uid, self._claims = cluster, helper, uid, claims
        self._seen: wire.Pod | None = None

    def pod(self, deadline_seconds: float) -> str:
        """Return the name of the Pod once it runs."""
        clock, namespace = self._cluster.clock, self._cluster.namespace
        end = clock.monotonic() + deadline_seconds
        watched = Watched(kinds.POD, namespace, labels=f"job-name={self._helper.name}")
        while True:
            try:
                left = end - clock.monotonic()
                return wait_for(
                    self._cluster, watched, self._running, "", deadline_seconds=min(left, _LOOK_AGAIN_SECONDS)
                )
            except TimedOut:
                self._check_job()
                if clock.monotonic() >= end:
                    raise TimedOut(
                        f"no Pod could look after {deadline_seconds:g} s: {self._obstacle()}",
                        hint="--timeout waits longer",
                    ) from None

    def _running(self, known: Known) -> str | None:
        for one in known.values():
            self._seen = one
            self._check(one)
            if one.status.phase == "Running" and one.metadata.deletion_timestamp is None:
                return str(one.metadata.name)
        return None

    def _check(self, pod: wire.Pod) -> None:
        status = pod.status
        if status.phase in ("Failed", "Succeeded"):
            raise VolrewindError(
                f"the Pod that was to look ended: {status.reason or status.phase} {status.message}".strip()
            )
        for one in status.container_statuses:
            if one.state.waiting is not None and one.state.waiting.reason in _NO_IMAGE:
                raise NotFound(
                    f"image {self._helper.image!r} cannot be had there: {one.state.waiting.reason}",
                    hint="--image names the image of volrewind as the nodes find it",
                )

    def _check_job(self) -> None:
        """Raise when the cluster refuses to make the Pod, which only the Job's events tell."""
        if self._seen is not None:
            return
        for said in events.warnings_about(self._cluster, "Job", self._cluster.namespace, self._helper.name, self._uid):
            if said.startswith("FailedCreate:"):
                raise Refused(f"the cluster lets no Pod look: {said.removeprefix('FailedCreate:').strip()}")

    def _obstacle(self) -> str:
        namespace = self._cluster.namespace
        for claim in self._claims:
            if said := events.warnings_about(self._cluster, "PersistentVolumeClaim", namespace, claim):
                return f"claim {claim!r}: {said[-1]}"
        if self._seen is None:
            return "the cluster has made none"
        name = self._seen.metadata.name
        if said := events.warnings_about(self._cluster, "Pod", namespace, name, self._seen.metadata.uid):
            return f"Pod {name!r}: {said[-1]}"
        return next((one.message for one in self._seen.status.conditions if one.message), "it is still starting")
