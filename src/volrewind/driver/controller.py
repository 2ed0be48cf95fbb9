"""Controller: volumes made, shown and deleted."""

from __future__ import annotations

from volrewind.driver.access import access_of_all
from volrewind.driver.answers import is_at, volume_message
from volrewind.driver.generated import csi_pb2 as csi
from volrewind.driver.locks import Locks
from volrewind.driver.names import checked, pool_name
from volrewind.driver.pages import page
from volrewind.driver.served import Served, ServedVolume
from volrewind.driver.wanted import DEFAULT_BYTES, Wanted, wanted_volume
from volrewind.errors import AlreadyThere, BadSize, InUse, NoSpace, NotFound, UsageError, VolrewindError
from volrewind.model.quantity import format_size
from volrewind.model.snapshot import Snapshot
from volrewind.model.volume import Volume
from volrewind.pools.pool import NewVolume, Pool
from volrewind.pools.records import is_our_id

_Rpc = csi.ControllerServiceCapability.RPC
CAPABILITIES = (
    _Rpc.CREATE_DELETE_VOLUME,
    _Rpc.CREATE_DELETE_SNAPSHOT,
    _Rpc.LIST_SNAPSHOTS,
    _Rpc.GET_SNAPSHOT,
    _Rpc.LIST_VOLUMES,
    _Rpc.GET_VOLUME,
    _Rpc.GET_CAPACITY,
    _Rpc.CLONE_VOLUME,
    _Rpc.SINGLE_NODE_MULTI_WRITER,
)


class Controller:
    """The calls of the Controller service about volumes."""

    def __init__(self, served: Served, locks: Locks, node: str) -> None:
        self._served = served
        self._locks = locks
        self._node = node

    def ControllerGetCapabilities(
        self, request: csi.ControllerGetCapabilitiesRequest
    ) -> csi.ControllerGetCapabilitiesResponse:
        return csi.ControllerGetCapabilitiesResponse(
            capabilities=[csi.ControllerServiceCapability(rpc=_Rpc(type=one)) for one in CAPABILITIES]
        )

    def CreateVolume(self, request: csi.CreateVolumeRequest) -> csi.CreateVolumeResponse:
        wanted = wanted_volume(request)
        self._check_place(request.accessibility_requirements)
        with self._locks.held(f"volume {wanted.name}", shared=[wanted.source] if wanted.source else []):
            try:
                volume = self._found(wanted) or self._made(wanted)
            except NotFound as error:
                if is_our_id(wanted.source) and request.HasField("accessibility_requirements"):
                    raise NoSpace(f"{error.message} on node {self._node!r}; another node may have it") from error
                raise
        return csi.CreateVolumeResponse(volume=volume_message(volume, self._node))

    def _check_place(self, requirements: csi.TopologyRequirement) -> None:
        """Refuse a volume that must be elsewhere; this code makes the scheduler look for another node."""
        if requirements.requisite and not any(is_at(self._node, place) for place in requirements.requisite):
            raise NoSpace(f"volumes, and what is restored from snapshots, stay on node {self._node!r}")

    def _found(self, wanted: Wanted) -> Volume | None:
        name = pool_name(wanted.name)
        for found in (ServedVolume(pool, one) for pool in self._served.pools.values() for one in pool.volumes()):
            if found.volume.name == name:
                if not wanted.is_met_by(found):
                    raise AlreadyThere(f"volume {wanted.name!r} exists, and is not as asked for now")
                return found.volume
        return None

    def _made(self, wanted: Wanted) -> Volume:
        if not wanted.source:
            pool = self._pool(wanted)
            return pool.create_volume(self._new(pool, wanted))
        if wanted.source.startswith("vol-"):
            pool, volume = self._served.volume(wanted.source)
            self._check_source(wanted, pool, volume)
            return pool.copy(volume, self._new(pool, wanted, volume.size_bytes))
        pool, snapshot = self._served.snapshot(wanted.source)
        self._check_source(wanted, pool, snapshot)
        return pool.clone(snapshot, self._new(pool, wanted, snapshot.size_bytes))

    def _pool(self, wanted: Wanted) -> Pool:
        return (self._served.pool_for_blocks if wanted.access.block else self._served.pool)(wanted.pool)

    def _new(self, pool: Pool, wanted: Wanted, source_bytes: int | None = None) -> NewVolume:
        pool.check_mount_options(wanted.access.options)
        inside = "" if wanted.access.block else wanted.filesystem or pool.backend.filesystem
        smallest = max(pool.backend.smallest_bytes(inside), source_bytes or 0)
        return NewVolume(
            name=pool_name(wanted.name),
            size_bytes=wanted.size.chosen(smallest, source_bytes or DEFAULT_BYTES),
            filesystem=wanted.filesystem,
            block=wanted.access.block,
            labels=wanted.labels,
        )

    def _check_source(self, wanted: Wanted, pool: Pool, source: Volume | Snapshot) -> None:
        if wanted.pool not in ("", pool.name):
            raise UsageError(f"{source.id!r} lies in pool {pool.name!r}, and cannot become a volume of {wanted.pool!r}")
        if wanted.access.block != source.block or wanted.filesystem not in ("", source.filesystem):
            raise UsageError(f"{source.id!r} holds {source.filesystem or 'raw blocks'}, which is not what is asked for")
        if 0 < wanted.size.required_bytes < (source.size_bytes or 0):
            raise BadSize(
                f"{source.id!r} holds {format_size(source.size_bytes)}, and a volume from it cannot be smaller"
            )

    def DeleteVolume(self, request: csi.DeleteVolumeRequest) -> csi.DeleteVolumeResponse:
        volume_id = checked(request.volume_id, "volume_id")
        with self._locks.held(volume_id):
            try:
                pool, volume = self._served.volume(volume_id)
            except NotFound:
                return csi.DeleteVolumeResponse()
            if volume.targets:
                raise InUse(f"volume {volume.name!r} belongs at {volume.targets[0]!r} on node {self._node!r}")
            pool.delete_volume(volume)
        return csi.DeleteVolumeResponse()

    def ValidateVolumeCapabilities(
        self, request: csi.ValidateVolumeCapabilitiesRequest
    ) -> csi.ValidateVolumeCapabilitiesResponse:
        volume_id = checked(request.volume_id, "volume_id")
        if not request.volume_capabilities:
            raise UsageError("volume_capabilities is missing")
        pool, volume = self._served.volume(volume_id)
        answer = csi.ValidateVolumeCapabilitiesResponse
        try:
            access = access_of_all(request.volume_capabilities)
            pool.check_mount_options(access.options)
        except VolrewindError as error:
            return answer(message=error.message)
        if access.block != volume.block or access.filesystem not in ("", volume.filesystem):
            return answer(message=f"volume {volume.name!r} holds {volume.filesystem or 'raw blocks'}")
        return answer(confirmed=answer.Confirmed(volume_capabilities=request.volume_capabilities))

    def ListVolumes(self, request: csi.ListVolumesRequest) -> csi.ListVolumesResponse:
        volumes, token = page(
            (one.volume for one in self._served.volumes()), request.starting_token, request.max_entries
        )
        entries = [csi.ListVolumesResponse.Entry(volume=volume_message(one, self._node)) for one in volumes]
        return csi.ListVolumesResponse(entries=entries, next_token=token)

    def ControllerGetVolume(self, request: csi.ControllerGetVolumeRequest) -> csi.ControllerGetVolumeResponse:
        _, volume = self._served.volume(checked(request.volume_id, "volume_id"))
        return csi.ControllerGetVolumeResponse(
            volume=volume_message(volume, self._node), status=csi.ControllerGetVolumeResponse.VolumeStatus()
        )

    def GetCapacity(self, request: csi.GetCapacityRequest) -> csi.GetCapacityResponse:
        if request.HasField("accessible_topology") and not is_at(self._node, request.accessible_topology):
            return csi.GetCapacityResponse(available_capacity=0)
        access = access_of_all(request.volume_capabilities) if request.volume_capabilities else None
        name = request.parameters.get("pool", "")
        try:
            pool = self._served.pool_for_blocks(name) if access and access.block else self._served.pool(name)
        except (
            UsageError
        ):  # asked of every class on every node, for the scheduler; an error would be asked again for ever
            return csi.GetCapacityResponse(available_capacity=0)
        available = pool.space().available_bytes
        response = csi.GetCapacityResponse(available_capacity=available)
        response.maximum_volume_size.value = available
        return response
