"""How a snapshot of a claim is looked into."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from volrewind.cli.clusters import deadline_option
from volrewind.cli.commands import option


class Look(msgspec.Struct, frozen=True):
    """What was said about the Pod that looks; "" is for us to choose."""

    image: str = ""
    storage_class: str = ""
    timeout_seconds: float = 300.0


def look_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--image`, `--class` and `--timeout` to a command; it gets them as `look`."""

    def with_look(*words: Any, image: str, storage_class: str, timeout_seconds: float, **options: Any) -> Any:
        return function(*words, look=Look(image, storage_class, timeout_seconds), **options)

    with_look.__name__, with_look.__doc__ = function.__name__, function.__doc__
    with_look.__click_params__ = getattr(function, "__click_params__", [])  # type: ignore[attr-defined]  # click's
    with_look = deadline_option(with_look)
    for one in reversed(_OPTIONS):
        with_look = one(with_look)
    return with_look


_OPTIONS = (
    option("--image", default="", help="The image of volrewind for the Pod that looks; the driver's by default."),
    option(
        "--class",
        "storage_class",
        default="",
        offers="storage classes",
        help="The StorageClass of the claim it is looked at by.",
    ),
)
