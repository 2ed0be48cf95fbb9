"""A cluster to play with: python -m testbed build | up | down."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from testbed import binaries, driver, images, instances
from testbed.place import Instance, Kind, Place
from volrewind.errors import VolrewindError

_SNAPSHOT_TO_TRY = """
  kubectl apply -f examples/1-data.yaml     a claim, data-pvc, and a Pod that writes into it
  volrewind create data-pvc                 a snapshot of it
  volrewind restore data-pvc --as-of now    a new claim from the newest; examples/2 and 3 do it by YAML
"""


def main() -> None:
    """Do one of the three; what is wrong is said in a sentence."""
    parser = argparse.ArgumentParser(prog="python -m testbed", description=__doc__)
    parser.add_argument("what", choices=("build", "up", "down"))
    wanted = parser.parse_args().what
    try:
        {"build": _build, "up": _up, "down": _down}[wanted]()
    except VolrewindError as error:
        sys.exit(f"testbed: {error}" + (f"\nhint: {error.hint}" if error.hint else ""))


def _build() -> None:
    """Make all that takes long, so that no test has to wait for it."""
    built = binaries.be_built(_say)
    if os.geteuid() == 0:
        images.driver(built)
    print(built.top)


def _up() -> None:
    place = _place()
    running = place.running()
    if running is not None:
        print(f"the cluster is running already\n{_how_to_use(running)}")
        return
    kind = Kind.NODE if os.geteuid() == 0 else Kind.PLANE
    if kind is Kind.PLANE:
        _say("without root there is no node: a control plane that runs no Pods")
    instance = instances.be_up(place, kind, _say)
    if kind is Kind.NODE:
        driver.be_installed(instance.kubeconfig)
    print(_how_to_use(instance))


def _down() -> None:
    _say("the cluster is gone" if instances.be_down(_place()) else "there is no cluster running")


def _place() -> Place:
    state = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    return Place(state / "volrewind" / "testbed")


def _how_to_use(instance: Instance) -> str:
    return f"""
  export KUBECONFIG={instance.kubeconfig}
  export PATH={Path(sys.executable).parent}:{instance.programs}:$PATH
  kubectl get nodes,pods -A
{_SNAPSHOT_TO_TRY if instance.kind is Kind.NODE else ""}"""


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
