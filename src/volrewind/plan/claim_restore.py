"""What the claim looks like that a snapshot is restored to, and why; refused where it could not hold the snapshot's data."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from volrewind.errors import AlreadyThere, BadSize, Refused, UsageError
from volrewind.model.claim import StorageClass
from volrewind.model.claim_origin import Origin
from volrewind.model.claim_snapshot import ClaimSnapshot
from volrewind.model.names import check_name, derived_name
from volrewind.model.quantity import format_size
from volrewind.plan.new_claim import NewClaim, carried_labels, mode_of
from volrewind.plan.storage_class import choose_storage_class

_MANAGED_BY_NODE = (
    "snapshot.storage.kubernetes.io/managed-by"  # label of a content: the only node that has the snapshot
)
_ALLOWS_MODE_CHANGE = "snapshot.storage.kubernetes.io/allow-volume-mode-change"  # annotation of a content (KEP-3141)


class RestoreRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked for; what is "", empty or None is to be as the claim was that was cut."""

    name: str = ""
    storage_class: str = ""
    size_bytes: int | None = None
    access_modes: tuple[str, ...] = ()
    block: bool | None = None
    labels: Mapping[str, str] = {}


class Basis(msgspec.Struct, frozen=True, kw_only=True):
    """What is known. `origin` is the claim as it was cut, empty where nobody knows; `driver` is "" when it cannot be told.

    `classes` is None when they may not be read. `taken` are the names of the claims in the namespace.
    """

    snapshot: ClaimSnapshot
    origin: Origin = Origin()
    driver: str = ""
    classes: Mapping[str, StorageClass] | None = None
    taken: frozenset[str] = frozenset()


def plan_restore(basis: Basis, wanted: RestoreRequest) -> NewClaim:
    """Return the claim that a snapshot becomes, in the snapshot's namespace.

    Raises:
        AlreadyThere: there is a claim of the name asked for.
        BadSize: the size asked for is less than the snapshot needs.
        NotFound: there is no such class, or none of the driver.
        Refused: the class asked for is another driver's, or the volume mode is not the snapshot's.
        UsageError: there are several classes, or no size is known, and none was asked for.
    """
    origin = basis.origin
    choice = choose_storage_class(basis.driver, basis.classes, was=origin.storage_class, wanted=wanted.storage_class)
    size, why = _size(basis, wanted.size_bytes)
    return NewClaim(
        namespace=basis.snapshot.namespace,
        name=_name(basis, wanted.name),
        driver=basis.driver,
        storage_class=choice.name,
        size_bytes=size,
        access_modes=wanted.access_modes or origin.access_modes or ("ReadWriteOnce",),
        block=_block(basis, wanted.block),
        labels=wanted.labels or carried_labels(origin.labels),
        node=node_of(basis.snapshot, origin) if choice.waits is not False else "",
        waits=choice.waits,
        reasons=(f"class {choice.name!r}: {choice.reason}", f"size {format_size(size)}: {why}"),
    )


def node_of(snapshot: ClaimSnapshot, origin: Origin) -> str:
    """Return the only node that can have a volume with the snapshot's data; "" when several can, or nobody knows."""
    if snapshot.content is not None and (node := snapshot.content.labels.get(_MANAGED_BY_NODE)):
        return node
    return origin.nodes[0] if len(origin.nodes) == 1 else ""


def _name(basis: Basis, wanted: str) -> str:
    if not wanted:
        return derived_name(basis.snapshot.name, "restored", basis.taken)
    if check_name(wanted, "claim name") in basis.taken:
        raise AlreadyThere(
            f"claim {wanted!r} exists in namespace {basis.snapshot.namespace!r}, and restore never overwrites",
            hint="choose another name with --name, or use rollback",
        )
    return wanted


def _size(basis: Basis, wanted: int | None) -> tuple[int, str]:
    """Return the size to ask for, and why. Some drivers say nothing of what a snapshot needs, some only what it takes."""
    snapshot, content = basis.snapshot, basis.snapshot.content
    restore_bytes = max(snapshot.size_bytes or 0, (content.restore_bytes if content else 0) or 0)
    least = max(restore_bytes, basis.origin.size_bytes)
    if wanted is None and not least:
        raise UsageError(f"nobody knows how large snapshot {snapshot.name!r} is", hint="say --size")
    if wanted is not None and wanted < least:
        raise BadSize(
            f"snapshot {snapshot.name!r} needs {format_size(least)}, more than {format_size(wanted)}",
            hint="leave --size out, or give more",
        )
    if wanted is not None and wanted > least:
        return wanted, f"as asked for; the snapshot needs {format_size(least)}" if least else "as asked for"
    return least, "as the claim was" if least > restore_bytes else "what the snapshot needs"


def _block(basis: Basis, wanted: bool | None) -> bool:
    content = basis.snapshot.content
    was = content.mode == "Block" if content and content.mode else basis.origin.block
    if wanted is None or was is None:
        return bool(was if wanted is None else wanted)
    may_change = content is not None and content.annotations.get(_ALLOWS_MODE_CHANGE) == "true"
    if wanted != was and not may_change:
        raise Refused(
            f"snapshot {basis.snapshot.name!r} is of a volume of mode {mode_of(was)}, and cannot become {mode_of(wanted)}",
            hint=f"who may change its content can allow it by the annotation {_ALLOWS_MODE_CHANGE}=true",
        )
    return wanted
