"""What the driver's Pod takes of the machine: memory of each container, and processor time while nothing is asked of it."""

from __future__ import annotations

import os
import time
from pathlib import Path

from lightkube.resources.core_v1 import Pod

from benchmarks.cluster.node import Cluster
from benchmarks.measure import Samples, What, say
from volrewind.plan.driver_install import NAMESPACE

MEMORY, PEAK, PROCESSOR = "memory in bytes", "most memory in bytes", "processor time, of one core"
STARTED, ENDED = "after the start", "after all this"
DRIVER = "csi-driver"
_CGROUPS = Path("/sys/fs/cgroup")


def memory(cluster: Cluster, samples: Samples, moment: str) -> None:
    """Note the memory of each container that is its own (VmRSS) now, and the most there was (VmHWM)."""
    for name, processes in _containers(cluster).items():
        for operation, field in ((MEMORY, "VmRSS"), (PEAK, "VmHWM")):
            samples.add(What(moment, operation, name), sum(_kilobytes(one, field) for one in processes) * 1024)


def idle(cluster: Cluster, samples: Samples, seconds: float) -> None:
    """Note the share of a core that each container takes while nobody asks for anything."""
    say(f"doing nothing for {seconds:g} s")
    containers = _containers(cluster)
    before, begun = {name: _busy_seconds(processes) for name, processes in containers.items()}, time.perf_counter()
    time.sleep(seconds)
    lasted = time.perf_counter() - begun
    for name, processes in containers.items():
        samples.add(What(ENDED, PROCESSOR, name), (_busy_seconds(processes) - before[name]) / lasted)


def _containers(cluster: Cluster) -> dict[str, list[int]]:
    """Return the processes of each container of the driver's Pod."""
    (pod,) = cluster.admin.list(Pod, namespace=NAMESPACE)
    statuses = pod.status.containerStatuses if pod.status else None
    return {one.name: _processes((one.containerID or "").rpartition("/")[2]) for one in statuses or []}


def _processes(container: str) -> list[int]:
    """Return the processes in a container's cgroup, of which version 1 has one for each controller."""
    found = next(_CGROUPS.glob(f"**/k8s.io/{container}/cgroup.procs"))
    return [int(line) for line in found.read_text().split()]


def _kilobytes(process: int, field: str) -> int:
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next((int(line.split()[1]) for line in lines if line.startswith(f"{field}:")), 0)


def _busy_seconds(processes: list[int]) -> float:
    """Return the time that processes have used, in user and system mode (proc(5), stat, fields 14 and 15)."""
    ticks = 0
    for one in processes:
        fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")
