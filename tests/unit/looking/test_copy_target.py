"""What a place in a Pod means: which claim it is in, and where."""

from __future__ import annotations

import pytest

from volrewind.errors import NotSupported, Refused, UsageError
from volrewind.model.pod import PodMount, UsingPod
from volrewind.plan.copy_target import CopyTarget, claim_and_path, parse_target

POD = UsingPod(
    namespace="shop",
    name="web-0",
    claims=("data", "logs"),
    mounts=(
        PodMount("data", "/srv"),
        PodMount("", "/srv/cache"),
        PodMount("logs", "/srv/logs", "web"),
        PodMount("logs", "/own", None),
        PodMount("data", "/seen", read_only=True),
    ),
)


@pytest.mark.parametrize("text", ["./data", "data", "/srv/x", "pods/web-0:/x", "."])
def test_what_names_neither_a_pod_nor_a_claim_is_a_place_on_this_host(text: str) -> None:
    assert parse_target(text) is None


def test_a_place_in_a_pod_or_a_claim_is_read() -> None:
    assert parse_target("pod/web-0:/srv/a:b") == CopyTarget(pod="web-0", path="/srv/a:b")
    assert parse_target("claim/data:") == CopyTarget(claim="data", path="/")


@pytest.mark.parametrize("text", ["pod/web-0", "pod/:/x", "claim/a/b:/x", "pod/"])
def test_what_only_begins_like_one_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_target(text)


@pytest.mark.parametrize(
    ("path", "claim", "inside"),
    [
        ("/srv", "data", "/"),
        ("/srv/up/cat.png", "data", "/up/cat.png"),
        ("/srv/up/", "data", "/up/"),
        ("/srv/logs/now", "logs", "/web/now"),
    ],
)
def test_the_innermost_mount_counts(path: str, claim: str, inside: str) -> None:
    assert claim_and_path(POD, path) == (claim, inside)


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("/srv/cache/x", Refused),  # in the claim's directory, and yet another volume
        ("/etc/passwd", Refused),
        ("/seen/x", Refused),
        ("/own/x", NotSupported),
        ("srv/x", UsageError),
        ("/srv/../etc", UsageError),
    ],
)
def test_what_would_land_elsewhere_is_refused(path: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        claim_and_path(POD, path)
