"""What we are called, and the names others give us."""

from __future__ import annotations

import hashlib
import re

from volrewind.errors import BadName, UsageError
from volrewind.model.names import check_name

# The specification, "Size Limits" and "Identifiers": 128 bytes unless a field says otherwise, and no control characters.
_MAX_BYTES = 128
_BANNED = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
# A label's value: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set
_NODE = re.compile(r"[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?", re.ASCII)


def checked(text: str, field: str) -> str:
    """Return what a request says in a field that it must fill.

    Raises:
        UsageError: it is empty, too long, or holds control characters.
    """
    if not text:
        raise UsageError(f"{field} is missing")
    if len(text.encode()) > _MAX_BYTES:
        raise UsageError(f"{field} {text[:20]!r}… is longer than {_MAX_BYTES} bytes")
    if _BANNED.search(text):
        raise UsageError(f"{field} {text!r} holds control characters")
    return text


def checked_node(text: str) -> str:
    """Return a node's name, which becomes the value of a label on the node and in every volume's affinity."""
    if not _NODE.fullmatch(text):
        raise UsageError(
            f"node {text[:80]!r} cannot be the value of a label", hint="at most 63 letters, digits, '-', '_', '.'"
        )
    return text


def pool_name(name: str) -> str:
    """Return what an object is called in a pool: as it is by Kubernetes, where that is a legal name here (`pvc-…`)."""
    try:
        return check_name(name)
    except BadName:
        return f"csi-{hashlib.sha256(name.encode()).hexdigest()[:32]}"
