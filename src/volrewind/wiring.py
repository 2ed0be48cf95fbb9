"""The composition root: what is made of what."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from volrewind.clock import Clock, SystemClock
from volrewind.errors import UsageError

if TYPE_CHECKING:  # a command is about a host or about a cluster, and loads only its own half
    from zoneinfo import ZoneInfo

    from volrewind.cluster.client import Connection
    from volrewind.services.environment import Environment

ROOT_STATE = Path("/var/lib/volrewind")
_CREDENTIALS_SECONDS = 60.0  # for a program that prints a kubeconfig or a token; some ask a cloud for it


def environment_of(
    variables: Mapping[str, str],
    *,
    clock: Clock | None = None,
    zone: str = "",
    deadline_seconds: float | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> Environment:
    """Return what the verbs need on this host.

    `deadline_seconds` is how long each wait for a pool may take; None is as long as pools usually wait.
    `VOLREWIND_STATE` names the state directory; it defaults to /var/lib/volrewind for root, and to volrewind under
    `XDG_DATA_HOME` (~/.local/share) for others.
    """
    from volrewind.methods.local import LocalMethod
    from volrewind.pools.home import Home
    from volrewind.pools.pool import DEFAULT_DEADLINE_SECONDS
    from volrewind.services.environment import Environment

    clock = clock or SystemClock()
    deadline_seconds = DEFAULT_DEADLINE_SECONDS if deadline_seconds is None else deadline_seconds
    home = Home(state_of(variables), clock, deadline_seconds)
    host_zone = partial(zone_of, zone or variables.get("TZ", ""))
    return Environment(LocalMethod(home, clock), clock, host_zone, Path.cwd(), progress)


def cluster_of(
    variables: Mapping[str, str], *, kubeconfig: str = "", context: str = "", namespace: str = ""
) -> AbstractContextManager[Connection]:
    """Give the cluster that `kubeconfig` names, else the one that kubectl would speak to; nothing is asked of it yet.

    Without a kubeconfig it is the one this Pod runs in, else the MicroK8s of this host. `namespace` wins over the context's.

    Raises:
        UsageError: there is no kubeconfig, or it has no such context.
    """
    from volrewind.cluster.client import connect
    from volrewind.cluster.outside import Outside

    outside = Outside(variables, _microk8s(variables) or "", _printed)
    return connect(SystemClock(), kubeconfig=kubeconfig, context=context, namespace=namespace, outside=outside)


def _printed(argv: Sequence[str], variables: Mapping[str, str]) -> str:
    from volrewind.system.process import run

    return run(argv, environment=variables, timeout_seconds=_CREDENTIALS_SECONDS).out


def has_cluster(variables: Mapping[str, str]) -> bool:
    """Tell whether a cluster is set up here: by a kubeconfig, the account of a Pod, or a MicroK8s on this host."""
    from volrewind.cluster.where import is_set_up

    return is_set_up(variables) or _microk8s(variables) is not None


def contexts_of(variables: Mapping[str, str], kubeconfig: str = "") -> list[str]:
    """Return the contexts that `kubeconfig` names, else those of the files that kubectl would read.

    Raises:
        OSError: a file cannot be read.
        ValueError: a file is no kubeconfig.
    """
    from volrewind.cluster.where import document_of

    document = document_of(variables, kubeconfig)
    return [] if document is None else [one["name"] for one in document["contexts"]]


def _microk8s(variables: Mapping[str, str]) -> str | None:
    """Return the program that prints MicroK8s' kubeconfig; None when it is not here, or when another one was named."""
    if variables.get("KUBECONFIG"):
        return None
    places = (*variables.get("PATH", os.defpath).split(os.pathsep), "/snap/bin")
    return next((path for place in places if os.access(path := f"{place}/microk8s", os.X_OK)), None)


def root_state_of(variables: Mapping[str, str]) -> Path:
    """Return the state directory that root has on this host."""
    return Path(variables.get("VOLREWIND_STATE") or ROOT_STATE).absolute()


def state_of(variables: Mapping[str, str]) -> Path:
    """Return the state directory of this host."""
    if os.geteuid() == 0 or variables.get("VOLREWIND_STATE"):
        return root_state_of(variables)
    data = variables.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(data) / "volrewind"


def zone_of(name: str) -> ZoneInfo:
    """Return a time zone by its IANA name; "" is the host's own, or UTC where that cannot be told.

    Raises:
        UsageError: there is no such zone.
    """
    from zoneinfo import ZoneInfo  # only where calendar days are counted

    try:
        return ZoneInfo(name.lstrip(":") if name else _host_zone())
    except (KeyError, ValueError, OSError) as error:
        raise UsageError(f"time zone {name!r} is not known", hint="write it like Europe/Paris") from error


def _host_zone() -> str:
    _, found, name = str(Path("/etc/localtime").resolve()).partition("/zoneinfo/")
    return name if found else "UTC"
