"""What the claim was like that a snapshot was cut from, noted on the snapshot: it is wanted most when the claim is gone."""

# Annotations are not postponed here: msgspec would compile each one in every process that reads a list.
import msgspec

from volrewind.model.claim import StoredClaim
from volrewind.model.claim_snapshot import ClaimSnapshot
from volrewind.model.labels import ORIGIN


class Origin(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """A claim as it was when it was cut; what is "", empty, 0 or None nobody knows.

    `nodes` are the only ones its volume could be used on; empty for any.
    """

    uid: str = ""
    storage_class: str = ""
    size_bytes: int = 0
    access_modes: tuple[str, ...] = ()
    block: bool | None = None
    nodes: tuple[str, ...] = ()
    labels: dict[str, str] = {}


def origin_of(claim: StoredClaim) -> Origin:
    """Return what a claim is like now."""
    return Origin(
        uid=claim.claim.uid,
        storage_class=claim.claim.storage_class,
        size_bytes=max(claim.claim.size_bytes or 0, claim.claim.requested_bytes),
        access_modes=claim.claim.access_modes,
        block=claim.claim.block,
        nodes=claim.storage.nodes if claim.storage else (),
        labels=claim.claim.labels,
    )


def origin_note(claim: StoredClaim) -> str:
    """Return the annotation for a snapshot of this claim."""
    return note_of(origin_of(claim))


def note_of(origin: Origin) -> str:
    """Return the annotation that says this of a claim."""
    return msgspec.json.encode(origin).decode()


def noted_origin(snapshot: ClaimSnapshot) -> Origin | None:
    """Return what a snapshot says of the claim it was cut from; None when it says nothing that can be read."""
    try:
        return msgspec.json.decode(snapshot.annotations[ORIGIN], type=Origin)
    except (KeyError, msgspec.DecodeError):
        return None
