"""Who would undo it when a workload is stopped by hand, and what pauses them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from volrewind.model.pod import UsingPod
from volrewind.model.workload import Autoscaler, Runner
from volrewind.plan.snapshot_progress import Reason

# What these put on objects that they keep as they are described elsewhere (their documentation, November 2026).
# `app.kubernetes.io/instance` is Helm's too, and says nothing.
_FLUX_KUSTOMIZATION, _FLUX_HELM = "kustomize.toolkit.fluxcd.io", "helm.toolkit.fluxcd.io"
_FLUX_LEAVES_IT = ("kustomize.toolkit.fluxcd.io/reconcile", "disabled")
_ARGO_LABEL, _ARGO_ANNOTATION = "argocd.argoproj.io/instance", "argocd.argoproj.io/tracking-id"
_KEDA = "scaledobject.keda.sh/name"


def restarters(one: Runner | UsingPod) -> Iterator[Reason]:
    """Yield who would start it again, or make it again, as its labels and its owner tell."""
    name = str(one)
    yield from _gitops(name, one.labels, one.annotations)
    if isinstance(one, Runner) and one.owner is not None:
        kind = f"{one.owner.kind} {one.owner.name!r}" + (f" ({one.owner.group})" if one.owner.group else "")
        yield Reason(
            f"{name} belongs to {kind}, whose operator would start it again",
            f"stop or pause it by its {one.owner.kind}, then say --paused",
        )


def _gitops(name: str, labels: Mapping[str, str], annotations: Mapping[str, str]) -> Iterator[Reason]:
    for group, kind in ((_FLUX_KUSTOMIZATION, "kustomization"), (_FLUX_HELM, "helmrelease")):
        owner, place = labels.get(f"{group}/name"), labels.get(f"{group}/namespace")
        if owner and place and annotations.get(_FLUX_LEAVES_IT[0]) != _FLUX_LEAVES_IT[1]:
            yield Reason(
                f"{name} is kept by Flux, {kind} {owner!r} in namespace {place!r}, which would start it again",
                f"`flux suspend {kind} {owner} -n {place}`, then say --paused;"
                f" `flux resume {kind} {owner} -n {place}` afterwards",
            )
    if application := labels.get(_ARGO_LABEL) or annotations.get(_ARGO_ANNOTATION, "").partition(":")[0]:
        yield Reason(
            f"{name} is kept by Argo CD, application {application!r}, which would start it again",
            f"`argocd app set {application} --sync-policy none`, then say --paused;"
            f" `argocd app set {application} --sync-policy automated` afterwards",
        )


def rests(scaler: Autoscaler) -> bool:
    """Tell whether it leaves alone what is scaled to 0, until somebody scales it up.

    Most do, unless they may go down to 0 themselves (kubernetes.io, "Implicit maintenance-mode deactivation"). KEDA does not.
    """
    return scaler.least > 0 and _KEDA not in scaler.labels


def scalers(one: Runner, autoscalers: Sequence[Autoscaler], namespace: str) -> Iterator[Reason]:
    """Yield which autoscalers would start a workload that is scaled to 0."""
    for scaler in autoscalers:
        if scaler.target != (one.kind, one.name) or rests(scaler):
            continue
        if keda := scaler.labels.get(_KEDA):
            yield Reason(
                f"{one} is scaled by KEDA, ScaledObject {keda!r}, which would start it again",
                f"`kubectl -n {namespace} annotate scaledobject {keda} autoscaling.keda.sh/paused=true`,"
                " then say --paused; the same with `autoscaling.keda.sh/paused-` afterwards",
            )
            continue
        least = f'kubectl -n {namespace} patch hpa {scaler.name} -p \'{{"spec":{{"minReplicas":%d}}}}\''
        yield Reason(
            f"{one} is scaled by HorizontalPodAutoscaler {scaler.name!r}, which would start it again",
            f"`{least % 1}` lets it rest while nothing runs; `{least % 0}` afterwards",
        )
