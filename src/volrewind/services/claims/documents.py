"""What the verbs on claims return, as plain documents; where a host has the same thing it has the same name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from volrewind.model.labels import EXPIRES
from volrewind.services.documents import Document, seconds_of, time_of

if TYPE_CHECKING:  # a surface loads only the services it calls
    from datetime import datetime

    from volrewind.cluster.events import Said
    from volrewind.model.claim import Claim
    from volrewind.model.claim_snapshot import ClaimSnapshot
    from volrewind.model.env import Env
    from volrewind.plan.claim_pruning import ClaimVerdict
    from volrewind.plan.methods import Offer
    from volrewind.plan.orphans import Orphan
    from volrewind.services.claims.choosing import ClaimOffers
    from volrewind.services.claims.classes import Listed
    from volrewind.services.claims.cloning.clone import Cloned
    from volrewind.services.claims.delete import Deleted
    from volrewind.services.claims.describe import Described
    from volrewind.services.claims.listing import ListedSnapshot
    from volrewind.services.claims.restore import Restored
    from volrewind.services.claims.rolling_back.outcome import RolledBack
    from volrewind.services.claims.status import ClaimStatus, ClusterStatus, Unready


def snapshot_document(snapshot: ClaimSnapshot) -> Document:
    """Return a snapshot; sizes in bytes, times in UTC. What only its content tells is None where that was not read."""
    content = snapshot.content
    return {
        "name": snapshot.name,
        "namespace": snapshot.namespace,
        "id": snapshot.uid,
        "source": snapshot.source,
        "state": snapshot.state.value,
        "ready": snapshot.is_ready,
        "created": time_of(snapshot.created),
        "cut": time_of(snapshot.cut) if snapshot.cut else None,
        "consistency": snapshot.consistency,
        "purpose": snapshot.purpose,
        "sizeBytes": snapshot.size_bytes,
        "class": snapshot.snapshot_class,
        "content": snapshot.content_name,
        "binding": snapshot.binding.value,
        "handle": content.handle if content else None,
        "driver": content.driver if content else None,
        "deletionPolicy": content.deletion_policy.value if content else None,
        "policy": snapshot.policy,
        "ours": snapshot.is_ours,
        "error": snapshot.trouble.message if snapshot.trouble else "",
        "hold": snapshot.hold,
        "note": snapshot.note,
        "labels": snapshot.labels,
    }


def listed_document(listed: ListedSnapshot) -> Document:
    """Return a snapshot of a list, with its age in seconds."""
    return {**snapshot_document(listed.snapshot), "ageSeconds": seconds_of(listed.age)}


def described_document(described: Described) -> Document:
    """Return everything about a snapshot."""
    snapshot, around, missing = described.snapshot, described.around, described.missing
    return {
        **snapshot_document(snapshot),
        "ageSeconds": seconds_of(described.age),
        "sourceExists": around.source_exists,
        "group": snapshot.group,
        "together": list(around.together),
        "missing": missing.message if missing else "",
        "restoring": [_claim(one) for one in around.users.restoring],
        "restored": [_claim(one) for one in around.users.made],
        "twins": [
            {"content": one.name, "namespace": one.snapshot[0], "name": one.snapshot[1]} for one in around.users.twins
        ],
        "refusals": [one.message for one in described.refusals],
        "deletion": described.outcome,
        "holders": [str(one) for one in described.holders],
        "events": [_event(one) for one in described.events],
    }


def deleted_document(deleted: Deleted) -> Document:
    """Return what became of a snapshot that was to be deleted; `error` is "" when nothing spoke against it.

    What only its content tells is None where that was not read.
    """
    snapshot, error = deleted.snapshot, deleted.error
    content = deleted.kept or (snapshot.content if snapshot else None)
    return {
        "name": deleted.name,
        "namespace": snapshot.namespace if snapshot else None,
        "outcome": deleted.outcome,
        "content": content.name if content else None,
        "handle": content.handle if content else None,
        "driver": content.driver if content else None,
        "kept": deleted.kept is not None,
        "error": error.message if error else "",
        "hint": error.hint if error else "",
    }


def orphan_document(orphan: Orphan, now: datetime) -> Document:
    """Return what is left over, and what frees it."""
    return {
        "kind": orphan.kind.value,
        "name": orphan.name,
        "namespace": orphan.namespace,
        "ageSeconds": seconds_of(now - orphan.since),
        "reason": orphan.why,
        "step": orphan.step.value,
        "freeing": orphan.does,
        "last": orphan.is_last,
        "handle": orphan.content.handle if orphan.content else None,
        "driver": orphan.content.driver if orphan.content else None,
    }


def class_document(listed: Listed) -> Document:
    """Return a class; how many contents it made, by their policies, is None where they may not be read."""
    one = listed.snapshot_class
    return {
        "name": one.name,
        "driver": one.driver,
        "deletionPolicy": one.deletion_policy.value,
        "default": one.is_default,
        "contents": None if listed.contents is None else {key.value: count for key, count in listed.contents.items()},
        "parameters": one.parameters,
    }


def verdict_document(verdict: ClaimVerdict) -> Document:
    """Return whether a snapshot stays, and why."""
    snapshot = verdict.snapshot
    return {
        "name": snapshot.name,
        "namespace": snapshot.namespace,
        "source": snapshot.source,
        "created": time_of(snapshot.created),
        "cut": time_of(snapshot.cut) if snapshot.cut else None,
        "keep": verdict.keep,
        "reasons": list(verdict.reasons),
    }


def _claim(claim: Claim) -> Document:
    return {"name": claim.name, "namespace": claim.namespace, "phase": claim.phase.value}


def _event(said: Said) -> Document:
    return {
        "time": time_of(said.time),
        "warning": said.is_warning,
        "reason": said.reason,
        "message": said.message,
        "count": said.count,
    }


def restored_document(restored: Restored) -> Document:
    """Return a claim that was made from a snapshot."""
    claim, snapshot, plan = restored.claim, restored.snapshot, restored.plan
    return {
        "name": claim.name,
        "namespace": claim.namespace,
        "id": claim.uid,
        "bound": restored.is_bound,
        "snapshot": snapshot.name,
        "cut": time_of(snapshot.cut) if snapshot.cut else None,
        "storageClass": claim.storage_class,
        "sizeBytes": claim.size_bytes or claim.requested_bytes,
        "reasons": list(plan.reasons) if plan else [],
    }


def cloned_document(cloned: Cloned) -> Document:
    """Return a clone that was made."""
    claim, snapshot, plan = cloned.claim, cloned.snapshot, cloned.plan
    return {
        "name": cloned.aim.name,
        "namespace": cloned.aim.namespace,
        "id": claim.uid if claim else None,
        "bound": cloned.is_bound,
        "source": {"namespace": cloned.aim.source[0], "name": cloned.aim.source[1]},
        "snapshot": snapshot.name if snapshot else None,
        "cut": time_of(snapshot.cut) if snapshot and snapshot.cut else None,
        "storageClass": claim.storage_class if claim else "",
        "sizeBytes": (claim.size_bytes or claim.requested_bytes) if claim else None,
        "expires": (claim.annotations.get(EXPIRES) or None) if claim else None,
        "reasons": list(plan.reasons) if plan else [],
    }


def env_document(env: Env, now: datetime) -> Document:
    """Return a namespace with clones."""
    return {
        "name": env.name,
        "source": env.source,
        "ageSeconds": seconds_of(now - env.created),
        "expires": time_of(env.expires) if env.expires else None,
        "expired": env.expires is not None and env.expires <= now,
        "deleted": env.is_deleted,
    }


def rolled_back_document(done: RolledBack) -> Document:
    """Return what became of a rollback or an undo; `downSeconds` is None when nobody was stopped."""
    return {
        "claims": [
            {
                "name": one.name,
                "state": one.state,
                "snapshot": one.snapshot,
                "volume": one.volume,
                "kept": one.kept,
                "safety": one.safety,
            }
            for one in done.claims
        ],
        "stopped": list(done.workloads),
        "downSeconds": None if done.down is None else done.down.total_seconds(),
        "resumed": done.resumed,
    }


def offers_document(found: ClaimOffers) -> Document:
    """Return a claim with its methods, the best first; `method` is the one `create` takes, "" for none."""
    best = found.offers[0] if found.offers and found.offers[0].is_possible else None
    claim = found.claim.claim
    return {
        "name": claim.name,
        "namespace": claim.namespace,
        "method": best.method if best else "",
        "class": best.snapshot_class if best else "",
        "driver": found.claim.driver,
        "sizeBytes": claim.size_bytes,
        "methods": [_offer(one) for one in found.offers],
    }


def _offer(offer: Offer) -> Document:
    return {"method": offer.method, "possible": offer.is_possible, "reason": offer.reason, "hint": offer.hint}


def status_document(status: ClusterStatus) -> Document:
    """Return how all claims stand."""
    return {
        "well": status.is_well,
        "claims": [_claim_status(one) for one in status.claims],
        "unready": [_unready(one) for one in status.unready],
    }


def _claim_status(one: ClaimStatus) -> Document:
    return {
        "source": one.claim.name,
        "namespace": one.claim.namespace,
        "goodSnapshots": one.good,
        "newest": one.newest.name if one.newest else None,
        "ageSeconds": None if one.age is None else seconds_of(one.age),
        "problems": list(one.problems),
    }


def _unready(one: Unready) -> Document:
    return {
        "name": one.snapshot.name,
        "namespace": one.snapshot.namespace,
        "source": one.snapshot.source,
        "state": one.snapshot.state.value,
        "ageSeconds": seconds_of(one.age),
        "reason": one.reason.message,
        "hint": one.reason.hint,
    }
