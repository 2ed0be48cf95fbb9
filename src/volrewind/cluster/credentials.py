"""Credentials that a program gives, as a kubeconfig's `exec` says: tokens that expire, or a certificate.

https://kubernetes.io/docs/reference/config-api/client-authentication.v1/
"""

from __future__ import annotations

import base64
from collections.abc import Generator
from datetime import datetime, timedelta
from typing import Any  # a kubeconfig's documents

import httpx2
import msgspec
from lightkube.config.models import User

from volrewind.clock import Clock
from volrewind.cluster.outside import Outside
from volrewind.errors import Denied, VolrewindError

_VERSIONS = tuple(f"client.authentication.k8s.io/{version}" for version in ("v1", "v1beta1", "v1alpha1"))
_BEFORE = timedelta(seconds=30)  # a token is renewed so long before it expires
_Document = dict[str, Any]


class _Status(msgspec.Struct, rename="camel"):
    token: str = ""
    client_certificate_data: str = ""
    client_key_data: str = ""
    expiration_timestamp: datetime | None = None


class _Answer(msgspec.Struct, rename="camel"):
    status: _Status
    api_version: str = ""


class Plugin:
    """A program that says who we are."""

    def __init__(self, wanted: _Document, cluster: _Document, outside: Outside) -> None:
        self._wanted, self._cluster, self._outside = wanted, cluster, outside

    def ask(self) -> _Status:
        """Run the program, and return what it says.

        Raises:
            Denied: it failed, or said nothing of use.
        """
        argv = [self._wanted["command"], *(self._wanted.get("args") or ())]
        try:
            return msgspec.json.decode(self._outside.run(argv, self._variables()), type=_Answer).status
        except (VolrewindError, OSError, msgspec.MsgspecError) as error:
            raise Denied(
                f"{argv[0]!r}, which the kubeconfig names, gave no credentials: {error}",
                hint=self._wanted.get("installHint") or "does `kubectl get pods` work?",
            ) from error

    def _variables(self) -> dict[str, str]:
        said = {one["name"]: one["value"] for one in self._wanted.get("env") or ()}
        return {**said, "KUBERNETES_EXEC_INFO": msgspec.json.encode(self._information()).decode()}

    def _information(self) -> _Document:
        spec: _Document = {"interactive": False}
        if self._wanted.get("provideClusterInfo"):
            spec["cluster"] = self._cluster
        return {"apiVersion": self._wanted["apiVersion"], "kind": "ExecCredential", "spec": spec}


def plugin_of(user: _Document, cluster: _Document, outside: Outside) -> Plugin | None:
    """Return the program that a user's credentials come from; None when they stand in the kubeconfig.

    Raises:
        ValueError: it would speak a version of the protocol that we do not.
    """
    wanted = user.get("exec")
    if not wanted:
        return None
    if wanted.get("apiVersion") not in _VERSIONS:
        raise ValueError(f"exec version {wanted.get('apiVersion')!r} is not known")
    return Plugin(wanted, cluster, outside)


def certified(status: _Status) -> User:
    """Return who a certificate says we are; nobody, where the program gave a token instead."""
    if not status.client_certificate_data:
        return User()
    certificate, key = (_encoded(text) for text in (status.client_certificate_data, status.client_key_data))
    return User(client_cert_data=certificate, client_key_data=key)


class PluginAuth(httpx2.Auth):
    """Puts the program's token into requests; a new one before it expires, or when the cluster takes it no more."""

    def __init__(self, plugin: Plugin, status: _Status, clock: Clock) -> None:
        self._plugin, self._status, self._clock = plugin, status, clock

    def sync_auth_flow(self, request: httpx2.Request) -> Generator[httpx2.Request, httpx2.Response, None]:
        end = self._status.expiration_timestamp
        if end is not None and self._clock.now() > end - _BEFORE:
            self._status = self._plugin.ask()
        answer = yield self._signed(request)
        if answer.status_code == 401:
            self._status = self._plugin.ask()
            yield self._signed(request)

    def _signed(self, request: httpx2.Request) -> httpx2.Request:
        if self._status.token:
            request.headers["Authorization"] = f"Bearer {self._status.token}"
        return request


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
