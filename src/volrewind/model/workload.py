"""Who runs Pods: as it stands in a cluster, and as it is noted down to be started again as it was."""

# Annotations are not postponed here: msgspec needs them when the classes are made.
from typing import Any, Literal

import msgspec

from volrewind.model.pod import Owner, UsingPod

WorkloadKind = Literal["deployment", "statefulset", "daemonset", "pod"]


class Workload(msgspec.Struct, frozen=True, kw_only=True):
    """What can be stopped and started again, with what takes it back to how it was found; it stands in a journal.

    `replicas` is how many Pods it had (of a Deployment or StatefulSet). `when_scaled` is what a StatefulSet did with the
    claims of Pods that it scaled away. `manifest` is what a Pod of its own is made from again.
    """

    kind: WorkloadKind
    name: str
    uid: str
    replicas: int = 0
    when_scaled: str = ""
    manifest: dict[str, Any] = {}  # Any: a manifest is a document

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}"


class Using(msgspec.Struct, frozen=True):
    """Who uses claims. `finished` are Pods that have ended and still hold them; `notes` are for the user to read."""

    workloads: tuple[Workload, ...] = ()
    finished: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class Runner(msgspec.Struct, frozen=True, kw_only=True):
    """An object that has Pods made: of a `kind` as the API calls it, e.g. `CronJob`.

    `claims` are those that its Pods will use by name, `numbered` what the others' names begin with: `data-db` is for
    `data-db-0` and so on. With `is_idle` it makes no Pods any more, or not for now.
    """

    group: str
    kind: str
    name: str
    uid: str
    claims: tuple[str, ...] = ()
    numbered: tuple[str, ...] = ()
    replicas: int = 0
    when_scaled: str = ""
    is_idle: bool = False
    owner: Owner | None = None
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}

    def __str__(self) -> str:
        return f"{self.kind.lower()}/{self.name}"


class Autoscaler(msgspec.Struct, frozen=True):
    """A HorizontalPodAutoscaler and what it scales, a kind and a name. `least` is how far down it goes by itself."""

    name: str
    target: tuple[str, str]
    least: int = 1
    labels: dict[str, str] = {}


class Running(msgspec.Struct, frozen=True):
    """All of a namespace that runs Pods; `autoscalers` is None when nobody could look for them."""

    pods: tuple[UsingPod, ...] = ()
    runners: tuple[Runner, ...] = ()
    autoscalers: tuple[Autoscaler, ...] | None = ()
