"""csi-driver."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

from volrewind.cli.commands import command, option
from volrewind.cli.extras import needs_extra
from volrewind.errors import UsageError
from volrewind.model.quantity import parse_size
from volrewind.wiring import state_of

_KUBELET = "/var/lib/kubelet"


@command("csi-driver")
@option("--node-id", required=True, help="The name of this node in the cluster.")
@option(
    "--pool",
    "pools",
    multiple=True,
    required=True,
    metavar="NAME[=SIZE]",
    help="Serve this pool; with a size, one of the kind btrfs or image is made when it does not exist. The first is the default.",
)
@option("--sparse", is_flag=True, help="Pools made do not own their whole size; the host can then fill up under them.")
@option("--kubelet-dir", default=_KUBELET, show_default=True, help='The kubelet\'s directory; "" registers nowhere.')
@option(
    "--endpoint", default="", metavar="unix://SOCKET", help="Where to listen; in the kubelet's directory by default."
)
@option("--socket-group", type=int, metavar="GID", help="Let this group call, too: sidecars that are not root.")
@option(
    "--health-socket", default="", metavar="SOCKET", help="Tell here whether the driver is well; nowhere by default."
)
@option("--verbose", is_flag=True, help="Log the calls that only ask, too.")
def csi_driver_command(
    node_id: str,
    pools: tuple[str, ...],
    sparse: bool,
    kubelet_dir: str,
    endpoint: str,
    socket_group: int | None,
    health_socket: str,
    verbose: bool,
) -> None:
    """Serve the pools of this node to Kubernetes, as the CSI driver csi.volrewind.io.

    \b
    volrewind csi-driver --node-id node1 --pool btrfs=20Gi --pool image=50Gi
    """
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.DEBUG if verbose else logging.INFO,
        format="%(asctime)s %(levelname)s %(message)s",
    )
    with needs_extra("csi"):
        from volrewind.driver.run import DEFAULT_SOCKET, Settings, run
    kubelet = Path(kubelet_dir) if kubelet_dir else None
    if not endpoint and kubelet is None:
        raise UsageError("without --kubelet-dir there is no default place to listen at", hint="give --endpoint")
    run(
        Settings(
            state=state_of(os.environ),
            node=node_id,
            endpoint=Path(endpoint.removeprefix("unix://"))
            if endpoint or kubelet is None
            else kubelet / DEFAULT_SOCKET,
            pools=tuple(map(_pool, pools)),
            kubelet=kubelet,
            health=Path(health_socket) if health_socket else None,
            sparse=sparse,
            group=socket_group,
        )
    )


def _pool(text: str) -> tuple[str, int | None]:
    name, sign, size = text.partition("=")
    return name, parse_size(size) if sign else None
