"""Credentials that a program gives: asked for as kubectl asks, and again when they are over."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest

from volrewind.clock import FakeClock
from volrewind.cluster.credentials import Plugin, PluginAuth, certified, plugin_of
from volrewind.cluster.outside import Outside
from volrewind.errors import Denied, ToolFailed

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
VERSION = "client.authentication.k8s.io/v1"
WANTED = {"apiVersion": VERSION, "command": "cloud", "args": ["token"], "env": [{"name": "PROFILE", "value": "shop"}]}
CLUSTER = {"server": "https://shop:6443"}


class Cloud:
    """A program that gives token-1, token-2 …, each for an hour; `runs` are its arguments and variables."""

    def __init__(self, **more: Any) -> None:
        self.runs: list[tuple[list[str], dict[str, str]]] = []
        self._more = more

    def __call__(self, argv: Sequence[str], variables: Mapping[str, str]) -> str:
        self.runs.append((list(argv), dict(variables)))
        end = (NOW + len(self.runs) * timedelta(hours=1)).isoformat()
        status = {"token": f"token-{len(self.runs)}", "expirationTimestamp": end, **self._more}
        return json.dumps({"apiVersion": VERSION, "kind": "ExecCredential", "status": status})


def plugin(cloud: Any, **more: Any) -> Plugin:
    found = plugin_of({"exec": {**WANTED, **more}}, CLUSTER, Outside(run=cloud))
    assert found
    return found


def sent(auth: PluginAuth, *answers: int) -> list[str]:
    """Return with which tokens a request is sent, when it is answered so."""
    tokens, codes = [], list(answers)

    def handle(request: httpx2.Request) -> httpx2.Response:
        tokens.append(request.headers["Authorization"])
        return httpx2.Response(codes.pop(0))

    with httpx2.Client(transport=httpx2.MockTransport(handle), auth=auth) as client:
        client.get("https://shop:6443/api")
    return tokens


def test_the_program_is_told_what_kubectl_tells_it() -> None:
    cloud = Cloud()
    assert plugin(cloud, provideClusterInfo=True).ask().token == "token-1"
    ((argv, variables),) = cloud.runs
    told = json.loads(variables["KUBERNETES_EXEC_INFO"])
    assert (argv, variables["PROFILE"]) == (["cloud", "token"], "shop")
    assert told == {
        "apiVersion": VERSION, "kind": "ExecCredential", "spec": {"interactive": False, "cluster": CLUSTER},
    }  # fmt: skip


def test_a_token_is_renewed_before_it_expires() -> None:
    one, clock = plugin(Cloud()), FakeClock(NOW)
    auth = PluginAuth(one, one.ask(), clock)
    assert sent(auth, 200) == ["Bearer token-1"]
    clock.sleep(3599)
    assert sent(auth, 200) == ["Bearer token-2"]


def test_a_token_that_is_not_taken_any_more_is_renewed_once() -> None:
    one = plugin(Cloud())
    auth = PluginAuth(one, one.ask(), FakeClock(NOW))
    assert sent(auth, 401, 401) == ["Bearer token-1", "Bearer token-2"]


def test_a_certificate_is_taken_instead() -> None:
    user = certified(plugin(Cloud(clientCertificateData="PEM", clientKeyData="KEY")).ask())
    assert (user.client_cert_data, user.client_key_data) == ("UEVN", "S0VZ")


def _fails(argv: Sequence[str], _: Mapping[str, str]) -> str:
    raise ToolFailed(f"program {argv[0]!r} is not installed")


@pytest.mark.parametrize("run", [_fails, lambda *_: "{}", lambda *_: "login first"])
def test_a_program_that_gives_nothing_is_named_with_how_to_get_it(run: Any) -> None:
    with pytest.raises(Denied, match="'cloud', which the kubeconfig names, gave no credentials") as refused:
        plugin(run, installHint="get it from the cloud").ask()
    assert refused.value.hint == "get it from the cloud"


def test_a_version_nobody_knows_is_not_guessed() -> None:
    with pytest.raises(ValueError, match="v9"):
        plugin_of({"exec": {**WANTED, "apiVersion": "client.authentication.k8s.io/v9"}}, CLUSTER, Outside())


def test_a_user_without_one_needs_none() -> None:
    assert plugin_of({"token": "mine"}, CLUSTER, Outside()) is None
