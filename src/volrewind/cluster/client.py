"""A connection to one cluster, as one user may use it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any  # what lightkube gives: classes of objects, made when they are needed

import httpx2
from lightkube import Client, KubeConfig
from lightkube.core.exceptions import ConfigError
from lightkube.core.resource import NamespacedResource

from volrewind.clock import Clock
from volrewind.cluster.failures import said_plainly
from volrewind.errors import AlreadyThere, NotFound, UsageError

FIELD_MANAGER = "volrewind"
EVERYWHERE = "*"  # the namespace that stands for all
_AT_ONCE = 500  # objects in one answer; kubectl's chunk size
_TIMEOUT_SECONDS = 30.0  # of one request; what takes longer is waited for by asking again


class Connection:
    """Requests to one cluster, with its refusals in our words."""

    def __init__(self, client: Client, clock: Clock) -> None:
        self._client: Any = client  # its overloads want to know at once whether a kind has namespaces
        self.clock = clock

    def each(
        self,
        kind: Any,
        *,
        labels: Mapping[str, str] | None = None,
        namespace: str = EVERYWHERE,
        at_once: int = _AT_ONCE,
    ) -> Iterator[Any]:
        """Yield the objects of a kind, of all namespaces or of one, asking for `at_once` of them at a time."""
        with said_plainly(f"list {_plural(kind)}"):
            yield from self._client.list(kind, labels=labels, chunk_size=at_once, **_in(kind, namespace))

    def get(self, kind: Any, name: str, namespace: str = "") -> Any:
        """Return one object.

        Raises:
            NotFound: there is none.
        """
        with said_plainly(f"read {_plural(kind)} {name!r}"):
            return self._client.get(kind, name, **_in(kind, namespace))

    def apply(self, thing: Any, *, dry_run: bool = False) -> None:
        """Make an object be as said, by server-side apply: what others manage in it stays theirs."""
        kind, metadata = type(thing), thing.metadata
        with said_plainly(f"apply {_plural(kind)} {metadata.name!r}"):
            self._client.apply(thing, force=True, dry_run=dry_run)

    def create(self, thing: Any) -> bool:
        """Make an object unless there is one of that name, which stays as it is; tells whether it was made."""
        try:
            with said_plainly(f"create {_plural(type(thing))} {thing.metadata.name!r}"):
                self._client.create(thing)
        except AlreadyThere:
            return False
        return True

    def delete(self, kind: Any, name: str, namespace: str = "") -> None:
        """Ask for an object to be deleted; one that is gone is fine."""
        try:
            with said_plainly(f"delete {_plural(kind)} {name!r}"):
                self._client.delete(kind, name, **_in(kind, namespace))
        except NotFound:
            return

    def knows(self, kind: Any) -> bool:
        """Tell whether the cluster has such a kind at all."""
        try:
            next(self.each(kind, at_once=1), None)
        except NotFound:
            return False
        return True


@contextmanager
def connect(clock: Clock, *, kubeconfig: str = "", context: str = "") -> Iterator[Connection]:
    """Give a connection while the block runs; nothing is asked of the cluster yet.

    Without `kubeconfig` it is where `KUBECONFIG` says, the account of the Pod this runs in, or ~/.kube/config.

    Raises:
        UsageError: there is no kubeconfig, or it has no such context.
    """
    try:
        config = KubeConfig.from_file(kubeconfig) if kubeconfig else KubeConfig.from_env()
        chosen = config.get(context or None)
    except (ConfigError, KeyError, OSError, ValueError) as error:
        raise UsageError(
            f"no cluster is set up here: {error}",
            hint="name a kubeconfig with --kubeconfig or KUBECONFIG (`microk8s config` prints MicroK8s')",
        ) from error
    client = Client(config=chosen, field_manager=FIELD_MANAGER, timeout=httpx2.Timeout(_TIMEOUT_SECONDS))
    try:
        yield Connection(client, clock)
    finally:
        client.close()


def _is_namespaced(kind: Any) -> bool:
    return issubclass(kind, NamespacedResource)


def _in(kind: Any, namespace: str) -> dict[str, str]:
    return {"namespace": namespace} if _is_namespaced(kind) else {}


def _plural(kind: Any) -> str:
    return str(kind._api_info.plural)
