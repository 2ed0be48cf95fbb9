"""What a shell offers at TAB: the names there are in the cluster or on this host; soon, or not at all.

Somebody waits with a finger on a key, and may have typed the name already: nothing is ever said about what goes wrong.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from threading import Thread
from typing import Any

from click.shell_completion import CompletionItem

from volrewind.cli.clusters import Where, connected, is_about_cluster
from volrewind.cli.commands import Offered
from volrewind.cli.output import environment
from volrewind.plan.rights import GROUPS
from volrewind.wiring import contexts_of

_SECONDS = 2.0  # and then nobody waits any more; a cluster nearby answers in 0.2 s with all that is loaded for it
_ON_HOST = ("pools", "volumes")
_PATHS = {"directories": "dir", "files": "file"}  # which the shell itself completes
Parameters = Mapping[str, Any]  # Any: what click made of the words before
Names = dict[str, str]  # with a few words about each, or ""


def offered(what: Offered, parameters: Parameters, begun: str, *, given: object = None) -> list[CompletionItem]:
    """Return what there is that begins as somebody has begun to type, but for what is `given` already."""
    if what == "targets" and _is_path(begun):
        what = "directories"
    if what in _PATHS:
        return [CompletionItem(begun, type=_PATHS[what])]
    before = given if isinstance(given, tuple) else ()
    names = _soon(lambda: _names(what, parameters, begun))
    return [
        CompletionItem(name, help=about)
        for name, about in names.items()
        if name.startswith(begun) and name not in before
    ]


def _is_path(begun: str) -> bool:
    return begun.startswith((".", "/", "~")) or ("/" in begun and not begun.startswith("pool:"))


def _soon(find: Callable[[], Names]) -> Names:
    """Return what is found within the time there is: all of it, or nothing, since a part would look like all."""
    found: list[Names] = []

    def look() -> None:
        with suppress(Exception):
            found.append(find())

    thread = Thread(target=look, daemon=True)
    thread.start()
    thread.join(_SECONDS)
    return found[0] if found else {}


def _names(what: Offered, parameters: Parameters, begun: str) -> Names:
    if what == "groups of rights":
        return {name: rights.about for name, rights in GROUPS.items()}
    if what == "contexts":
        return dict.fromkeys(contexts_of(os.environ, parameters.get("kubeconfig") or ""), "")
    if what in _ON_HOST:
        return _on_host(what)
    if what == "targets" and begun.startswith("pool:"):
        return {f"pool:{name}": about for name, about in _on_host("volumes").items()}
    namespace, context, kubeconfig = (parameters.get(word) or "" for word in ("namespace", "context", "kubeconfig"))
    where = Where(namespace, context, kubeconfig)
    if what in ("snapshots", "targets") and not is_about_cluster(where, local=bool(parameters.get("local"))):
        return _on_host(what)
    return _in_cluster("claims" if what == "targets" else what, where)


def _in_cluster(what: str, where: Where) -> Names:
    with connected(where) as cluster:
        from volrewind.services.claims.naming import names_of

        return names_of(cluster, what)


def _on_host(what: str) -> Names:
    here = environment()
    if what == "pools":
        return {one.name: one.kind for one in here.home.places()}
    if what == "snapshots":
        from volrewind.services.snapshots import list_snapshots

        return {one.snapshot.name: f"of {one.source}" for one in list_snapshots(here)[0]}
    volumes = [volume for pool in here.inventory.reachable_pools()[0] for volume in pool.volumes()]
    return {one.name: "" for one in volumes}
