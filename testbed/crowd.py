"""Thousands of snapshots on a control plane, as its controllers would leave them."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from http.client import OK, HTTPConnection
from itertools import product
from typing import Any  # lightkube's client, whose overloads know no generic classes, and such a class

from lightkube.codecs import from_dict
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import Namespace, PersistentVolumeClaimStatus
from lightkube.types import PatchType

from testbed.client import connected
from testbed.kubectl import Manifest, claim
from testbed.plane import Plane
from testbed.slots import Port
from volrewind.cluster.kinds import VolumeSnapshot, VolumeSnapshotClass, VolumeSnapshotContent
from volrewind.errors import ToolFailed
from volrewind.model.labels import CONSISTENCY, DRIVER, MANAGED_BY, MANAGER, ORIGIN, PURPOSE

_CONTROLLERS = ("kube-controller-manager", "snapshot-controller")
_CLASS = "crowd"
_CUT = datetime(2026, 1, 1, 2, tzinfo=UTC)  # the oldest snapshot of each claim; each of the others a day later
_SIZE_BYTES = 2**30
_WRITERS = 4
_AT_ONCE = 50  # snapshots in one transaction; etcd takes 128 operations (--max-txn-ops)
_SECONDS = 60.0
_API, _FINALIZER = "snapshot.storage.k8s.io", "snapshot.storage.kubernetes.io/volumesnapshot"


@dataclass(frozen=True)
class Crowd:
    """So many snapshots, spread evenly over namespaces; each claim there has `of_each`."""

    snapshots: int
    namespaces: int
    of_each: int = 10

    @property
    def names(self) -> list[str]:
        """The namespaces."""
        return [f"crowd-{number:03}" for number in range(self.namespaces)]

    @property
    def claims(self) -> list[str]:
        """The claims of each namespace."""
        return [f"data-{number}" for number in range(self.snapshots // self.namespaces // self.of_each)]


def be_there(plane: Plane, crowd: Crowd) -> None:
    """Make a control plane hold bound claims, and ready snapshots with their contents.

    Its controllers end first: they would disturb while they see that there is nothing to do for them. One snapshot is
    written through the API server, as volrewind and the controllers write it, and what that became in the server's store is
    copied there under other names: the API takes 10 ms to write one, and etcd a tenth of one.
    """
    for program in _CONTROLLERS:
        plane.programs.end(program)
    with connected(plane.admin) as admin, ThreadPoolExecutor(_WRITERS) as writers:
        first, *others = crowd.names
        _make_claims(
            admin, crowd.claims, first
        )  # alone: msgspec 0.22 dies when threads decode to a class for the first time
        list(writers.map(partial(_make_claims, admin, crowd.claims), others))
        template = _made(admin)
    with closing(HTTPConnection("127.0.0.1", plane.slot.port(Port.ETCD), timeout=_SECONDS)) as etcd:
        _multiply(_Store(etcd), template, crowd)


def _multiply(store: _Store, first: _Names, crowd: Crowd) -> None:
    templates = {key: store.read(key) for key in first.keys}
    places = list(product(crowd.names, crowd.claims, range(crowd.of_each)))
    for begin in range(0, len(places), _AT_ONCE):
        copies = (_named(*place) for place in places[begin : begin + _AT_ONCE])
        store.write([two for copy in copies for two in _copied(templates, first, copy)])
    store.remove(first.keys)


def _make_claims(admin: Any, names: Sequence[str], namespace: str) -> None:
    admin.create(Namespace(metadata=ObjectMeta(name=namespace)))
    for name in names:
        wanted = claim(name, _CLASS, size="1Gi")
        wanted["spec"]["volumeName"] = f"pv-{namespace}-{name}"
        admin.create(from_dict(wanted), namespace=namespace)
        status = {"phase": "Bound", "accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1Gi"}}
        admin.patch(PersistentVolumeClaimStatus, name, {"status": status}, namespace=namespace)


@dataclass(frozen=True)
class _Names:
    """What a snapshot and its content are called."""

    namespace: str
    claim: str
    cut: datetime
    uid: str
    content_uid: str

    @property
    def words(self) -> tuple[str, ...]:
        """The words that are its own, wherever they stand."""
        moment = f"{self.cut:%Y-%m-%dT%H:%M:%SZ}"
        return self.namespace, self.claim, _stamp(self.cut), moment, _nanoseconds(self.cut), self.uid, self.content_uid

    @property
    def keys(self) -> tuple[str, str]:
        """Where the API server stores both."""
        name = f"{self.claim}-{_stamp(self.cut)}"
        of_content = f"/registry/{_API}/volumesnapshotcontents/snapcontent-{self.uid}"
        return f"/registry/{_API}/volumesnapshots/{self.namespace}/{name}", of_content


def _named(namespace: str, claim: str, number: int) -> _Names:
    return _Names(namespace, claim, _CUT + timedelta(days=number), str(uuid.uuid4()), str(uuid.uuid4()))


def _copied(templates: Mapping[str, str], first: _Names, copy: _Names) -> Iterator[tuple[str, str]]:
    for key, text in zip(copy.keys, templates.values(), strict=True):
        for old, new in zip(first.words, copy.words, strict=True):
            text = text.replace(old, new)
        yield key, text


def _stamp(moment: datetime) -> str:
    return f"{moment:%Y%m%d-%H%M%S}"


def _nanoseconds(moment: datetime) -> str:
    return str(int(moment.timestamp()) * 10**9)


def _made(admin: Any) -> _Names:
    """Make a snapshot and its content, each naming the other, as it is done one after the other."""
    namespace, of = "crowd-template", "claim-template"
    by_driver = {"driver": DRIVER, "deletionPolicy": "Delete"}
    admin.create(VolumeSnapshotClass.from_dict({"metadata": {"name": _CLASS}, **by_driver}))
    admin.create(Namespace(metadata=ObjectMeta(name=namespace)))
    name = f"{of}-{_stamp(_CUT)}"
    uid = admin.create(VolumeSnapshot.from_dict(_snapshot(name, of)), namespace=namespace)["metadata"]["uid"]
    content = admin.create(VolumeSnapshotContent.from_dict(_content(namespace, name, uid, by_driver)))
    done = {"readyToUse": True, "restoreSize": _SIZE_BYTES}
    cut = {**done, "snapshotHandle": f"snap-{uid}", "creationTime": int(_nanoseconds(_CUT))}
    _note(admin, VolumeSnapshotContent, f"snapcontent-{uid}", cut)
    bound = {"boundVolumeSnapshotContentName": f"snapcontent-{uid}", "creationTime": f"{_CUT:%Y-%m-%dT%H:%M:%SZ}"}
    _note(admin, VolumeSnapshot, name, {**done, **bound, "restoreSize": "1Gi"}, namespace=namespace)
    return _Names(namespace, of, _CUT, uid, content["metadata"]["uid"])


def _note(admin: Any, kind: Any, name: str, status: Manifest, **where: str) -> None:
    admin.patch(kind.Status, name, {"status": status}, patch_type=PatchType.MERGE, **where)


def _snapshot(name: str, of: str) -> Manifest:
    """Return a snapshot as `volrewind create` asks for it, with the finalizers of the snapshot controller."""
    origin = {"uid": "0" * 36, "storageClass": _CLASS, "sizeBytes": _SIZE_BYTES, "accessModes": ["ReadWriteOnce"]}
    metadata = {
        "name": name,
        "labels": {MANAGED_BY: MANAGER, PURPOSE: "scheduled"},
        "annotations": {CONSISTENCY: "crash", ORIGIN: json.dumps(origin)},
        "finalizers": [f"{_FINALIZER}-as-source-protection", f"{_FINALIZER}-bound-protection"],
    }
    return {
        "metadata": metadata,
        "spec": {"source": {"persistentVolumeClaimName": of}, "volumeSnapshotClassName": _CLASS},
    }


def _content(namespace: str, name: str, uid: str, by_driver: Manifest) -> Manifest:
    reference = {"apiVersion": f"{_API}/v1", "kind": "VolumeSnapshot", "namespace": namespace, "name": name, "uid": uid}
    spec = {
        **by_driver,
        "source": {"volumeHandle": f"vol-{namespace}-{name}"},
        "sourceVolumeMode": "Filesystem",
        "volumeSnapshotClassName": _CLASS,
        "volumeSnapshotRef": reference,
    }
    finalizers = [f"{_FINALIZER}content-bound-protection"]
    return {"metadata": {"name": f"snapcontent-{uid}", "finalizers": finalizers}, "spec": spec}


class _Store:
    """The API server's etcd, by its gateway for JSON."""

    def __init__(self, etcd: HTTPConnection) -> None:
        self._etcd = etcd

    def read(self, key: str) -> str:
        """Return what a key holds."""
        (found,) = self._ask("range", {"key": _encoded(key)})["kvs"]
        return base64.b64decode(found["value"]).decode()

    def write(self, wanted: Sequence[tuple[str, str]]) -> None:
        """Make keys hold this, all at once."""
        puts = [{"requestPut": {"key": _encoded(key), "value": _encoded(text)}} for key, text in wanted]
        self._ask("txn", {"success": puts})

    def remove(self, keys: Sequence[str]) -> None:
        """Make keys be gone."""
        self._ask("txn", {"success": [{"requestDeleteRange": {"key": _encoded(key)}} for key in keys]})

    def _ask(self, what: str, wanted: Manifest) -> Manifest:
        self._etcd.request("POST", f"/v3/kv/{what}", json.dumps(wanted))
        answer = self._etcd.getresponse()
        said = answer.read()
        if answer.status != OK:
            raise ToolFailed(f"etcd answered {answer.status}: {said.decode(errors='replace')}")
        found: Manifest = json.loads(said)
        return found


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
