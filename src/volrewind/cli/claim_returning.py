"""restore, for claims."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from volrewind.cli.clusters import Where, connected
from volrewind.cli.extras import needs_extra
from volrewind.cli.output import emit_document, shown, tell
from volrewind.cli.parsing import labels_of, moment_of

with needs_extra("cluster"):
    from volrewind.plan.claim_pods import using_pod
    from volrewind.services.claims import restore as service
    from volrewind.services.claims.documents import restored_document
    from volrewind.services.claims.restore import Connection, Restored, RestoreRequest


def restore_of_claim(
    where: Where,
    name: str,
    *,
    as_of: str,
    timezone: str,
    dry_run: bool,
    print_pod: bool,
    wait: bool,
    bind: bool,
    timeout_seconds: float,
    output: str,
    **wanted: Any,
) -> None:
    """Restore snapshot `name`, or claim `name` as it was, to a new claim, and wait until it has its volume."""
    request = _request(**wanted)
    with connected(where) as cluster:
        snapshot = _snapshot(cluster, name, as_of, timezone)
        if dry_run:
            _print_manifest(service.manifest_of(snapshot, service.plan(cluster, snapshot, request)))
            return
        restored = service.restore(cluster, snapshot, request)
        tell(f"claim {restored.claim.name} is asked for")
        if wait or bind:
            restored = service.be_usable(cluster, restored, bind=bind, deadline_seconds=timeout_seconds)
    if print_pod:
        _print_manifest(using_pod(restored.claim.name, block=restored.claim.block))
        _say(restored, to_stderr=True)
    else:
        _emit(restored, output)


def _request(
    *,
    new_name: str,
    storage_class: str,
    size_bytes: int | None,
    access_modes: Sequence[str],
    volume_mode: str | None,
    labels: Sequence[str],
) -> RestoreRequest:
    return RestoreRequest(
        name=new_name,
        storage_class=storage_class,
        size_bytes=size_bytes,
        access_modes=tuple(access_modes),
        block=None if volume_mode is None else volume_mode == "Block",
        labels=labels_of(labels),
    )


def _snapshot(cluster: Connection, name: str, as_of: str, timezone: str) -> Any:
    if not as_of:
        return service.the_snapshot(cluster, name)
    return service.as_of(cluster, name, moment_of(as_of, cluster.clock.now(), timezone))


def _print_manifest(manifest: Any) -> None:
    import yaml

    click.echo(yaml.safe_dump(manifest, sort_keys=False, allow_unicode=True), nl=False)


def _emit(restored: Restored, output: str) -> None:
    if output in ("json", "yaml"):
        emit_document(restored_document(restored), output)
    elif output == "name":
        click.echo(restored.claim.name)
    else:
        _say(restored)


def _say(restored: Restored, *, to_stderr: bool = False) -> None:
    claim, snapshot = restored.claim, restored.snapshot
    cut = f", cut at {snapshot.cut:%Y-%m-%d %H:%M:%S} UTC" if snapshot.cut else ""
    click.echo(f"{claim.name}   {claim.phase.value.lower()}   from {snapshot.name}{cut}", err=to_stderr)
    for reason in restored.plan.reasons if restored.plan else ("it was made by an earlier run",):
        click.echo(f"  {shown(reason)}", err=to_stderr)
    if not restored.is_bound:
        click.echo(
            "it gets its volume when a Pod uses it: `volrewind restore --print-pod` prints one, --bind runs one",
            err=True,
        )
