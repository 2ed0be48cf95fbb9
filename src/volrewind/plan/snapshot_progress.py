"""How far a snapshot of a claim has come, why it is not ready, and what to do about it."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import msgspec

from volrewind.model.claim_snapshot import Binding, ClaimSnapshot

_RPC = re.compile(r"rpc error: code = (?P<code>\w+) desc = (?P<said>.*)", re.DOTALL)
_SOON = timedelta(seconds=10)  # a controller that works has reacted by then
# What the snapshot controller and the sidecar (external-snapshotter 8) say, and the next step.
_KNOWN = (
    (r"cannot find default snapshot class|default snapshot class", "name one with --class; `volrewind class list` shows them"),
    (r"volumesnapshotclass\S* \S+ not found", "`volrewind class list` shows the classes that exist"),
    (r"persistentvolumeclaim\S* \S+ not found", "the claim is gone; delete this snapshot"),
    (r"not yet bound|is not bound", "a Pod that uses the claim makes it bound"),
    (r"secrets? \S+ not found|cannot get credentials", "the class names a Secret that does not exist"),
    (r"exceeded quota", "`kubectl describe quota` shows what is used"),
)  # fmt: skip
# What a driver's gRPC code means to whoever asked (the CSI specification, "Error Scheme").
_CODES = {
    "ResourceExhausted": "the storage is full, or has no snapshot left to give",
    "Unavailable": "the driver does not answer; look at its Pods",
    "DeadlineExceeded": "the driver takes too long; it is asked again",
    "Unimplemented": "this driver cannot take snapshots",
    "NotFound": "the driver does not know the volume",
}


class Reason(msgspec.Struct, frozen=True):
    """Why something is not so, as part of a sentence, and the next step ("" when there is none).

    `is_usual` is what goes by by itself.
    """

    message: str
    hint: str = ""
    is_usual: bool = False


def why_not_ready(snapshot: ClaimSnapshot, now: datetime, *, soon: timedelta = _SOON) -> Reason:
    """Return why a snapshot is not ready; only to be asked about one that is not. What is younger than `soon` may still come."""
    if snapshot.is_deleted:
        return Reason("it is being deleted", "`volrewind describe` says what holds it", is_usual=True)
    if snapshot.binding is Binding.BROKEN:
        return Reason(
            f"its content {snapshot.content_name!r} is gone or is kept for another snapshot, so it is not to be trusted",
            "`volrewind describe` shows both",
        )
    trouble = snapshot.trouble or (snapshot.content.trouble if snapshot.content else None)
    if trouble is not None:
        return explained(trouble.message)
    return _why_waiting(snapshot, now - snapshot.created < soon)


def _why_waiting(snapshot: ClaimSnapshot, is_new: bool) -> Reason:
    if snapshot.cut is not None:
        return Reason("it is cut; its driver is still making it ready", is_usual=True)
    if is_new:
        return Reason("it was asked for a moment ago", is_usual=True)
    if not snapshot.content_name:
        return Reason("the snapshot controller has not reacted to it", "is the snapshot controller running?")
    driver = f" of driver {snapshot.content.driver!r}" if snapshot.content else ""
    return Reason(
        f"no csi-snapshotter{driver} has cut it", "is the driver running, with its csi-snapshotter beside it?"
    )


def explained(error: str) -> Reason:
    """Return what a controller or a driver said, without the wrapping, and what to do about it."""
    said = _RPC.search(error)
    text = f"the driver says: {said['said'].strip()} ({said['code']})" if said else error.strip()
    for pattern, hint in _KNOWN:
        if re.search(pattern, error, re.IGNORECASE):
            return Reason(text, hint)
    return Reason(text, _CODES.get(said["code"], "") if said else "")
