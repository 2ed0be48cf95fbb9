"""A thousand snapshots: what a command asks of the cluster is counted by the cluster, in requests and not in seconds."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from clusters import a_machine

from testbed import crowd
from testbed.crowd import Crowd
from testbed.kubeconfig import write_for_bearer
from testbed.kubectl import Kubectl
from testbed.place import Kind, Place
from volrewind.plan.rights import roles_for

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

_REQUESTS = re.compile(r'^apiserver_request_total\{.*resource="(\w+)".*verb="(\w+)".*\} (\d+)$', re.MULTILINE)
_KINDS = ("volumesnapshots", "volumesnapshotcontents", "persistentvolumeclaims")
_SNAPSHOTS = 1_000
_PAGES = 2  # of 500
_MIB = 2**20
# By a small process: what is started begins with the size of who started it.
_MEASURED = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


@dataclass(frozen=True)
class Crowded:
    """A cluster that holds them, and somebody who may just delete snapshots everywhere."""

    kubectl: Kubectl
    user: Path

    def requests(self) -> Counter[tuple[str, str]]:
        """Return how often each verb was asked for on each kind that we read."""
        found: Counter[tuple[str, str]] = Counter()
        for kind, verb, count in _REQUESTS.findall(self.kubectl("get", "--raw", "/metrics")):
            if kind in _KINDS:
                found[verb, kind] += int(count)
        return found

    def run(self, *words: str) -> int:
        """Run a command of ours to its end, and return the most memory it took, in bytes."""
        argv = [sys.executable, "-c", _MEASURED, sys.executable, "-m", "volrewind", *words]
        env = {**os.environ, "KUBECONFIG": str(self.user)}
        return int(subprocess.run(argv, env=env, capture_output=True, text=True, check=True).stdout) * 1024


@pytest.fixture(scope="module")
def crowded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crowded]:
    place = Place(tmp_path_factory.mktemp("crowd"))
    with a_machine(place, Kind.PLANE) as machine:
        crowd.be_there(machine.plane, Crowd(_SNAPSHOTS, namespaces=20))
        kubectl = Kubectl(machine.plane.binaries.program("kubectl"), machine.plane.admin, "default")
        kubectl.apply(*roles_for("delete", ""))
        kubectl("create", "serviceaccount", "user")
        kubectl(
            "create", "clusterrolebinding", "user", "--clusterrole=volrewind-delete", "--serviceaccount=default:user"
        )
        user = place.top / "user.kubeconfig"
        write_for_bearer(user, machine.plane.admin, kubectl("create", "token", "user").strip())
        yield Crowded(kubectl, user)


@pytest.mark.parametrize(
    ("words", "contents", "claims"),
    [
        (("list", "-A"), 0, 0),
        (("list", "-A", "-o", "wide"), _PAGES, 0),
        (("status", "-A"), _PAGES, 1),
        (("cleanup", "-A", "--keep", "last 3", "--dry-run"), _PAGES, 1),
    ],
)
def test_only_whole_pages_are_asked_for(crowded: Crowded, words: tuple[str, ...], contents: int, claims: int) -> None:
    before = crowded.requests()

    crowded.run(*words)

    wanted = dict(zip(_KINDS, (_PAGES, contents, claims), strict=True))
    assert crowded.requests() - before == Counter({("LIST", kind): count for kind, count in wanted.items() if count})


def test_memory_grows_by_little_for_each(crowded: Crowded) -> None:
    few, all_of_them = crowded.run("list", "-n", "crowd-000"), crowded.run("list", "-A")

    assert all_of_them - few < 12 * _MIB and all_of_them < 75 * _MIB
