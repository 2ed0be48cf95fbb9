"""Which kubeconfig speaks here, read as kubectl reads it. Nothing here knows a client: to look costs nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any  # a kubeconfig is a document

Document = dict[str, Any]
ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")  # of a Pod; Kubernetes puts it there
_SECTIONS = ("clusters", "contexts", "users")
_PATHS = ("certificate-authority", "client-certificate", "client-key", "tokenFile")


def is_set_up(variables: Mapping[str, str]) -> bool:
    """Tell whether a kubeconfig or the account of a Pod is here; whether it is of any use is not asked."""
    return is_in_pod(variables) or any(file.is_file() for file in files_of(variables))


def is_in_pod(variables: Mapping[str, str]) -> bool:
    """Tell whether this runs in a Pod that has an account."""
    return "KUBERNETES_SERVICE_HOST" in variables and (ACCOUNT / "token").is_file()


def files_of(variables: Mapping[str, str]) -> list[Path]:
    """Return what `KUBECONFIG` lists, else ~/.kube/config; they need not exist."""
    if listed := [Path(one) for one in variables.get("KUBECONFIG", "").split(":") if one]:
        return listed
    return [Path(variables["HOME"]) / ".kube" / "config"] if variables.get("HOME") else []


def document_of(variables: Mapping[str, str], kubeconfig: str = "") -> Document | None:
    """Return the kubeconfig named, else what the files of the environment say together; None when they name no context.

    The first that names something says what it is, and files that do not exist are skipped.

    Raises:
        OSError: a file cannot be read.
        ValueError: a file is no kubeconfig.
    """
    if kubeconfig:
        return read(Path(kubeconfig).expanduser())
    merged = _merged([read(file) for file in files_of(variables) if file.is_file()])
    return merged if merged["contexts"] else None


def read(file: Path) -> Document:
    """Return what a kubeconfig says, the files it names by absolute paths, so that it may be merged with others."""
    document = parse(file.read_text(encoding="utf-8"), str(file))
    for section in _SECTIONS:
        for one in document[section]:
            values = one.get(section[:-1]) or {}
            values.update({key: str(file.parent.absolute() / values[key]) for key in _PATHS if values.get(key)})
    return document


def parse(text: str, whose: str) -> Document:
    """Return what the text of a kubeconfig says.

    Raises:
        ValueError: it is no kubeconfig.
    """
    import yaml

    try:
        document = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)) or {}
        return _merged([document])
    except (yaml.YAMLError, AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"{whose!r} is no kubeconfig") from error


def _merged(documents: Sequence[Document]) -> Document:
    merged: Document = {section: _first_of_each(one.get(section) or () for one in documents) for section in _SECTIONS}
    current = [one["current-context"] for one in documents if one.get("current-context")]
    return {**merged, "current-context": current[0] if current else None}


def _first_of_each(lists: Iterable[Iterable[Document]]) -> list[Document]:
    found: dict[str, Document] = {}
    for one in (item for items in lists for item in items):
        found.setdefault(one["name"], one)
    return list(found.values())
