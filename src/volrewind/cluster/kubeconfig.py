"""Where the cluster is and who we are there, as the client wants it."""

from __future__ import annotations

from typing import Any, NamedTuple  # Any: a kubeconfig's documents

import msgspec
from lightkube import KubeConfig
from lightkube.config.kubeconfig import SingleConfig
from lightkube.config.models import User
from lightkube.core.exceptions import ConfigError

from volrewind.cluster import where
from volrewind.cluster.credentials import Plugin, plugin_of
from volrewind.cluster.outside import Outside
from volrewind.errors import UsageError

_HINT = "name a kubeconfig with --kubeconfig or KUBECONFIG (`microk8s config` prints MicroK8s')"


class Access(NamedTuple):
    """The way to a cluster: by `proxy` ("" for none), with credentials that `plugin` gives (None: that `config` has)."""

    config: SingleConfig
    plugin: Plugin | None = None
    proxy: str = ""


def found_access(outside: Outside, *, kubeconfig: str = "", context: str = "") -> Access:
    """Return who we are where: by `kubeconfig`, else what `KUBECONFIG` lists, else ~/.kube/config, else the account of
    the Pod this runs in, else MicroK8s' own kubeconfig.

    Raises:
        UsageError: there is none, or it is of no use, or it has no such context.
        ToolFailed: MicroK8s does not give its own.
    """
    try:
        document = where.document_of(outside.variables, kubeconfig)
        if document is None and where.is_in_pod(outside.variables):
            return Access(_chosen(KubeConfig.from_service_account(), context))
        if document is None and outside.microk8s:
            document = where.parse(outside.run([outside.microk8s, "config"], {}), "what MicroK8s says")
        if document is None:
            raise ConfigError("there is no kubeconfig")
        return _access(document, context, outside)
    except (ConfigError, KeyError, TypeError, OSError, ValueError, msgspec.ValidationError) as error:
        raise UsageError(f"no cluster is set up here: {error}", hint=_HINT) from error


def _access(document: where.Document, context: str, outside: Outside) -> Access:
    config = _chosen(KubeConfig.from_dict(document), context)
    cluster = _named(document["clusters"], config.context.cluster)["cluster"]
    if cluster.get("tls-server-name"):
        raise ValueError("tls-server-name in a kubeconfig is not supported")
    user = _named(document["users"], config.context.user).get("user") or {} if config.context.user else {}
    return Access(config, plugin_of(user, cluster, outside), cluster.get("proxy-url") or "")


def _chosen(config: KubeConfig, context: str) -> SingleConfig:
    chosen = config.get(context or None)
    assert chosen is not None  # only with a default of None, which was not given
    return chosen._replace(user=chosen.user or User())  # the client insists on a user; a proxy needs none


def _named(entries: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(one for one in entries if one["name"] == name)
