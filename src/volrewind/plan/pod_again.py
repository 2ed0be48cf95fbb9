"""A Pod that nobody makes again: what it is made from, and whether a record of that is to be believed.

The record stands in a journal that others may have written, so whoever has it carried out must not get anybody more than a
Pod of the namespace may have anyway: what the standard "Baseline" allows (kubernetes.io, "Pod Security Standards"), and the
rights of the default account. What is not known here is not allowed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any  # manifests

from volrewind.model.labels import MADE_AGAIN

Manifest = dict[str, Any]  # Any: a manifest is a document, whose shape only its kind tells

# What the cluster fills in when a Pod is made, and refuses or misunderstands when it is there already.
_FILLED_IN = {"nodeName", "serviceAccount", "priority", "preemptionPolicy", "overhead", "ephemeralContainers"}
_TOKEN = (
    "kube-api-access-"  # the volume that holds the account's token (kubernetes, plugin/pkg/admission/serviceaccount)
)
# What networks note on a Pod about the addresses that it had.
_OF_NETWORKS = ("cni.projectcalico.org/", "k8s.v1.cni.cncf.io/network-status", "k8s.ovn.org/", "ovn.kubernetes.io/")

_POD = {
    "activeDeadlineSeconds", "affinity", "automountServiceAccountToken", "containers", "dnsConfig", "dnsPolicy",
    "enableServiceLinks", "hostAliases", "hostUsers", "hostname", "imagePullSecrets", "initContainers", "nodeSelector", "os",
    "priorityClassName", "readinessGates", "resources", "restartPolicy", "runtimeClassName", "schedulerName", "securityContext",
    "serviceAccountName", "setHostnameAsFQDN", "shareProcessNamespace", "subdomain", "terminationGracePeriodSeconds",
    "tolerations", "topologySpreadConstraints", "volumes",
}  # fmt: skip
_CONTAINER = {
    "args", "command", "env", "envFrom", "image", "imagePullPolicy", "lifecycle", "livenessProbe", "name", "ports",
    "readinessProbe", "resizePolicy", "resources", "restartPolicy", "securityContext", "startupProbe", "stdin", "stdinOnce",
    "terminationMessagePath", "terminationMessagePolicy", "tty", "volumeDevices", "volumeMounts", "workingDir",
}  # fmt: skip
_VOLUMES = {"configMap", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}
_HARMLESS = {
    "allowPrivilegeEscalation", "fsGroup", "fsGroupChangePolicy", "readOnlyRootFilesystem", "runAsGroup", "runAsNonRoot",
    "runAsUser", "supplementalGroups", "supplementalGroupsPolicy",
}  # fmt: skip
_CAPABILITIES = {
    "AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE", "SETFCAP", "SETGID",
    "SETPCAP", "SETUID", "SYS_CHROOT",
}  # fmt: skip
_OF_CONTAINERS = ("containers", "initContainers")
_SELINUX_TYPES = {"container_t", "container_init_t", "container_kvm_t", "container_engine_t"}
_PROFILES = ("RuntimeDefault", "Localhost")


def cleaned(name: str, labels: Mapping[str, str], annotations: Mapping[str, str], spec: Manifest, uid: str) -> Manifest:
    """Return what a Pod is made from again: as it was, without what the cluster and its networks added."""
    kept = {key: value for key, value in annotations.items() if not key.startswith(_OF_NETWORKS)}
    return {
        "metadata": {"name": name, "labels": dict(labels), "annotations": {**kept, MADE_AGAIN: uid}},
        "spec": {
            **{key: value for key, value in spec.items() if key not in (*_FILLED_IN, "volumes")},
            "volumes": [one for one in spec.get("volumes", ()) if not one["name"].startswith(_TOKEN)],
            **{key: [_without_token(one) for one in spec[key]] for key in _OF_CONTAINERS if key in spec},
        },
    }


def _without_token(container: Manifest) -> Manifest:
    mounts = [one for one in container.get("volumeMounts", ()) if not one["name"].startswith(_TOKEN)]
    return {**container, "volumeMounts": mounts}


def why_not_made(manifest: Manifest) -> str:
    """Return what of a Pod is more than a record is believed in, as part of a sentence; "" when it may be made."""
    try:
        return next(_too_much(manifest), "")
    except (AttributeError, KeyError, TypeError, ValueError):
        return "it is no Pod that could be read"


def _too_much(manifest: Manifest) -> Iterator[str]:
    yield from _unknown(manifest, {"metadata", "spec"}, "manifest")
    metadata, spec = manifest["metadata"], manifest["spec"]
    yield from _unknown(metadata, {"name", "labels", "annotations"}, "metadata")
    yield from _unknown(spec, _POD, "spec")
    if (account := spec.get("serviceAccountName", "default")) not in ("", "default"):
        yield f"it acts as service account {account!r}"
    for key in metadata.get("annotations") or {}:
        if key.startswith(("container.apparmor.security.beta.kubernetes.io/", "container.seccomp.", "seccomp.")):
            yield f"it has the annotation {key!r}"
    for volume in spec.get("volumes") or ():
        yield from _unknown(volume, {"name", *_VOLUMES}, f"volume {volume['name']!r}")
    yield from _of_security(spec.get("securityContext") or {})
    for key in _OF_CONTAINERS:
        for container in spec.get(key) or ():
            yield from _of_container(container)


def _of_container(container: Manifest) -> Iterator[str]:
    what = f"container {container['name']!r}"
    yield from _unknown(container, _CONTAINER, what)
    if any(port.get("hostPort") for port in container.get("ports") or ()):
        yield f"{what} has a port of its node"
    probes = [container.get(key) or {} for key in ("livenessProbe", "readinessProbe", "startupProbe")]
    handlers = [*probes, *(container.get("lifecycle") or {}).values()]
    for handler in handlers:
        for kind in ("httpGet", "tcpSocket"):
            if isinstance(handler, dict) and (handler.get(kind) or {}).get("host"):
                yield f"{what} is probed at another host"
    yield from _of_security(container.get("securityContext") or {})


def _of_security(context: Manifest) -> Iterator[str]:
    known = {*_HARMLESS, "privileged", "capabilities", "seccompProfile", "appArmorProfile", "seLinuxOptions"}
    yield from _unknown(
        {key: value for key, value in context.items() if value not in (None, {}, [])}, known, "securityContext"
    )
    if context.get("privileged"):
        yield "it is privileged"
    capabilities = context.get("capabilities") or {}
    if more := set(capabilities.get("add") or ()) - _CAPABILITIES:
        yield f"it has the capability {min(more)}"
    selinux = context.get("seLinuxOptions") or {}
    yield from _unknown(selinux, {"level", "type"}, "seLinuxOptions")
    if selinux.get("type") and selinux["type"] not in _SELINUX_TYPES:
        yield f"its seLinuxOptions say {selinux['type']!r}"
    for key in ("seccompProfile", "appArmorProfile"):
        if (profile := context.get(key)) and profile.get("type") not in _PROFILES:
            yield f"its {key} is {profile.get('type')}"


def _unknown(found: Iterable[str], known: set[str], what: str) -> Iterator[str]:
    yield from (f"its {what} has {key!r}" for key in sorted(set(found) - known))
