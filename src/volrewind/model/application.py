"""A workload by its name, and the claims that its Pods use."""

# Annotations are not postponed here: msgspec would compile each one in every process that loads it.
from enum import Enum

import msgspec

from volrewind.errors import UsageError
from volrewind.model.names import check_name


class ApplicationKind(Enum):
    """What runs Pods with claims; the value is how kubectl calls it."""

    DEPLOYMENT = "deployment"
    STATEFUL_SET = "statefulset"
    DAEMON_SET = "daemonset"


_SHORT = {"deploy": "deployment", "sts": "statefulset", "ds": "daemonset"}


class ApplicationName(msgspec.Struct, frozen=True):
    """A workload, e.g. `statefulset/db`."""

    kind: ApplicationKind
    name: str

    def __str__(self) -> str:
        return f"{self.kind.value}/{self.name}"


class Application(msgspec.Struct, frozen=True):
    """A workload with the names of its claims. `left_out` are volumes that go with their Pod, whose claims nobody keeps."""

    name: ApplicationName
    claims: tuple[str, ...]
    left_out: tuple[str, ...] = ()


def parse_application(text: str) -> ApplicationName:
    """Return the workload that `deployment/x`, `statefulset/x` or `daemonset/x` names, also as kubectl shortens and counts them.

    Raises:
        UsageError: it names none.
    """
    kind, slash, name = text.partition("/")
    known = {one.value: one for one in ApplicationKind}
    single = _SHORT.get(kind.lower(), kind.lower().removesuffix("s"))
    if not slash or single not in known:
        raise UsageError(f"workload {text!r} is not understood", hint="write it like deployment/shop or statefulset/db")
    return ApplicationName(known[single], check_name(name, "workload name"))
