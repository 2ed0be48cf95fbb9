"""Pools at boot: a systemd unit, rendered, and installed when asked."""

from __future__ import annotations

import sys
from pathlib import Path

from volrewind.errors import Refused
from volrewind.services.environment import Environment
from volrewind.system.files import write_durably
from volrewind.system.process import find, run

UNITS = Path("/etc/systemd/system")


def unit_name(pool_name: str) -> str:
    """Return what the unit is called."""
    return f"volrewind-pool-{pool_name}.service"


def unit_text(environment: Environment, pool_name: str) -> str:
    """Return the unit that mounts a pool and its volumes before anything that needs them, and unmounts them at the end."""
    home = environment.home
    place = home.place(pool_name)
    command = f'"{sys.executable}" -m volrewind pool'
    return "\n".join(
        (
            "[Unit]",
            f"Description=volrewind pool {pool_name}",
            "DefaultDependencies=no",
            f'RequiresMountsFor="{Path(place.backing or place.root).parent}"',
            "After=local-fs-pre.target systemd-modules-load.service",
            "Before=local-fs.target kubelet.service snap.microk8s.daemon-kubelite.service umount.target",
            "Conflicts=umount.target",
            "",
            "[Service]",
            "Type=oneshot",
            "RemainAfterExit=yes",
            f'Environment="VOLREWIND_STATE={home.state}"',
            f"ExecStart={command} mount {pool_name}",
            f"ExecStop={command} unmount {pool_name}",
            "TimeoutSec=300",
            "",
            "[Install]",
            "WantedBy=local-fs.target",
            "",
        )
    )


def install_unit(environment: Environment, pool_name: str, *, folder: Path = UNITS) -> Path:
    """Write the unit, and enable it; may be repeated.

    Raises:
        Refused: this host has no systemd.
    """
    if not folder.is_dir() or find("systemctl") is None:
        raise Refused(
            f"{str(folder)!r} does not exist: this host runs no systemd",
            hint="run `volrewind pool mount` at boot some other way",
        )
    file = folder / unit_name(pool_name)
    write_durably(file, unit_text(environment, pool_name).encode())
    run(["systemctl", "enable", file.name])
    return file
