"""Which cluster and namespace a command is about, and whether it is about a cluster at all."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import click
import msgspec

from volrewind.cli.commands import option
from volrewind.cli.extras import needs_extra
from volrewind.errors import UsageError
from volrewind.model.target import is_claim
from volrewind.wiring import cluster_of, has_cluster

if TYPE_CHECKING:
    from volrewind.services.claims.choosing import Connection


class Where(msgspec.Struct, frozen=True):
    """What was said about the cluster; "" is as kubectl has it. `everywhere` is all namespaces."""

    namespace: str = ""
    context: str = ""
    kubeconfig: str = ""
    everywhere: bool = False

    @property
    def is_said(self) -> bool:
        """Tell whether anything was said, which makes a command one about a cluster."""
        return self != Where()


def cluster_options(*, everywhere: bool = False) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add `-n`, `--context` and `--kubeconfig` to a command, and `-A` with `everywhere`; it gets them as `where`."""

    def add(function: Callable[..., Any]) -> Callable[..., Any]:
        def with_where(
            *words: Any, namespace: str, context: str, kubeconfig: str, all_namespaces: bool = False, **options: Any
        ) -> Any:
            if namespace and all_namespaces:
                raise UsageError("-n and -A exclude each other")
            return function(*words, where=Where(namespace, context, kubeconfig, all_namespaces), **options)

        with_where.__name__, with_where.__doc__ = function.__name__, function.__doc__
        with_where.__click_params__ = getattr(function, "__click_params__", [])  # type: ignore[attr-defined]  # click's
        options = [*_OPTIONS, *([_EVERYWHERE] if everywhere else [])]
        for one in reversed(options):
            with_where = one(with_where)
        return with_where

    return add


_OPTIONS = (
    option("-n", "--namespace", default="", offers="namespaces", help="The namespace; the context's by default."),
    option("--context", default="", offers="contexts", help="The context of the kubeconfig to use."),
    option("--kubeconfig", default="", metavar="FILE", offers="files", help="The kubeconfig to use, if not kubectl's."),
)
_EVERYWHERE = option("-A", "--all-namespaces", is_flag=True, help="Every namespace.")


def deadline_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--timeout` to a command; it gets `timeout_seconds`."""

    def parsed(_: click.Context, __: click.Parameter, text: str) -> float:
        if text.isdigit():
            return float(text)
        from volrewind.model.quantity import parse_duration

        return parse_duration(text).total_seconds()

    return option(
        "--timeout",
        "timeout_seconds",
        default="300",
        show_default=True,
        metavar="SECONDS",
        callback=parsed,
        help="How long to wait for a cluster; also 10m, 1h.",
    )(function)


def local_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--local` to a command."""
    return option("--local", is_flag=True, help="Speak of this host, also where a cluster is set up.")(function)


def is_about_cluster(where: Where, targets: Sequence[str] = (), *, local: bool = False) -> bool:
    """Tell whether a command is about a cluster: its targets are claims, or it names one; else, whether one is set up here.

    Raises:
        UsageError: claims and what is on a host are named together, or what was said of a cluster does not fit.
    """
    if targets and where.everywhere:
        raise UsageError("-A is every claim of every namespace; name claims with -n, or none with -A")
    claims = [target for target in targets if is_claim(target)]
    if local and (where.is_said or claims):
        raise UsageError("--local is about this host; claims and namespaces are a cluster's")
    if claims and len(claims) < len(targets):
        raise UsageError("claims and directories cannot be named together", hint="use one command for each")
    if targets and not claims and where.is_said:
        raise UsageError(f"{targets[0]!r} is on this host, and namespaces and contexts are a cluster's")
    if claims and not where.is_said and not has_cluster(os.environ):
        raise UsageError(
            f"{claims[0]!r} would be a claim of a cluster, and none is set up here",
            hint=f"write ./{claims[0]} for a directory, pool:{claims[0]} for a volume of a pool; --kubeconfig names a cluster",
        )
    if targets:
        return bool(claims)
    return where.is_said or (not local and has_cluster(os.environ))


@contextmanager
def connected(where: Where) -> Iterator[Connection]:
    """Give the cluster that is meant."""
    with ExitStack() as stack:
        with needs_extra("cluster"):
            cluster = stack.enter_context(
                cluster_of(os.environ, kubeconfig=where.kubeconfig, context=where.context, namespace=where.namespace)
            )
        yield cluster
