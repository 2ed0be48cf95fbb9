"""Which StorageClass a claim made from a snapshot is of, and why; never one whose driver cannot read the snapshot."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from volrewind.errors import NotFound, Refused, UsageError
from volrewind.model.claim import StorageClass

# Provisioners of Kubernetes' own that CSI drivers have taken over (k8s.io/csi-translation-lib, plugins/).
_TAKEN_OVER = {
    "kubernetes.io/aws-ebs": "ebs.csi.aws.com",
    "kubernetes.io/azure-disk": "disk.csi.azure.com",
    "kubernetes.io/azure-file": "file.csi.azure.com",
    "kubernetes.io/cinder": "cinder.csi.openstack.org",
    "kubernetes.io/gce-pd": "pd.csi.storage.gke.io",
    "kubernetes.io/portworx-volume": "pxd.portworx.com",
    "kubernetes.io/vsphere-volume": "csi.vsphere.vmware.com",
}


class StorageChoice(msgspec.Struct, frozen=True):
    """The class by its name, whether its claims wait for a Pod (None: that cannot be told), and the reason."""

    name: str
    waits: bool | None
    reason: str


def choose_storage_class(
    driver: str, classes: Mapping[str, StorageClass] | None, *, was: str, wanted: str = ""
) -> StorageChoice:
    """Return the class wanted, else the one the claim `was` of, else the driver's default, else its only one.

    A provisioner that cannot read snapshots may ignore that it was asked to, and bind an empty volume: MicroK8s' hostpath
    does. So a class is only taken when it is the driver's. `classes` is None when they may not be read: then only the class
    the claim was of will do. `driver` and `was` are "" when nobody knows.

    Raises:
        NotFound: there is none of that name, or none of the driver.
        Refused: the one wanted is another driver's, or nobody can tell.
        UsageError: there are several, and none was asked for.
    """
    if not driver:
        raise Refused("the driver of the snapshot cannot be told, so no class is known to be right", hint=_RIGHTS)
    if classes is None:
        return _unseen(was, wanted)
    if wanted and wanted not in classes:
        raise NotFound(
            f"StorageClass {wanted!r} does not exist", hint=f"of driver {driver!r} there is: {_names(driver, classes)}"
        )
    if wanted:
        return _checked(classes[wanted], driver)
    if was in classes and is_served(classes[was].provisioner, driver):
        return StorageChoice(was, classes[was].waits, "as the claim was")
    return _only(driver, classes)


_RIGHTS = "`volrewind rbac restore` prints the rights that it takes"


def _unseen(was: str, wanted: str) -> StorageChoice:
    if not was or wanted not in ("", was):
        raise Refused(
            f"whether StorageClass {wanted!r} can read the snapshot cannot be seen, and one that cannot may bind an empty volume"
            if wanted
            else "which StorageClass the claim was of is not known, and classes may not be read",
            hint=_RIGHTS,
        )
    return StorageChoice(was, None, "as the claim was")


def _checked(wanted: StorageClass, driver: str) -> StorageChoice:
    if not is_served(wanted.provisioner, driver):
        raise Refused(
            f"StorageClass {wanted.name!r} is of {wanted.provisioner!r}, and the snapshot of driver {driver!r}",
            hint="such a claim would stay unbound, or bind an empty volume",
        )
    return StorageChoice(wanted.name, wanted.waits, "as asked for")


def _only(driver: str, classes: Mapping[str, StorageClass]) -> StorageChoice:
    fitting = _of_driver(driver, classes)
    defaults = [one for one in fitting if one.is_default]
    for few, reason in (
        (defaults, "the default, and of the snapshot's driver"),
        (fitting, "the only one of the driver"),
    ):
        if len(few) == 1:
            return StorageChoice(few[0].name, few[0].waits, reason)
    if not fitting:
        raise NotFound(f"there is no StorageClass of driver {driver!r} to restore to")
    raise UsageError(
        f"driver {driver!r} has several StorageClasses: {_names(driver, classes)}", hint="say which with --class"
    )


def is_served(provisioner: str, driver: str) -> bool:
    """Tell whether what a provisioner makes are volumes of this driver."""
    return driver in (provisioner, _TAKEN_OVER.get(provisioner))


def _of_driver(driver: str, classes: Mapping[str, StorageClass]) -> list[StorageClass]:
    return sorted((one for one in classes.values() if is_served(one.provisioner, driver)), key=lambda one: one.name)


def _names(driver: str, classes: Mapping[str, StorageClass]) -> str:
    return ", ".join(one.name for one in _of_driver(driver, classes)) or "none"
