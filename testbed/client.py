"""What the testbed itself asks of its API server."""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from lightkube import Client, KubeConfig, codecs
from lightkube.config.models import User
from lightkube.models.authentication_v1 import TokenRequestSpec
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import ServiceAccountToken

from testbed.slots import Endpoint

_MANAGER = "volrewind-testbed"
_TOKEN_SECONDS = 365 * 86400  # an instance may be left running
_PROBE_SECONDS = 5.0


@contextmanager
def connected(kubeconfig: Path, token: str | None = None) -> Iterator[Client]:
    """Give a client for whom the kubeconfig says, or for whom the token does; no proxy stands between it and the cluster."""
    known = KubeConfig.from_file(kubeconfig).get()
    assert known, "a kubeconfig has a current context"
    who = known if token is None else known._replace(user=User(token=token))
    with closing(Client(who, field_manager=_MANAGER, trust_env=False)) as client:
        yield client


def is_ready(endpoint: Endpoint, authority: Path) -> bool:
    """Tell whether the API server there says that all is well."""
    trust = ssl.create_default_context(cafile=str(authority))
    connection = http.client.HTTPSConnection(endpoint.address, endpoint.port, context=trust, timeout=_PROBE_SECONDS)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def apply(client: Client, files: Iterable[Path]) -> list[codecs.AnyResource]:
    """Make the cluster hold what the files say, and return it."""
    wanted = [one for file in files for one in codecs.load_all_yaml(file.read_text(encoding="utf-8"))]
    for one in wanted:
        client.apply(one, force=True)
    return wanted


def token_of(client: Client, account: str, namespace: str) -> str:
    """Return a token with which one is that ServiceAccount."""
    wanted = TokenRequestSpec(audiences=[], expirationSeconds=_TOKEN_SECONDS)
    request = ServiceAccountToken(metadata=ObjectMeta(), spec=wanted)  # lightkube cannot do without metadata
    answer = client.create(request, account, namespace=namespace)
    assert answer.status and answer.status.token, "a token request is answered at once"
    return answer.status.token
