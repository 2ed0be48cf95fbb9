"""GroupController: snapshots of several volumes with one name.

The group is its members: each carries the group's id, and how many there are. Members whose cut was never judged are of a group
that a dead driver began; they were promised to nobody.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from volrewind.driver.answers import snapshot_message
from volrewind.driver.generated import csi_pb2 as csi
from volrewind.driver.locks import Locks
from volrewind.driver.names import checked
from volrewind.driver.served import Served, ServedSnapshot
from volrewind.driver.wanted import group_parameters
from volrewind.errors import AlreadyThere, NotFound, Refused, UsageError
from volrewind.model.labels import CLAIM, GROUP
from volrewind.pools.pool import NewSnapshot
from volrewind.pools.together import HOW, Member, all_told, cut_together

_Rpc = csi.GroupControllerServiceCapability.RPC
CAPABILITIES = (_Rpc.CREATE_DELETE_GET_VOLUME_GROUP_SNAPSHOT,)
_COUNT = "group members"  # in a snapshot's details


class Groups:
    """The GroupController service."""

    def __init__(self, served: Served, locks: Locks) -> None:
        self._served = served
        self._locks = locks

    def GroupControllerGetCapabilities(
        self, request: csi.GroupControllerGetCapabilitiesRequest
    ) -> csi.GroupControllerGetCapabilitiesResponse:
        return csi.GroupControllerGetCapabilitiesResponse(
            capabilities=[csi.GroupControllerServiceCapability(rpc=_Rpc(type=one)) for one in CAPABILITIES]
        )

    def CreateVolumeGroupSnapshot(
        self, request: csi.CreateVolumeGroupSnapshotRequest
    ) -> csi.CreateVolumeGroupSnapshotResponse:
        group = _group_id(checked(request.name, "name"))
        volumes = sorted({checked(one, "source_volume_ids") for one in request.source_volume_ids})
        if not volumes:
            raise UsageError("source_volume_ids is missing")
        required, labels = group_parameters(request.parameters)
        # nobody may mount a member between two cuts
        with self._locks.held(group, *(f"use of {one}" for one in volumes), shared=volumes):
            members = self._found(group, volumes) or self._taken(group, volumes, required, labels)
        return csi.CreateVolumeGroupSnapshotResponse(group_snapshot=_message(group, members))

    def _found(self, group: str, volumes: list[str]) -> list[ServedSnapshot]:
        """Return the members of a group that is whole; what is left of one that never was goes."""
        members = self._members(group)
        if members and not any(HOW in one.snapshot.details for one in members):
            for pool, snapshot in members:
                pool.delete_snapshot(snapshot)
            return []
        if members and sorted(one.snapshot.volume_id for one in members) != volumes:
            raise AlreadyThere(f"group {group!r} exists, and not of these volumes")
        return [ServedSnapshot(pool, told) for (pool, _), told in zip(members, all_told(members), strict=True)]

    def _taken(self, group: str, volumes: list[str], required: bool, labels: dict[str, str]) -> list[ServedSnapshot]:
        members = []
        for pool, volume in map(self._served.volume, volumes):
            claim = {CLAIM: volume.labels[CLAIM]} if CLAIM in volume.labels else {}
            new = NewSnapshot(
                name=f"{group}-{volume.id}",
                labels={**claim, **labels, GROUP: group},
                details={_COUNT: str(len(volumes))},
            )
            members.append(Member(pool, volume, new))
        snapshots = cut_together(members, required=required)
        return [ServedSnapshot(member.pool, one) for member, one in zip(members, snapshots, strict=True)]

    def DeleteVolumeGroupSnapshot(
        self, request: csi.DeleteVolumeGroupSnapshotRequest
    ) -> csi.DeleteVolumeGroupSnapshotResponse:
        group = checked(request.group_snapshot_id, "group_snapshot_id")
        members = self._members(group)
        with self._locks.held(group, *(one.snapshot.id for one in members)):
            _check_listed(members, request.snapshot_ids)
            if held := [one.snapshot.name for one in members if one.snapshot.hold]:
                raise Refused(f"snapshot {held[0]!r} is on hold", hint="`volrewind release` it first")
            for pool, snapshot in members:
                pool.delete_snapshot(snapshot)
        return csi.DeleteVolumeGroupSnapshotResponse()

    def GetVolumeGroupSnapshot(self, request: csi.GetVolumeGroupSnapshotRequest) -> csi.GetVolumeGroupSnapshotResponse:
        group = checked(request.group_snapshot_id, "group_snapshot_id")
        members = [one for one in self._members(group) if HOW in one.snapshot.details]
        if not members:
            raise NotFound(f"group {group[:80]!r} does not exist")
        _check_listed(members, request.snapshot_ids)
        return csi.GetVolumeGroupSnapshotResponse(group_snapshot=_message(group, members))

    def _members(self, group: str) -> list[ServedSnapshot]:
        return [one for one in self._served.snapshots() if one.snapshot.labels.get(GROUP) == group]


def _group_id(name: str) -> str:
    return f"group-{hashlib.sha256(name.encode()).hexdigest()[:32]}"


def _check_listed(members: Iterable[ServedSnapshot], listed: Iterable[str]) -> None:
    """Refuse a list that leaves a member out; those that are gone already may be in it."""
    known = set(listed)
    if known and (strange := [one.snapshot.id for one in members if one.snapshot.id not in known]):
        raise UsageError(f"snapshot_ids leaves out {strange[0]!r}")


def _message(group: str, members: list[ServedSnapshot]) -> csi.VolumeGroupSnapshot:
    """Return a group; it is ready while all of its members are there."""
    snapshots = [snapshot_message(one.snapshot) for one in members]
    whole = all(one.snapshot.details.get(_COUNT) == str(len(members)) for one in members)
    return csi.VolumeGroupSnapshot(
        group_snapshot_id=group,
        snapshots=snapshots,
        creation_time=min((one.creation_time for one in snapshots), key=lambda one: (one.seconds, one.nanos)),
        ready_to_use=whole and all(one.ready_to_use for one in snapshots),
    )
