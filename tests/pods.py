"""Pods of tests: made, waited for, read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lightkube import Client
from lightkube.models.core_v1 import (
    Container,
    HostPathVolumeSource,
    PodSpec,
    SecurityContext,
    Volume,
    VolumeMount,
)
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import Pod

from testbed.images import BUSYBOX
from volrewind.clock import SystemClock, wait_until

_DEADLINE_SECONDS = 90.0  # a Pod takes 1 to 3 s when nobody else is busy
_AT_THE_END = ("Succeeded", "Failed")


@dataclass(frozen=True)
class Pods:
    """The Pods of one namespace."""

    client: Client
    namespace: str

    def create(
        self,
        name: str,
        container: Container,
        *,
        volumes: Sequence[Volume] = (),
        account: str = "default",
        restart: str = "Never",
    ) -> None:
        """Make a Pod; it is given no time to end when it is deleted."""
        spec = PodSpec(
            containers=[container],
            volumes=list(volumes),
            serviceAccountName=account,
            restartPolicy=restart,
            terminationGracePeriodSeconds=0,
        )
        self.client.create(Pod(metadata=ObjectMeta(name=name), spec=spec), namespace=self.namespace)

    def wait_for(self, name: str, phase: str) -> None:
        """Return once a Pod is in this phase.

        Raises:
            AssertionError: it ended in another one; its log is in the message.
            TimedOut: it took too long.
        """
        wait_until(
            lambda: self._phase(name) in (phase, *_AT_THE_END),
            f"Pod {name!r} to be {phase}",
            clock=SystemClock(),
            deadline_seconds=_DEADLINE_SECONDS,
        )
        found = self._phase(name)
        assert found == phase, f"Pod {name!r} is {found}: {self.log(name)}"

    def log(self, name: str) -> str:
        """Return what a Pod has said."""
        return "".join(self.client.log(name, namespace=self.namespace))

    def output(self, name: str, *command: str, image: str = BUSYBOX, account: str = "default") -> str:
        """Run a command in a Pod, and return what it said once it has succeeded."""
        self.create(name, container(*command, image=image), account=account)
        self.wait_for(name, "Succeeded")
        return self.log(name)

    def _phase(self, name: str) -> str | None:
        status = self.client.get(Pod, name, namespace=self.namespace).status
        return status.phase if status else None


def container(
    *command: str, image: str = BUSYBOX, mounts: Sequence[VolumeMount] = (), privileged: bool = False
) -> Container:
    """Return a container; its image is there, or the Pod fails."""
    return Container(
        name="main",
        image=image,
        imagePullPolicy="Never",
        command=list(command),
        volumeMounts=list(mounts),
        securityContext=SecurityContext(privileged=privileged),
    )


def host_path(name: str, path: str) -> Volume:
    """Return a directory of the node as a volume."""
    return Volume(name=name, hostPath=HostPathVolumeSource(path=path))
