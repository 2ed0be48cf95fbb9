"""Thousands of snapshots of claims on a real API server: our commands, and kubectl's list, in turns."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from benchmarks import machine
from benchmarks.cells import cell, short
from benchmarks.goal import Goal
from benchmarks.installed import installed
from benchmarks.measure import Samples, What, cost, run, say
from benchmarks.place import place_for, undisturbed_end
from benchmarks.plan import Plan, ScalePlan
from benchmarks.results import Measured
from testbed import crowd
from testbed import machine as machines
from testbed.binaries import be_built
from testbed.crowd import Crowd
from testbed.place import Kind

TIME, PROCESSOR, MEMORY = "time", "processor time", "most memory in bytes"
ALL, ONE = "all namespaces", "one namespace"
KUBECTL, LIST, WIDE = "kubectl get volumesnapshot", "volrewind list", "volrewind list -o wide"
STATUS, CLEANUP = "volrewind status", "volrewind cleanup --keep 'last 3' --dry-run"
_MOST_MEMORY_BYTES = 100_000_000
_FASTER, _MOST_SECONDS, _MOST_PROCESSOR = 5, 3.0, 2.0


def measured(parent: Path, plan: Plan) -> Measured:
    """Measure it, on a control plane in a folder of its own in `parent`."""
    wanted, samples = plan.scale, Samples()
    with place_for(parent, "scale") as place:
        program, binaries = installed(place / "installed", "image"), be_built(say)
        with machines.started(place / "plane", place / "logs", binaries, Kind.PLANE) as cluster, undisturbed_end():
            say(f"making {wanted.snapshots:,} snapshots")
            crowd.be_there(cluster.plane, Crowd(wanted.snapshots, wanted.namespaces))
            kubectl = binaries.program("kubectl")
            env = {**os.environ, "KUBECONFIG": str(cluster.plane.admin), "HOME": str(place)}
            _measure(samples, _ways(program, kubectl), env, wanted.rounds)
            version = re.search(r"v\d\S+", run([kubectl, "version"], env=env).splitlines()[-1])
    return Measured(plan.name, tuple(_about(wanted, version[0] if version else "of unknown version")), samples)


def _about(plan: ScalePlan, kubernetes: str) -> Iterator[str]:
    yield from machine.now_and_here()
    yield f"{machine.versions({})}; Kubernetes {kubernetes}, its API server and etcd on the same machine"
    yield f"{plan.snapshots:,} VolumeSnapshots in {plan.namespaces} namespaces, each bound to its content; ten of each claim"
    yield "the commands take turns, and each is a new process; what the API server takes for its answer is in the time alone"


def _ways(program: Path, kubectl: Path) -> Mapping[tuple[str, str], Sequence[str | Path]]:
    """Return the commands, by what they are about and their names."""
    return {
        (ALL, KUBECTL): [kubectl, "get", "volumesnapshot", "-A"],
        (ALL, LIST): [program, "list", "-A"],
        (ALL, WIDE): [program, "list", "-A", "-o", "wide"],
        (ALL, STATUS): [program, "status", "-A"],
        (ALL, CLEANUP): [program, "cleanup", "-A", "--keep", "last 3", "--dry-run"],
        (ONE, KUBECTL): [kubectl, "get", "volumesnapshot", "-n", "crowd-000"],
        (ONE, LIST): [program, "list", "-n", "crowd-000"],
    }


def _measure(
    samples: Samples, ways: Mapping[tuple[str, str], Sequence[str | Path]], env: Mapping[str, str], rounds: int
) -> None:
    for argv in ways.values():
        cost(argv, env)
    order = list(ways)
    for number in range(rounds):
        say(f"round {number + 1} of {rounds}")
        first = number % len(order)
        for data, by in (*order[first:], *order[:first]):
            taken = cost(ways[data, by], env)
            samples.add(What(data, TIME, by), taken.seconds)
            samples.add(What(data, PROCESSOR, by), taken.processor_seconds)
            samples.add(What(data, MEMORY, by), taken.most_bytes)


def goals(samples: Samples, plan: ScalePlan) -> Iterator[Goal]:
    """Yield every goal, judged by what was measured."""
    times = _ratio(samples, ALL, TIME)
    yield Goal(
        f"`list -A` of {plan.snapshots:,} snapshots at least {_FASTER} times faster than kubectl",
        f"{times:.1f} × ({short(_of(samples, ALL, TIME, LIST))} against {short(_of(samples, ALL, TIME, KUBECTL))}); "
        f"its own processor time {_ratio(samples, ALL, PROCESSOR):.1f} × less",
        times >= _FASTER,
    )
    memory = max(samples.of[What(ALL, MEMORY, LIST)])
    yield Goal(
        f"`list -A` of {plan.snapshots:,} snapshots under 100 MB of memory",
        f"{memory / 1e6:.0f} MB (kubectl {_of(samples, ALL, MEMORY, KUBECTL) / 1e6:.0f} MB)",
        memory < _MOST_MEMORY_BYTES,
    )
    for by, name in ((STATUS, "status -A"), (CLEANUP, "cleanup --dry-run -A")):
        seconds, processor = _of(samples, ALL, TIME, by), _of(samples, ALL, PROCESSOR, by)
        yield Goal(
            f"`{name}` of {plan.snapshots:,} snapshots under {_MOST_SECONDS:g} s",
            f"{short(seconds)} (its own processor time {short(processor)})",
            seconds < _MOST_SECONDS,
        )
    share = 1 / _ratio(samples, ONE, PROCESSOR)
    yield Goal(
        f"`list` of {plan.snapshots // plan.namespaces} snapshots within {_MOST_PROCESSOR:g} times kubectl's processor time",
        f"{share:.2f} × ({short(_of(samples, ONE, PROCESSOR, LIST))} against {short(_of(samples, ONE, PROCESSOR, KUBECTL))})",
        share <= _MOST_PROCESSOR,
    )


def tables(samples: Samples) -> Iterator[str]:
    """Yield the section, line by line."""
    yield "## Thousands of snapshots in a cluster"
    yield ""
    yield "Each command from its start to its end, answers included; processor time and memory are the command's own."
    yield ""
    yield "| | time | processor time | memory |"
    yield "|---|---|---|---|"
    for data, by in dict.fromkeys((what.data, what.by) for what in samples.of):
        times, processor = (cell(samples, What(data, operation, by)) for operation in (TIME, PROCESSOR))
        yield f"| {by}, {data} | {times} | {processor} | {_of(samples, data, MEMORY, by) / 1e6:.0f} MB |"
    yield ""


def _ratio(samples: Samples, data: str, operation: str) -> float:
    """Return kubectl's list as a multiple of ours."""
    return _of(samples, data, operation, KUBECTL) / _of(samples, data, operation, LIST)


def _of(samples: Samples, data: str, operation: str, by: str) -> float:
    value = samples.median(What(data, operation, by))
    if value is None:
        raise LookupError(f"{operation} of {by} was not measured")
    return value
