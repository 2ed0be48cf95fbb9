"""Identity: who we are and whether we are well."""

from __future__ import annotations

from google.protobuf.wrappers_pb2 import BoolValue

from volrewind import __version__
from volrewind.driver.generated import csi_pb2 as csi
from volrewind.driver.served import Served
from volrewind.model.labels import DRIVER

_SERVICES = (
    csi.PluginCapability.Service.CONTROLLER_SERVICE,
    csi.PluginCapability.Service.GROUP_CONTROLLER_SERVICE,
    csi.PluginCapability.Service.VOLUME_ACCESSIBILITY_CONSTRAINTS,
)


class Identity:
    """The Identity service."""

    def __init__(self, served: Served) -> None:
        self._served = served

    def GetPluginInfo(self, request: csi.GetPluginInfoRequest) -> csi.GetPluginInfoResponse:
        return csi.GetPluginInfoResponse(name=DRIVER, vendor_version=__version__)

    def GetPluginCapabilities(self, request: csi.GetPluginCapabilitiesRequest) -> csi.GetPluginCapabilitiesResponse:
        services = [csi.PluginCapability(service=csi.PluginCapability.Service(type=one)) for one in _SERVICES]
        online = csi.PluginCapability.VolumeExpansion(type=csi.PluginCapability.VolumeExpansion.ONLINE)
        return csi.GetPluginCapabilitiesResponse(
            capabilities=[*services, csi.PluginCapability(volume_expansion=online)]
        )

    def Probe(self, request: csi.ProbeRequest) -> csi.ProbeResponse:
        self._served.check()
        return csi.ProbeResponse(ready=BoolValue(value=True))
