"""Which method takes a claim's snapshots, in order, each with its reason; a method that would copy nothing is never one."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from volrewind.errors import NotSupported, UsageError, VolrewindError
from volrewind.model.claim import Phase, StoredClaim
from volrewind.model.claim_snapshot import SnapshotClass
from volrewind.plan.snapshot_class import choose_class

# Volumes that are plain directories of a node: nothing below them can hold a moment.
DIRECTORIES = ("hostPath", "local")
# Provisioners of such volumes, for those who may not read the volume itself: MicroK8s', Rancher's (k3s), minikube's.
DIRECTORY_PROVISIONERS = (
    "microk8s.io/hostpath",
    "rancher.io/local-path",
    "k8s.io/minikube-hostpath",
)


class ClusterFacts(msgspec.Struct, frozen=True):
    """What matters of a cluster. `classes` is None when they may not be read."""

    has_snapshots: bool
    has_velero: bool
    classes: tuple[SnapshotClass, ...] | None = ()


class Offer(msgspec.Struct, frozen=True):
    """A method for one claim: whether it works, and why (not); `snapshot_class` is what `csi` would use.

    `error` is what stands in the way where that is a failure of its own, rather than that the method does not fit.
    """

    method: str
    is_possible: bool
    reason: str
    hint: str = ""
    snapshot_class: str = ""
    error: VolrewindError | None = None


def offers_for(claim: StoredClaim, cluster: ClusterFacts, *, wanted_class: str = "") -> tuple[Offer, ...]:
    """Return every method with what it would do for this claim, the best first; those that work come first."""
    found = [offer(claim, cluster, wanted_class) for offer in _METHODS]
    return tuple(sorted((one for one in found if one is not None), key=lambda one: not one.is_possible))


def choose_method(claim: StoredClaim, cluster: ClusterFacts, *, wanted: str = "", wanted_class: str = "") -> Offer:
    """Return the best method, or the one wanted.

    Raises:
        UsageError: there is no method of that name.
        NotSupported: the one wanted, or any, cannot do it; the message says why.
        VolrewindError: it could, but for the VolumeSnapshotClass; see `choose_class`.
    """
    if wanted and wanted not in METHODS:
        raise UsageError(f"method {wanted!r} is not known", hint=f"there are {', '.join(METHODS)}")
    offers = [one for one in offers_for(claim, cluster, wanted_class=wanted_class) if wanted in ("", one.method)]
    if not offers:
        raise NotSupported(f"method {wanted!r} has nothing to do with claim {claim.claim.name!r}")
    if offers[0].error is not None:
        raise offers[0].error
    if not offers[0].is_possible:
        raise NotSupported(f"claim {claim.claim.name!r} cannot be snapshot: {offers[0].reason}", hint=offers[0].hint)
    return offers[0]


def _csi(claim: StoredClaim, cluster: ClusterFacts, wanted_class: str) -> Offer:
    if claim.claim.phase is Phase.PENDING:
        return Offer(
            "csi", False, "it is not bound to a volume yet, so it holds nothing", "a Pod that uses it makes it bound"
        )
    if claim.claim.phase is Phase.LOST:
        return Offer("csi", False, f"its volume {claim.claim.volume!r} is gone")
    if reason := _why_no_driver(claim):
        return Offer(
            "csi", False, reason, "a claim of a class with a CSI driver can be snapshot; see docs/driver.md for ours"
        )
    if not cluster.has_snapshots:
        return Offer(
            "csi", False, "the cluster does not know VolumeSnapshots", "its snapshot CRDs and controller are missing"
        )
    try:
        choice = choose_class(claim.driver, cluster.classes, wanted_class)
    except VolrewindError as error:
        return Offer("csi", False, error.message, error.hint, error=error)
    shown = f"class {choice.name!r} ({choice.reason})" if choice.name else choice.reason
    return Offer("csi", True, f"driver {claim.driver!r} snapshots it natively, by {shown}", "", choice.name)


def _why_no_driver(claim: StoredClaim) -> str:
    """Return why no CSI driver serves a bound claim; "" when one does."""
    storage = claim.storage
    if storage is None and claim.claim.provisioner in DIRECTORY_PROVISIONERS:
        return f"{claim.claim.provisioner!r} made it a plain directory of a node, which no driver can snapshot"
    if claim.driver:
        return ""
    if storage is None:
        return "its volume may not be read, and nothing else tells its driver"
    if storage.kind in DIRECTORIES:
        return f"its volume is a plain directory of a node ({storage.kind}), which no driver can snapshot"
    return f"its volume is of kind {storage.kind!r}, which has no CSI driver"


def _hostpath(claim: StoredClaim, cluster: ClusterFacts, wanted_class: str) -> Offer | None:
    storage = claim.storage
    if storage is None or storage.kind not in DIRECTORIES:
        return None
    where = f" on node {storage.nodes[0]!r}" if len(storage.nodes) == 1 else " on its node"
    return Offer(
        "hostpath",
        False,
        "copying the directory into a pool of its node is the way for it, and this version cannot do it from here",
        f"`volrewind create {storage.path}`{where} does",
    )


def _velero(claim: StoredClaim, cluster: ClusterFacts, wanted_class: str) -> Offer | None:
    if not cluster.has_velero:
        return None
    if _is_directory(claim):
        # Velero's documentation, "File System Backup", Limitations: "hostPath volumes are not supported".
        return Offer(
            "velero",
            False,
            "Velero's file-system backup skips hostPath volumes without an error: it would hold nothing",
        )
    return Offer(
        "velero", False, "Velero is here and can copy its files, which is no snapshot; this version does not drive it"
    )


def _is_directory(claim: StoredClaim) -> bool:
    if claim.storage is not None:
        return claim.storage.kind == "hostPath"
    return claim.claim.provisioner in DIRECTORY_PROVISIONERS


METHODS = ("csi", "hostpath", "velero")
_METHODS: tuple[Callable[[StoredClaim, ClusterFacts, str], Offer | None], ...] = (_csi, _hostpath, _velero)
