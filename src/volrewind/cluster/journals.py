"""The journals of claims' rollbacks: a ConfigMap for each claim, beside it."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

import msgspec

from volrewind.cluster import kinds, wire
from volrewind.cluster.client import Connection
from volrewind.errors import AlreadyThere, Busy, Changed, Damaged, Refused
from volrewind.model.claim_rollback import VERSION, Journal
from volrewind.model.labels import MANAGED_BY, MANAGER, OPERATION
from volrewind.model.names import derived_name

_KIND = "rollback"
_KEY = "journal.json"


class Stored(msgspec.Struct, frozen=True):
    """A journal as it stands in the cluster; `uid` is its ConfigMap's, and `version` the one that was read."""

    namespace: str
    uid: str
    version: str
    journal: Journal

    @property
    def name(self) -> str:
        return name_of(self.journal.claim)


def name_of(claim: str) -> str:
    """Return what the ConfigMap with a claim's journal is called."""
    return derived_name(f"volrewind-{claim}", _KIND)


def read(cluster: Connection, claim: str) -> Stored | None:
    """Return the journal of a claim of the namespace; None when there is none.

    Raises:
        Damaged: it cannot be read, or is of another claim.
        Refused: it is of a later version than we know, or is no journal of ours.
    """
    thing = cluster.find(kinds.CONFIG_MAP, name_of(claim), cluster.namespace)
    return None if thing is None else _stored(thing, claim)


def all_read(cluster: Connection, claims: Iterable[str]) -> list[Stored]:
    """Return the journals of those of some claims that have one."""
    return [one for one in (read(cluster, claim) for claim in claims) if one is not None]


def unfinished(cluster: Connection) -> list[Stored]:
    """Return the journals of the namespace that are not done; what is none is passed over."""
    found = list[Stored]()
    for thing in cluster.each(kinds.CONFIG_MAP, namespace=cluster.namespace, labels={OPERATION: _KIND}):
        with suppress(Damaged, Refused):
            one = _stored(thing, _decoded(thing.data.get(_KEY, ""), "").claim)
            if one.name == thing.metadata.name and not one.journal.is_done:
                found.append(one)
    return found


def begin(cluster: Connection, journal: Journal) -> Stored:
    """Write a journal where there is none.

    Raises:
        Busy: there is one by now.
    """
    metadata = {"name": name_of(journal.claim), "labels": {OPERATION: _KIND, MANAGED_BY: MANAGER}}
    try:
        thing = cluster.make(kinds.CONFIG_MAP, {"metadata": metadata, **_data(journal)}, cluster.namespace)
    except AlreadyThere as error:
        raise taken_up(journal.claim) from error
    return _stored(thing, journal.claim)


def write(cluster: Connection, stored: Stored, journal: Journal) -> Stored:
    """Write what comes next, and return the journal as it stands then.

    Raises:
        Busy: somebody else has written it since.
    """
    try:
        thing = cluster.change(
            kinds.CONFIG_MAP, stored.name, _data(journal), stored.namespace, uid=stored.uid, version=stored.version
        )
    except Changed as error:
        raise taken_up(journal.claim) from error
    return _stored(thing, journal.claim)


def remove(cluster: Connection, stored: Stored) -> None:
    """Remove a journal; one that is gone is fine.

    Raises:
        Busy: somebody else has written it since.
    """
    try:
        cluster.delete(kinds.CONFIG_MAP, stored.name, stored.namespace, uid=stored.uid, version=stored.version)
    except Changed as error:
        raise taken_up(stored.journal.claim) from error


def taken_up(claim: str) -> Busy:
    """Return the error for somebody who was overtaken."""
    return Busy(
        f"somebody else has just taken up the rollback of claim {claim!r}",
        hint="the claim is as they leave it; let them end, then look again",
    )


def _data(journal: Journal) -> dict[str, object]:
    return {"data": {_KEY: msgspec.json.encode(journal).decode()}}


def _stored(thing: wire.ConfigMap, claim: str) -> Stored:
    metadata = thing.metadata
    what = f"ConfigMap {metadata.name!r} in namespace {metadata.namespace!r}"
    if metadata.labels.get(OPERATION) != _KIND:
        raise Refused(f"{what} is no journal of ours, and has the name that one would have", hint="rename it")
    journal = _decoded(thing.data.get(_KEY, ""), what)
    if journal.claim != claim:
        raise Damaged(f"{what} is the journal of another claim, {journal.claim!r}")
    return Stored(metadata.namespace, metadata.uid, metadata.resource_version, journal)


class _Version(msgspec.Struct):
    version: int


def _decoded(text: str, what: str) -> Journal:
    try:
        if (version := msgspec.json.decode(text, type=_Version).version) != VERSION:
            raise Refused(
                f"{what} is a journal of version {version}, and we know only {VERSION}",
                hint="use the version of volrewind that began it, or a later one",
            )
        return msgspec.json.decode(text, type=Journal)
    except msgspec.MsgspecError as error:
        raise Damaged(f"{what} is no journal that can be read: {error}") from error
