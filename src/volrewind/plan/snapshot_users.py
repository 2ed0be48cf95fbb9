"""Who uses a snapshot of a claim: what is being made from it, what was, and where else its driver's snapshot is known."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import msgspec

from volrewind.model.claim import Claim, Phase
from volrewind.model.claim_snapshot import ClaimSnapshot, Content
from volrewind.model.labels import IN_USE


class Users(msgspec.Struct, frozen=True, kw_only=True):
    """`restoring` are claims that wait for their data from it, `made` those that have it. `twins` are other contents of the
    very same snapshot of its driver, by which other namespaces know it. `marks` are the finalizers by which we still need it.
    """

    restoring: tuple[Claim, ...] = ()
    made: tuple[Claim, ...] = ()
    twins: tuple[Content, ...] = ()
    marks: tuple[str, ...] = ()


class Usage:
    """The claims and contents that were read, by what they are of: asked about many snapshots, each is looked at once."""

    def __init__(self, claims: Iterable[Claim], contents: Iterable[Content]) -> None:
        self._claims: defaultdict[tuple[str, str], list[Claim]] = defaultdict(list)
        self._contents: defaultdict[tuple[str, str], list[Content]] = defaultdict(list)
        for claim in claims:
            if claim.made_from[1]:
                self._claims[claim.made_from].append(claim)
        for content in contents:
            if content.handle:
                self._contents[content.driver, content.handle].append(content)

    def of(self, snapshot: ClaimSnapshot) -> Users:
        """Return who uses a snapshot; without its content its twins cannot be told."""
        twins = self.twins(snapshot.content) if snapshot.content else ()
        names = {(snapshot.namespace, snapshot.name), *(twin.snapshot[:2] for twin in twins)}
        claims = [claim for name in sorted(names) for claim in self._claims.get(name, ())]
        return Users(
            restoring=tuple(one for one in claims if one.phase is Phase.PENDING),
            made=tuple(one for one in claims if one.phase is not Phase.PENDING),
            twins=twins,
            marks=tuple(one for one in snapshot.finalizers if one.startswith(IN_USE)),
        )

    def twins(self, content: Content) -> tuple[Content, ...]:
        """Return the other contents of the same snapshot of the driver."""
        same = self._contents.get((content.driver, content.handle), ()) if content.handle else ()
        return tuple(one for one in same if one.name != content.name)
