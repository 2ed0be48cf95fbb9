"""Every example about a cluster, in the helps and in docs/claims.md, is run as it stands where what it names exists."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from clusters import Cluster
from installed_driver import installed
from shown_examples import commands, in_help, in_page
from terminal import PROGRAMS

from testbed.images import BUSYBOX
from testbed.kubectl import Kubectl, Manifest, claim, pod

pytestmark = pytest.mark.node

_NAMESPACE = "production"
_ABOUT_CLUSTERS = re.compile(
    r"data-pvc| -n | -A| -l |--app |--orphans|volrewind (class|rbac|methods|install|completion|env|recommend)"
)
_SNAPSHOT = re.compile(r"data-pvc-\d{8}-\d{6}")
_CLAIMS = {"data-pvc", "data-db-0", "shop-data"}
_CODES = {
    "volrewind cleanup --orphans snapcontent-4f7c --yes": 3
}  # what ends otherwise, and well: there is no such thing
# By tests/cluster/test_driver_install.py, since the driver is in use here, and by test_cloning.py.
_ELSEWHERE = re.compile(r"install driver .*--yes|--mask ")
_AHEAD = f"""#!{sys.executable}
import os
from datetime import timedelta
from volrewind import clock
from volrewind.__main__ import main
now, ahead = clock.SystemClock.now, timedelta(days=int(os.environ["DAYS_AHEAD"]))
clock.SystemClock.now = lambda self: now(self) + ahead
main()
"""


@dataclass(frozen=True)
class Shop:
    """A namespace in which what the examples name exists, and somebody at a shell who may do everything."""

    kubectl: Kubectl
    environment: dict[str, str]
    where: Path

    def run(self, example: str) -> str:
        """Run an example, after what an earlier one may have changed is as it was; returns what went wrong, "" for nothing."""
        self._be_as_before(example)
        days = "2" if "--as-of" in example else "0"  # so that there is something from before
        environment = {**self.environment, "DAYS_AHEAD": days}
        argv = ["bash", "-c", f"set -o pipefail\n{example}"]
        done = subprocess.run(argv, env=environment, cwd=self.where, capture_output=True, text=True, timeout=120)
        is_well = done.returncode == _CODES.get(example, 0) and "Traceback" not in done.stderr
        return "" if is_well else f"{example} ended with {done.returncode}: {done.stdout}{done.stderr}"

    def _be_as_before(self, example: str) -> None:
        made = {one.partition("/")[2] for one in self.kubectl("get", "pvc", "-o=name").split()} - _CLAIMS
        if "restore" in example and made:
            self.kubectl("delete", "pvc", *made)
        if "--to staging" in example:
            self.kubectl("delete", "deployment,pvc", "--all", "--namespace=staging")
        if " cp " in example:
            self.kubectl.run_in("web-0", "rm -rf /srv/*; mkdir /srv/uploads")
        there = self.kubectl("get", "volumesnapshot", "-o=name")
        for name in _SNAPSHOT.findall(example):
            if name not in there:
                self.cut(name)

    def cut(self, name: str) -> None:
        self.kubectl.run_in("web-0", "mkdir -p /srv/uploads; cd /srv; date >app.conf; echo cat >uploads/cat.png; sync")
        subprocess.run(["volrewind", "create", "data-pvc", "--name", name], env=self.environment, check=True)


@pytest.fixture
def shop(cluster: Cluster, tmp_path: Path) -> Iterator[Shop]:
    with installed(cluster) as everywhere:
        kubectl = replace(everywhere, namespace=_NAMESPACE)
        for name in (_NAMESPACE, "staging"):
            kubectl("create", "namespace", name)
        try:
            kubectl.apply(*_things())
            for workload in ("statefulset/db", "deployment/shop"):
                kubectl("rollout", "status", workload, "--timeout=60s")
            kubectl.wait_for_phase("web-0", "Running")
            yield Shop(kubectl, _environment(cluster, tmp_path), tmp_path)
        finally:
            kubectl(
                "delete", "volumesnapshotclass", "-l", "app.kubernetes.io/managed-by=volrewind", "--ignore-not-found"
            )
            kubectl("delete", "clusterrole", "volrewind-read", "--ignore-not-found")
            kubectl("delete", "namespace", _NAMESPACE, "staging")


def _environment(cluster: Cluster, where: Path) -> dict[str, str]:
    assert cluster.instance
    shim = where / "bin" / "volrewind"
    shim.parent.mkdir()
    shim.write_text(_AHEAD)
    shim.chmod(0o755)
    (where / ".zfunc").mkdir()
    (where / ".config/fish/completions").mkdir(parents=True)
    kubeconfig = where / "kubeconfig"
    kubeconfig.write_text(cluster.kubeconfig.read_text())
    path = f"{shim.parent}:{PROGRAMS}:{cluster.instance.programs}:{os.environ['PATH']}"
    found = {**os.environ, "PATH": path, "HOME": str(where), "KUBECONFIG": str(kubeconfig), "DAYS_AHEAD": "0"}
    subprocess.run(
        ["kubectl", "config", "set-context", "--current", f"--namespace={_NAMESPACE}"],
        env=found,
        check=True,
        capture_output=True,
    )
    return found


def _things() -> list[Manifest]:
    """Return claim `data-pvc` with a Pod that has it at /srv, and a StatefulSet `db` and a Deployment `shop`."""
    data, web = claim("data-pvc", "volrewind"), pod("web-0", "data-pvc")
    data["metadata"]["labels"] = {"app": "shop"}
    web["spec"]["containers"][0]["volumeMounts"][1]["mountPath"] = "/srv"
    own = {"serviceName": "db", "volumeClaimTemplates": [claim("data", "volrewind")]}
    return [
        data,
        web,
        claim("shop-data", "volrewind"),
        _workload("StatefulSet", "db", own, []),
        _workload("Deployment", "shop", {}, [{"name": "data", "persistentVolumeClaim": {"claimName": "shop-data"}}]),
    ]


def _workload(kind: str, name: str, own: Manifest, volumes: list[Manifest]) -> Manifest:
    labels = {"run": name}
    mounts = [{"name": "data", "mountPath": "/data"}]
    container = {"name": "main", "image": BUSYBOX, "command": ["sleep", "3600"], "volumeMounts": mounts}
    pod_spec = {"terminationGracePeriodSeconds": 0, "containers": [container], "volumes": volumes}
    template = {"metadata": {"labels": labels}, "spec": pod_spec}
    spec = {"selector": {"matchLabels": labels}, "template": template, **own}
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name}, "spec": spec}


def test_every_example_about_a_cluster_does_what_it_says(shop: Shop) -> None:
    found = [*(one for _, command in commands() for one in in_help(command)), *in_page("docs/claims.md")]
    examples = [one for one in dict.fromkeys(found) if _ABOUT_CLUSTERS.search(one) and not _ELSEWHERE.search(one)]
    shop.cut("data-pvc-20260102-020000")
    shop.run("volrewind create shop-data")
    wrong = [said for example in examples if (said := shop.run(example))]
    _free_what_was_kept(shop)
    assert not wrong, "\n".join(wrong)


def _free_what_was_kept(shop: Shop) -> None:
    for name in shop.kubectl("get", "volumesnapshotcontent", "-o=name").split():
        if shop.kubectl.field(name, ".spec.deletionPolicy") == "Retain":
            shop.run(f"volrewind cleanup --orphans {name.partition('/')[2]} --yes --allow-last")
