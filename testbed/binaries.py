"""The programs of a cluster, built once from `tools/go.mod`."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from testbed import cache
from volrewind.errors import NotFound
from volrewind.system.process import find, run

SOURCES = Path(__file__).parent / "tools"
ASSETS = "VOLREWIND_TEST_ASSETS"  # a directory of programs that win over those built here
_HYPER = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kubectl")
_CSI = "github.com/kubernetes-csi"
_MANIFESTS = {  # directory of ours: the module it comes with, and where it is in there
    "crds": (f"{_CSI}/external-snapshotter/client/v8", "config/crd"),
    "snapshot-controller": (f"{_CSI}/external-snapshotter/v8", "deploy/kubernetes/snapshot-controller"),
    "csi-snapshotter": (f"{_CSI}/external-snapshotter/v8", "deploy/kubernetes/csi-snapshotter"),
    "csi-provisioner": (f"{_CSI}/external-provisioner/v6", "deploy/kubernetes"),
    "csi-resizer": (f"{_CSI}/external-resizer/v2", "deploy/kubernetes"),
}
_PARALLEL = 2  # linking one Kubernetes program takes up to 2.8 GiB (measured in November 2026)
_BUILD_SECONDS = 3600.0
_RECIPE = "1"  # to be raised when the same sources shall be built anew
_LOCAL = {"GOTOOLCHAIN": "local"}  # an old Go says so instead of fetching another


@dataclass(frozen=True)
class Binaries:
    """A finished build."""

    top: Path

    def program(self, name: str) -> Path:
        """Return where a program is; one in the directory that `VOLREWIND_TEST_ASSETS` names comes first."""
        given = Path(os.environ.get(ASSETS, "/nonexistent")) / name
        return given if given.exists() else self.top / "bin" / name

    def manifests(self, of: str) -> list[Path]:
        """Return the YAML files that a project ships for its program, in order."""
        return sorted((self.top / "manifests" / of).glob("*.yaml"))


def find_built() -> Binaries | None:
    """Return the build of these very sources; None when there is none, or no Go to tell which it would be."""
    if find("go") is None:
        return None
    place = cache.directory() / _name()
    return Binaries(place) if place.exists() else None


def be_built(say: Callable[[str], None]) -> Binaries:
    """Return the build of these very sources, made now when it is missing.

    Raises:
        NotFound: there is no Go to build with.
        ToolFailed: it does not build; the message ends with the compiler's.
    """
    if find("go") is None:
        raise NotFound("the programs of a cluster are not built, and there is no Go here", hint="install Go 1.26")
    name = _name()
    if not (cache.directory() / name).exists():
        say(f"building Kubernetes into {cache.directory()}: this takes ten minutes, once")
    return Binaries(cache.made(name, _build))


def _name() -> str:
    compiler = run(["go", "version"], environment=_LOCAL).out
    sources = [SOURCES / "go.mod", SOURCES / "go.sum", *sorted(SOURCES.rglob("*.go"))]
    return f"binaries/{cache.key(_RECIPE, compiler, files=sources)}"


def _build(place: Path) -> None:
    """Build everything in one command, so that no package is compiled twice, and take the manifests along.

    The compiler's cache takes 4.3 GB and is worth nothing before the next change of versions: unless GOCACHE names
    the user's own, it is one that goes again.
    """
    compiled = os.environ.get("GOCACHE") or str(place / "gocache")
    flags = ["-p", str(_PARALLEL), "-trimpath", "-ldflags", _linked()]
    run(
        ["nice", "-n", "10", "go", "build", *flags, "-o", f"{place}/bin/", "./cmd/...", "tool"],
        cwd=SOURCES,
        environment={**_LOCAL, "CGO_ENABLED": "0", "GOCACHE": compiled},
        timeout_seconds=_BUILD_SECONDS,
    )
    shutil.rmtree(place / "gocache", ignore_errors=True)
    for name in _HYPER:
        (place / "bin" / name).symlink_to("hyper")
    for directory, (module, inside) in _MANIFESTS.items():
        _copy_manifests(Path(_listed(module)["Dir"]) / inside, place / "manifests" / directory)


def _linked() -> str:
    """Return what the linker is told: no symbols, and the version that Kubernetes' programs shall name."""
    version = _listed("k8s.io/kubernetes")["Version"]
    packages = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
    return " ".join(["-s", "-w", *(f"-X {package}.gitVersion={version}" for package in packages)])


def _listed(module: str) -> dict[str, str]:
    found: dict[str, str] = json.loads(run(["go", "list", "-m", "-json", module], cwd=SOURCES, environment=_LOCAL).out)
    return found


def _copy_manifests(source: Path, target: Path) -> None:
    target.mkdir(parents=True)
    for file in source.glob("*.yaml"):
        if file.name != "kustomization.yaml":
            shutil.copyfile(file, target / file.name)
