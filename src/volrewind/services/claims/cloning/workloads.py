"""A workload whose claims are cloned, made again in the namespace of the clones."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from volrewind.cluster import applications
from volrewind.cluster.client import Connection
from volrewind.errors import AlreadyThere, NotFound, UsageError
from volrewind.model.application import ApplicationName, parse_application
from volrewind.model.labels import CLONE_OF
from volrewind.plan.workload_copy import Manifest, copied_workload, needed
from volrewind.services.claims.cloning.clone import Cloned, CloneRequest, clone
from volrewind.services.claims.cloning.permission import check_permission

__all__ = ["Connection", "Copied", "Copy", "clone_workload"]


class Copy(msgspec.Struct, frozen=True):
    """A workload as it is to be made, and what of its namespace it `needs`, which is not copied."""

    name: ApplicationName
    manifest: Manifest
    needs: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"

    @property
    def namespace(self) -> str:
        return str(self.manifest["metadata"]["namespace"])


class Copied(msgspec.Struct, frozen=True):
    """A workload with its clones. `is_made` is whether it was made now; None when it was not to be, or a clone is missing."""

    copy: Copy
    clones: tuple[Cloned, ...]
    is_made: bool | None = None


def clone_workload(
    cluster: Connection,
    app: str,
    request: CloneRequest,
    *,
    agreed: bool,
    progress: Callable[[str], None] = lambda _: None,
) -> Copied:
    """Clone all claims of a workload, and with `agreed` make it again with them, once all of them are there.

    Raises:
        AlreadyThere: there is another workload of its name.
        NotFound: there is no such workload, or it has no claims.
        UsageError: it is to be in the same namespace, where it would meet itself.
    """
    copy = _copy(cluster, parse_application(app), request.to)
    if agreed:
        check_permission(cluster, copy.namespace, ("clone-app",))
        _is_there(cluster, copy)
    claims = applications.application(cluster, cluster.namespace, copy.name).claims
    if not claims:
        raise NotFound(f"{copy.name} uses no claims, so there is nothing to clone")
    clones = tuple(clone(cluster, msgspec.structs.replace(request, claims=claims), progress=progress))
    if not agreed or any(one.error for one in clones):
        return Copied(copy, clones)
    is_new = not _is_there(cluster, copy)
    if is_new:
        applications.make(cluster, copy.name, copy.manifest)
    return Copied(copy, clones, is_new)


def _copy(cluster: Connection, name: ApplicationName, to: str) -> Copy:
    if to in ("", cluster.namespace):
        raise UsageError("a workload is made again in another namespace only", hint="say --to NAMESPACE")
    document = applications.document(cluster, cluster.namespace, name)
    return Copy(name, copied_workload(document, to), tuple(needed(document)))


def _is_there(cluster: Connection, copy: Copy) -> bool:
    """Tell whether an earlier run has made it; then it stays as it is by now."""
    try:
        found = applications.document(cluster, copy.namespace, copy.name)
    except NotFound:
        return False
    if found["metadata"]["annotations"].get(CLONE_OF) != copy.manifest["metadata"]["annotations"][CLONE_OF]:
        raise AlreadyThere(f"{copy} exists, and is left as it is", hint="without --yes its copy is only printed")
    return True
