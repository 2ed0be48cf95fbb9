"""The image that is shipped builds from what is in container/, on a base that no registry is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from testbed import cache, layers
from volrewind import __version__
from volrewind.system.process import run

pytestmark = [pytest.mark.node, pytest.mark.programs("buildah", "debootstrap")]

_REPOSITORY = Path(__file__).parents[2]
_RELEASE = "bookworm"  # Debian 12, which the image stands on
_BASE = "localhost/debian:12"
_IMAGE = f"localhost/volrewind:{__version__}"
_BUILD_SECONDS = 600.0


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[dict[str, str]]:
    """Give a place of buildah's own in a machine that can neither nest containers nor mount overlays."""
    configuration = tmp_path / "storage.conf"
    places = f'graphroot = "{tmp_path}/images"\nrunroot = "{tmp_path}/run"'
    configuration.write_text(f'[storage]\ndriver = "vfs"\n{places}\n')
    yield {"CONTAINERS_STORAGE_CONF": str(configuration), "BUILDAH_ISOLATION": "chroot", "TMPDIR": str(tmp_path)}
    run(["rm", "-rf", "--one-file-system", tmp_path / "images", tmp_path / "run"])


def _debian(tree: Path) -> None:
    mirrors = run(["apt-get", "indextargets", "--format", "$(SITE)", "Created-By: Packages"]).out.split()
    run(["debootstrap", "--variant=minbase", _RELEASE, tree, mirrors[0]], timeout_seconds=_BUILD_SECONDS)
    run(["rm", "-rf", tree / "var/cache/apt/archives"])


def test_the_image_builds_and_our_program_runs_in_it(tmp_path: Path, environment: dict[str, str]) -> None:
    buildah = _told("buildah", environment)
    base = layers.of_tree("base", cache.key(_RELEASE), _debian)
    empty = buildah("from", "scratch")
    buildah("add", empty, base, "/")
    buildah("commit", "--rm", empty, _BASE)

    told = {**environment, "BUILDER": "buildah", "BASE": _BASE}
    archive = tmp_path / "volrewind.tar"
    run([_REPOSITORY / "container" / "build", archive], environment=told, timeout_seconds=_BUILD_SECONDS)

    made = buildah("from", f"docker-archive:{archive}")
    assert buildah("run", made, "--", "volrewind", "--version") == f"volrewind {__version__}"
    assert "btrfs-progs" in buildah("run", made, "--", "btrfs", "--version")


def _told(program: str, environment: dict[str, str]) -> Callable[..., str]:
    """Return a function that runs a program with these words, and returns what it says."""

    def call(*words: str | Path) -> str:
        return run([program, *words], environment=environment, timeout_seconds=_BUILD_SECONDS).out.strip()

    return call
