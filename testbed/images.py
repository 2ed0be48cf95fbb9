"""The images a node has: they are made here, from our build, Debian's packages and this checkout."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from testbed import cache, layers
from testbed.binaries import SOURCES, Binaries
from testbed.containerd import PAUSE_IMAGE
from testbed.oci import Image
from volrewind import __version__
from volrewind.system.process import run

REPOSITORY = Path(__file__).parents[1]
BUSYBOX = "localhost/busybox:1"
PREFIX = "localhost"  # no registry's: what is missing here is missing
VOLREWIND = f"{PREFIX}/volrewind:{__version__}"
_PROJECTS = {  # of each sidecar
    "csi-provisioner": "external-provisioner",
    "csi-resizer": "external-resizer",
    "csi-snapshotter": "external-snapshotter",
}
SIDECARS = tuple(_PROJECTS)
_PYTHON = "3.11"  # of Debian 12
_SITE = f"usr/local/lib/python{_PYTHON}/dist-packages"
_RECIPE = REPOSITORY / "container"  # of the image that is shipped


def sidecar(name: str) -> str:
    """Return the reference of a sidecar's image, tagged with its version as its project's images are."""
    pinned = (SOURCES / "go.mod").read_text()
    found = re.search(rf"github\.com/kubernetes-csi/{_PROJECTS[name]}/v\d+ (v\S+)", pinned)
    assert found, f"{name} is not pinned"
    return f"{PREFIX}/{name}:{found[1]}"


def basic(binaries: Binaries) -> list[Image]:
    """Return what every node needs, and busybox for Pods of tests."""
    pause = layers.of_files("pause", {"pause": binaries.program("pause")})
    return [Image(PAUSE_IMAGE, (pause,), entrypoint=("/pause",)), _busybox()]


def driver(binaries: Binaries) -> list[Image]:
    """Return what a CSI driver's Pod needs: volrewind, and an image for each sidecar, called as its project calls it."""
    sidecars = [
        Image(sidecar(name), (layers.of_files(name, {name: binaries.program(name)}),), entrypoint=(f"/{name}",))
        for name in SIDECARS
    ]
    return [_volrewind(), *sidecars]


def _busybox() -> Image:
    program = Path("/bin/busybox").resolve()  # Debian's busybox-static
    applets = run([program, "--list"]).out.split()
    links = {f"bin/{applet}": "busybox" for applet in applets if applet != "busybox"}
    return Image(BUSYBOX, (layers.of_files("busybox", {"bin/busybox": program}, links),), command=("sh",))


def _volrewind() -> Image:
    """Return our image: Debian's tools, the locked packages, this checkout; each changes more often than the one below."""
    locked = REPOSITORY / "requirements" / "image.txt"
    sources = sorted(file for file in (REPOSITORY / "src").rglob("*") if file.is_file() and file.suffix != ".pyc")
    packages = (_RECIPE / "packages").read_text().splitlines()
    debian = [line for line in packages if not line.startswith("#")]
    start = _RECIPE / "volrewind"
    named = [str(file.relative_to(REPOSITORY)) for file in sources]
    stack = (
        layers.of_tree("debian", cache.key(*debian), lambda tree: _debian(tree, debian)),
        layers.of_tree("packages", cache.key(_PYTHON, files=[locked]), lambda tree: _packages(tree, locked)),
        layers.of_tree(
            "volrewind", cache.key(*named, files=[REPOSITORY / "pyproject.toml", start, *sources]), _ourselves
        ),
    )
    return Image(VOLREWIND, stack, entrypoint=("volrewind",))


def _debian(tree: Path, packages: Sequence[str]) -> None:
    layers.unpack_debian(packages, tree)
    for directory in ("dev", "proc", "sys", "run", "tmp", "var/tmp"):
        (tree / directory).mkdir(parents=True, exist_ok=True)
    # Debian's packages compile when they are configured; without it every start of a container would.
    run(["chroot", tree, "python3", "-m", "compileall", "-q", f"/usr/lib/python{_PYTHON}"])


def _packages(tree: Path, locked: Path) -> None:
    fit = ["--python-version", _PYTHON, "--implementation", "cp", "--only-binary", ":all:"]
    _pip("--require-hashes", "-r", str(locked), *fit, "--target", str(tree / _SITE))


def _ourselves(tree: Path) -> None:
    _pip("--no-deps", "--no-build-isolation", "--target", str(tree / _SITE), str(REPOSITORY))
    program = tree / "usr/local/bin/volrewind"
    program.parent.mkdir(parents=True)
    shutil.copy(_RECIPE / "volrewind", program)


def _pip(*words: str) -> None:
    beside = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # the build backend's program is there
    quiet = ["--quiet", "--disable-pip-version-check", "--root-user-action", "ignore"]
    run([sys.executable, "-m", "pip", "install", *quiet, *words], environment={"PATH": beside})
