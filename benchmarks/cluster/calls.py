"""How many calls the driver answers in a second, asked at its socket as a sidecar asks."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any  # messages are known by their descriptors

import grpc
from google.protobuf.message_factory import GetMessageClass

from benchmarks.measure import Samples, What, say
from benchmarks.world import KINDS
from volrewind.driver.generated import csi_pb2 as csi

CALLS = "calls a second"
PROBE, CREATE, DELETE = "Probe", "CreateSnapshot", "DeleteSnapshot"
ONE, EIGHT = "one caller", "eight callers"
_CALLERS = 8
_ROUNDS = 3
_METHODS = {one.name: one for service in csi.DESCRIPTOR.services_by_name.values() for one in service.methods}
_SECONDS = 60.0
_WRITER = csi.VolumeCapability.AccessMode.SINGLE_NODE_WRITER


@dataclass(frozen=True)
class Caller:
    """A caller of the driver."""

    channel: grpc.Channel

    def __call__(self, method: str, **fields: Any) -> Any:
        """Call it with the fields of its request, and return the response."""
        of = _METHODS[method]
        rpc = self.channel.unary_unary(
            f"/{of.containing_service.full_name}/{method}",
            request_serializer=lambda request: request.SerializeToString(),
            response_deserializer=GetMessageClass(of.output_type).FromString,
        )
        return rpc(GetMessageClass(of.input_type)(**fields), timeout=_SECONDS)


def calls(socket: Path, samples: Samples, count: int) -> None:
    """Measure calls about empty volumes, eight of each kind of pool; one caller uses one of them, eight use all."""
    with grpc.insecure_channel(f"unix:{socket}") as channel, ThreadPoolExecutor(_CALLERS) as callers:
        call = Caller(channel)
        volumes = {kind: [_volume(call, kind, number) for number in range(_CALLERS)] for kind in KINDS}
        for number in range(_ROUNDS):
            say(f"calls at the socket, round {number + 1} of {_ROUNDS}")
            _rate(samples, PROBE, "", ONE, [lambda: call(PROBE)] * count, map)
            _rate(samples, PROBE, "", EIGHT, [lambda: call(PROBE)] * count, callers.map)
            for kind, of_kind in volumes.items():
                _snapshots(samples, call, kind, ONE, of_kind[:1] * count, map)
                _snapshots(samples, call, kind, EIGHT, of_kind * (count // _CALLERS or 1), callers.map)
        for volume in (one for of_kind in volumes.values() for one in of_kind):
            call("DeleteVolume", volume_id=volume)


def _snapshots(
    samples: Samples, call: Caller, kind: str, by: str, volumes: Sequence[str], mapped: Callable[..., Any]
) -> None:
    """Take a snapshot of each of these volumes, some of which are the same, then delete all."""

    def taking(number: int, volume: str) -> Callable[[], str]:
        return lambda: call(CREATE, name=f"call-{number}", source_volume_id=volume).snapshot.snapshot_id

    taken = _rate(samples, CREATE, kind, by, [taking(*one) for one in enumerate(volumes)], mapped)
    _rate(samples, DELETE, kind, by, [lambda one=one: call(DELETE, snapshot_id=one) for one in taken], mapped)


def _rate(
    samples: Samples, method: str, kind: str, by: str, acts: Sequence[Callable[[], Any]], mapped: Callable[..., Any]
) -> list[Any]:
    begun = time.perf_counter()
    answers = list(mapped(lambda act: act(), acts))
    samples.add(What(CALLS, method, kind, by), len(acts) / (time.perf_counter() - begun))
    return answers


def _volume(call: Caller, kind: str, number: int) -> str:
    use = csi.VolumeCapability(
        mount=csi.VolumeCapability.MountVolume(), access_mode=csi.VolumeCapability.AccessMode(mode=_WRITER)
    )
    answer = call(
        "CreateVolume",
        name=f"calls-{kind}-{number}",
        capacity_range={"required_bytes": 64 * 2**20},
        volume_capabilities=[use],
        parameters={"pool": kind},
    )
    return str(answer.volume.volume_id)
