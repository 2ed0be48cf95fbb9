"""What a method or a pool can do, as data that planners read."""

from __future__ import annotations

from enum import Enum


class Capability(Enum):
    """One promise; its contract test is in tests/pools."""

    INSTANT = "instant"  # a cut costs the same whatever the volume holds
    ATOMIC = "atomic"  # a cut is one moment of the whole volume
    INDEPENDENT = "independent"  # any volume or snapshot can be deleted at any time, in any order
    BROWSABLE = "browsable"  # a snapshot can be looked into without making anything
    SWAP = "swap"  # a volume's content can be replaced by a snapshot's in one step
    LIMIT = "limit"  # a volume's size is enforced, to the byte
    SOFT_LIMIT = "soft-limit"  # a volume's size is enforced against what it wrote, history included
    BLOCK = "block"  # a volume can be a raw block device
    SHRINK = "shrink"  # the pool can give space back to the host
    CHECKSUMS = "checksums"  # silent corruption is noticed
    MIRRORS = "mirrors"  # a volume can be the up-to-date copy of a directory, without a size
    COPIES = "copies"  # a cut copies a directory from where it lies
    VOLUMES = "volumes"  # volumes can live in the pool, mounted where they are used
    ENCRYPTED = "encrypted"
    DEDUPLICATED = "deduplicated"
    OFF_NODE = "off-node"
