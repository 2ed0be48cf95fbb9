"""What is around the snapshots of claims: their contents, who is being restored from them, what was cut with them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator

from volrewind.cluster import claims, groups, snapshots
from volrewind.cluster.client import EVERYWHERE, Connection
from volrewind.cluster.groups import API_GROUP
from volrewind.errors import Denied, NotFound
from volrewind.model.claim import Claim
from volrewind.model.claim_snapshot import ClaimSnapshot, Content
from volrewind.plan.claim_deletion import Around
from volrewind.plan.snapshot_users import Usage, Users
from volrewind.services.claims import listing

Source = tuple[str, str]  # a claim, by namespace and name


class Surroundings:
    """The snapshots of the namespace, or of all, with what is around them, as it was when it was read.

    `contents` is None where they may not be read, which takes a right on the whole cluster: then nothing is known of twins.
    """

    def __init__(
        self,
        cluster: Connection,
        found: Collection[ClaimSnapshot],
        contents: dict[str, Content] | None,
        claims: Collection[Claim],
    ) -> None:
        self._cluster = cluster
        self.snapshots = list(found)
        self.contents = contents
        self.claims = list(claims)
        self._usage = Usage(claims, contents.values() if contents else ())
        self._sources = {(one.namespace, one.name) for one in claims}
        self._groups: dict[tuple[str, str], bool] = {}
        self._by_source: defaultdict[Source, list[ClaimSnapshot]] = defaultdict(list)
        for one in found:
            if one.source:
                self._by_source[one.namespace, one.source].append(one)

    def named(self, name: str) -> ClaimSnapshot:
        """Return a snapshot of the namespace.

        Raises:
            NotFound: there is none.
        """
        for one in self.snapshots:
            if (one.namespace, one.name) == (self._cluster.namespace, name):
                return one
        raise NotFound(
            f"snapshot {name!r} does not exist in namespace {self._cluster.namespace!r}",
            hint=f"`volrewind list -n {self._cluster.namespace}` shows what there is",
        )

    def users(self, snapshot: ClaimSnapshot) -> Users:
        """Return who uses a snapshot."""
        return self._usage.of(snapshot)

    def twins(self, content: Content) -> tuple[Content, ...]:
        """Return the other contents of the same snapshot of a driver."""
        return self._usage.twins(content)

    def around(self, snapshot: ClaimSnapshot, leaving: Iterable[ClaimSnapshot] = ()) -> Around:
        """Return what is around a snapshot, if those `leaving` were gone."""
        gone = {one.uid for one in leaving}
        return Around(
            users=self.users(snapshot),
            source_exists=self.source_exists(snapshot),
            is_last=not any(self._good_others(snapshot, gone)),
            is_grouped=self._is_grouped(snapshot),
            together=tuple(one.name for one in self.together(snapshot) if one.uid not in gone),
        )

    def source_exists(self, snapshot: ClaimSnapshot) -> bool:
        """Tell whether there is a claim of the name that a snapshot was cut from."""
        return (snapshot.namespace, snapshot.source) in self._sources

    def _good_others(self, snapshot: ClaimSnapshot, gone: Collection[str]) -> Iterator[ClaimSnapshot]:
        for one in self._by_source.get((snapshot.namespace, snapshot.source), ()):
            if one.uid != snapshot.uid and one.uid not in gone and one.is_ready:
                yield one

    def together(self, snapshot: ClaimSnapshot) -> list[ClaimSnapshot]:
        """Return the others of a snapshot's group, while that exists: the controller deletes none of them alone."""
        if not self._is_grouped(snapshot):
            return []
        key = (snapshot.namespace, snapshot.group)
        return [one for one in self.snapshots if (one.namespace, one.group) == key and one.uid != snapshot.uid]

    def _is_grouped(self, snapshot: ClaimSnapshot) -> bool:
        key = (snapshot.namespace, snapshot.group)
        if snapshot.group and key not in self._groups:
            self._groups[key] = _group_exists(self._cluster, *key)
        return bool(snapshot.group) and self._groups[key]


def surroundings(cluster: Connection, names: Iterable[str] = (), *, everywhere: bool = False) -> Surroundings:
    """Read what is around the snapshots of these names, or around all.

    Claims of other namespaces are read where a snapshot is known there too, and where we may.
    """
    found = listing.all_snapshots(cluster, everywhere=everywhere)
    contents = snapshots.contents(cluster)
    if contents is not None:
        found = [snapshots.joined(one, contents) for one in found]
    chosen = set(names)
    asked = [one for one in found if not chosen or one.name in chosen]
    places = [EVERYWHERE] if everywhere else _places(cluster, asked, contents or {})
    return Surroundings(cluster, found, contents, [one for place in places for one in _claims(cluster, place)])


def _places(cluster: Connection, asked: Iterable[ClaimSnapshot], contents: dict[str, Content]) -> list[str]:
    """Return the namespaces that may have claims of these snapshots: ours, then where they are known by a twin."""
    usage = Usage((), contents.values())
    others = {twin.snapshot[0] for one in asked for twin in usage.of(one).twins}
    return [cluster.namespace, *sorted(others - {cluster.namespace, ""})]


def _claims(cluster: Connection, namespace: str) -> list[Claim]:
    try:
        return claims.claims(cluster, namespace)
    except Denied:
        if namespace in (cluster.namespace, EVERYWHERE):
            raise
        return []


def _group_exists(cluster: Connection, namespace: str, group: str) -> bool:
    """Tell whether a group is still there; where we may not look, it is taken to be."""
    versions = cluster.groups().get(API_GROUP, ())
    try:
        return bool(versions) and groups.exists(cluster, versions[0], namespace, group)
    except Denied:
        return True
