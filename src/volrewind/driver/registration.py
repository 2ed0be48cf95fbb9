"""Registration with the kubelet, which finds our socket, asks who we are, and says whether it took us."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from volrewind.driver.generated import pluginregistration_pb2 as registration
from volrewind.model.labels import DRIVER

_log = logging.getLogger("volrewind.driver")
# The kubelet asks for a version of CSI that it knows: 1.x (pkg/volume/csi/csi_plugin.go of Kubernetes).
_VERSIONS = ("1.0.0",)


def registration_socket(kubelet: Path) -> Path:
    """Return where the kubelet looks for plugins' sockets."""
    return kubelet / "plugins_registry" / f"{DRIVER}-reg.sock"


class Registration:
    """The Registration service. `on_refusal` is called when the kubelet does not want us."""

    def __init__(self, endpoint: Path, on_refusal: Callable[[str], None]) -> None:
        self.is_done = False
        self._endpoint = endpoint
        self._on_refusal = on_refusal

    def GetInfo(self, request: registration.InfoRequest) -> registration.PluginInfo:
        return registration.PluginInfo(
            type="CSIPlugin", name=DRIVER, endpoint=str(self._endpoint), supported_versions=_VERSIONS
        )

    def NotifyRegistrationStatus(
        self, request: registration.RegistrationStatus
    ) -> registration.RegistrationStatusResponse:
        if request.plugin_registered:
            _log.info("the kubelet registered %s", DRIVER)
            self.is_done = True
        else:
            self._on_refusal(request.error)
        return registration.RegistrationStatusResponse()
