"""env create, list, delete, prune."""

from __future__ import annotations

import click

from volrewind.cli.clusters import Where, cluster_options, connected, deadline_option
from volrewind.cli.commands import argument, group, option
from volrewind.cli.extras import needs_extra
from volrewind.cli.failing import fail
from volrewind.cli.output import Column, age_of, emit, output_option, tell
from volrewind.errors import UsageError
from volrewind.services.documents import Document

_COLUMNS = (
    Column("NAME", lambda one: one["name"]),
    Column("FROM", lambda one: one["source"]),
    Column("AGE", age_of),
    Column("EXPIRES", lambda one: _expiry(one)),
)


@group("env")
def env_command() -> None:
    """Make a namespace with clones of another one's claims, for a developer or a test, and remove all of it again.

    What it was cloned from is never touched. Only namespaces made by `env create` are ever deleted.

    \b
    volrewind env create dev-alice --from production --ttl 8h
    volrewind env list
    volrewind env delete dev-alice
    """


@env_command.command("create")
@argument("name")
@option(
    "--from",
    "source",
    default="",
    metavar="NAMESPACE",
    offers="namespaces",
    help="Whose claims are cloned; the context's by default.",
)
@option("--claim", "claims", multiple=True, help="Only this claim; may be repeated.")
@option("-l", "--selector", default="", metavar="LABELS", help="Only claims with these labels.")
@option("--quota", multiple=True, metavar="KEY=VALUE", help="A limit, e.g. requests.storage=50Gi; may be repeated.")
@option("--mask", default="", metavar="COMMAND", help="Run it on each clone's data in /data before anybody gets it.")
@option("--mask-image", default="", metavar="IMAGE", help="The image that COMMAND is run in; ours by default.")
@option("--ttl", default="", metavar="TIME", help="When `env prune` may remove it, e.g. 8h, 3d.")
@option("--bind", is_flag=True, help="Run a short-lived Pod where only that has a volume made.")
@deadline_option
@cluster_options()
@output_option
def create_command(
    name: str,
    source: str,
    claims: tuple[str, ...],
    selector: str,
    quota: tuple[str, ...],
    mask: str,
    mask_image: str,
    ttl: str,
    bind: bool,
    timeout_seconds: float,
    where: Where,
    output: str,
) -> None:
    """Make namespace NAME with a clone of every claim; the same command again goes on with what was begun.

    \b
    volrewind env create dev-alice --from production --ttl 8h --quota requests.storage=50Gi
    """
    from volrewind.model.quantity import parse_duration

    with needs_extra("cluster"):
        from volrewind.cli.claim_cloning import emit_clones
        from volrewind.services.claims.cloning.environments import EnvRequest, create

    if source and where.namespace not in ("", source):
        raise UsageError("--from and -n both name the namespace to clone", hint="say one of them")
    request = EnvRequest(
        name=name,
        claims=claims,
        selector=selector,
        quota=quota,
        ttl=parse_duration(ttl) if ttl else None,
        mask=mask,
        mask_image=mask_image,
        bind=bind,
        deadline_seconds=timeout_seconds,
    )
    with connected(Where(source or where.namespace, where.context, where.kubeconfig)) as cluster:
        made = create(cluster, request, progress=tell)
    emit_clones(made.clones, output)


@env_command.command("list")
@cluster_options()
@output_option
def list_command(where: Where, output: str) -> None:
    """List them.

    \b
    volrewind env list
    """
    with needs_extra("cluster"):
        from volrewind.services.claims.cloning.environments import list_all
        from volrewind.services.claims.documents import env_document

    with connected(where) as cluster:
        documents = [env_document(one, cluster.clock.now()) for one in list_all(cluster)]
    emit(documents, _COLUMNS, output, empty="no environments; `volrewind env create` makes one")


def _expiry(document: Document) -> str:
    if document["deleted"]:
        return "is being deleted"
    if document["expired"]:
        return "expired"
    return document["expires"] or "-"


@env_command.command("delete")
@argument("name", offers="namespaces")
@deadline_option
@cluster_options()
def delete_command(name: str, timeout_seconds: float, where: Where) -> None:
    """Delete namespace NAME with all that is in it, its clones and their volumes among it.

    \b
    volrewind env delete dev-alice
    """
    with needs_extra("cluster"):
        from volrewind.services.claims.cloning.environments import delete

    with connected(where) as cluster:
        delete(cluster, name, deadline_seconds=timeout_seconds)
    click.echo(f"{name} deleted")


@env_command.command("prune")
@option("--dry-run", is_flag=True, help="Only say what would be deleted.")
@deadline_option
@cluster_options()
def prune_command(dry_run: bool, timeout_seconds: float, where: Where) -> None:
    """Delete the environments, and the single clones elsewhere, whose `--ttl` is over, in the whole cluster.

    \b
    volrewind env prune --dry-run
    """
    with needs_extra("cluster"):
        from volrewind.services.claims.cloning.environments import expired, prune

    with connected(where) as cluster:
        if dry_run:
            for what in expired(cluster):
                click.echo(f"{what} would be deleted")
            return
        done = prune(cluster, deadline_seconds=timeout_seconds)
    for one in done:
        if one.error is None:
            click.echo(f"{one.what} deleted")
    fail([one.error for one in done if one.error], len(done), "were not deleted")
