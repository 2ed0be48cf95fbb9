"""Where the cluster is and who we are there, as the client wants it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec
from lightkube import KubeConfig
from lightkube.config.kubeconfig import SingleConfig
from lightkube.config.models import User
from lightkube.core.exceptions import ConfigError

from volrewind.cluster import where
from volrewind.errors import UsageError

_HINT = "name a kubeconfig with --kubeconfig or KUBECONFIG (`microk8s config` prints MicroK8s')"


def found_config(
    variables: Mapping[str, str], *, kubeconfig: str = "", context: str = "", otherwise: Callable[[], str] = lambda: ""
) -> SingleConfig:
    """Return who we are where: by `kubeconfig`, else what `KUBECONFIG` lists, else ~/.kube/config, else the account of
    the Pod this runs in, else the kubeconfig whose text `otherwise()` gives ("" for none).

    Raises:
        UsageError: there is none, or it is of no use, or it has no such context.
    """
    try:
        chosen = _config(variables, kubeconfig, otherwise).get(context or None)
    except (ConfigError, KeyError, TypeError, OSError, ValueError, msgspec.ValidationError) as error:
        raise UsageError(f"no cluster is set up here: {error}", hint=_HINT) from error
    assert chosen is not None  # only with a default of None, which was not given
    return chosen._replace(user=chosen.user or User())  # the client insists on a user; a proxy needs none


def _config(variables: Mapping[str, str], kubeconfig: str, otherwise: Callable[[], str]) -> KubeConfig:
    if document := where.document_of(variables, kubeconfig):
        return KubeConfig.from_dict(document)
    if where.is_in_pod(variables):
        return KubeConfig.from_service_account()
    if text := otherwise():
        return KubeConfig.from_dict(where.parse(text, "what MicroK8s says"))
    raise ConfigError("there is no kubeconfig")
