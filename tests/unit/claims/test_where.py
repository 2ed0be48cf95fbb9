"""The kubeconfig is found as kubectl finds it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from lightkube.config.kubeconfig import SingleConfig

from volrewind.cluster.kubeconfig import found_access
from volrewind.cluster.outside import Outside
from volrewind.cluster.where import is_set_up
from volrewind.errors import UsageError


def found_config(variables: dict[str, str], **wanted: str) -> SingleConfig:
    return found_access(Outside(variables), **wanted).config


def kubeconfig(path: Path, name: str, *, current: bool = True, user: bool = True, **more: Any) -> Path:
    """Write a kubeconfig that knows one cluster, and return where."""
    cluster = {"server": f"https://{name}:6443", "certificate-authority": "pki/ca.crt"}
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": cluster}],
        "contexts": [{"name": name, "context": {"cluster": name, **({"user": name} if user else {}), **more}}],
        "users": [{"name": name, "user": {"token": f"of-{name}"}}] if user else None,
        **({"current-context": name} if current else {}),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(content))
    return path


def test_the_files_of_the_environment_are_merged_and_the_first_word_wins(tmp_path: Path) -> None:
    first = kubeconfig(tmp_path / "a" / "config", "first")
    second = kubeconfig(tmp_path / "b" / "config", "second", namespace="shop")
    variables = {"KUBECONFIG": f"{first}:{tmp_path}/missing:{second}"}

    assert found_config(variables).context_name == "first"
    chosen = found_config(variables, context="second")
    assert (chosen.cluster.server, chosen.user.token, chosen.namespace) == ("https://second:6443", "of-second", "shop")
    assert chosen.cluster.certificate_auth == str(tmp_path / "b" / "pki" / "ca.crt")


def test_a_name_that_two_files_have_is_the_first_ones(tmp_path: Path) -> None:
    first, second = kubeconfig(tmp_path / "a", "same", namespace="one"), kubeconfig(tmp_path / "b", "same")
    assert found_config({"KUBECONFIG": f"{first}:{second}"}).namespace == "one"


def test_the_home_directory_has_one_for_whoever_names_none(tmp_path: Path) -> None:
    kubeconfig(tmp_path / ".kube" / "config", "home")
    assert found_config({"HOME": str(tmp_path)}).context_name == "home"
    assert is_set_up({"HOME": str(tmp_path)})


def test_a_file_that_is_named_wins_over_the_environment(tmp_path: Path) -> None:
    named, other = kubeconfig(tmp_path / "a", "named"), kubeconfig(tmp_path / "b", "other")
    assert found_config({"KUBECONFIG": str(other)}, kubeconfig=str(named)).context_name == "named"


def test_microk8s_is_asked_when_nothing_else_is_there(tmp_path: Path) -> None:
    said = {("/snap/bin/microk8s", "config"): kubeconfig(tmp_path / "a", "microk8s").read_text()}
    outside = Outside({"HOME": str(tmp_path)}, "/snap/bin/microk8s", lambda argv, _: said[tuple(argv)])
    assert found_access(outside).config.context_name == "microk8s"


def test_a_cluster_without_a_user_is_fine(tmp_path: Path) -> None:
    assert found_config({}, kubeconfig=str(kubeconfig(tmp_path / "a", "proxy", user=False))).user is not None


@pytest.mark.parametrize("text", ["{", "a: [", "just words", "contexts: [{context: {}}]", "[1, 2]", ""])
def test_what_is_no_kubeconfig_is_said(tmp_path: Path, text: str) -> None:
    (tmp_path / "config").write_text(text)
    with pytest.raises(UsageError, match="no cluster is set up here"):
        found_config({}, kubeconfig=str(tmp_path / "config"))


def test_a_context_that_does_not_exist_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="'other' not found"):
        found_config({}, kubeconfig=str(kubeconfig(tmp_path / "a", "one")), context="other")


def test_nothing_at_all_is_said_with_how_to_name_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no kubeconfig") as refused:
        found_config({"HOME": str(tmp_path)})
    assert "--kubeconfig" in refused.value.hint
    assert not is_set_up({"HOME": str(tmp_path)})


def test_what_kubectl_does_and_we_cannot_is_said(tmp_path: Path) -> None:
    file = kubeconfig(tmp_path / "a", "one")
    content = yaml.safe_load(file.read_text())
    content["clusters"][0]["cluster"]["tls-server-name"] = "other"
    file.write_text(yaml.safe_dump(content))
    with pytest.raises(UsageError, match="tls-server-name"):
        found_config({}, kubeconfig=str(file))


def test_a_proxy_is_the_clusters_own(tmp_path: Path) -> None:
    file = kubeconfig(tmp_path / "a", "one")
    content = yaml.safe_load(file.read_text())
    content["clusters"][0]["cluster"]["proxy-url"] = "http://127.0.0.1:3128"
    file.write_text(yaml.safe_dump(content))
    assert found_access(Outside(), kubeconfig=str(file)).proxy == "http://127.0.0.1:3128"
