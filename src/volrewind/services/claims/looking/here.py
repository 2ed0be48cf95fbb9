"""Snapshots of claims that lie in a pool of this very host."""

from __future__ import annotations

from volrewind.errors import VolrewindError
from volrewind.model.claim_snapshot import Binding, ClaimSnapshot
from volrewind.model.labels import DRIVER
from volrewind.services.environment import Environment


def here(environment: Environment | None, *snapshots: ClaimSnapshot) -> tuple[str, ...] | None:
    """Return what the pools of this host call these snapshots; None unless all are here, and every content is known for its own.

    Who may write a VolumeSnapshot could otherwise name a content, and so the data, of somebody else.
    """
    if environment is None:
        return None
    found = [_here(environment, one) for one in snapshots]
    return tuple(found) if all(found) else None


def _here(environment: Environment, snapshot: ClaimSnapshot) -> str:
    content = snapshot.content
    if content is None or snapshot.binding is not Binding.VERIFIED or content.driver != DRIVER or not content.handle:
        return ""
    try:
        kept = environment.inventory.snapshot(content.handle)
    except (VolrewindError, OSError):  # not here, or not ours to read: a Pod can
        return ""
    return content.handle if kept.snapshot.id == content.handle else ""
