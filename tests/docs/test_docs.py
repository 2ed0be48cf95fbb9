"""The pages: links lead somewhere, commands exist, the error page is what the code says."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from volrewind import errors
from volrewind.cli.main import COMMANDS, cli

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_to_a_file(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text())
    missing = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert missing == []


@pytest.mark.parametrize(
    "page", [ROOT / "README.md", ROOT / "docs/concepts.md", ROOT / "docs/limits.md"], ids=lambda page: page.name
)
def test_every_command_shown_exists(page: Path) -> None:
    shown = re.findall(r"volrewind ([a-z]+)(?: ([a-z]+))?", page.read_text())
    for first, second in shown:
        if first not in COMMANDS:
            continue
        command = cli.get_command(click.Context(cli), first)
        if isinstance(command, click.Group) and second:
            assert second in command.commands


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_at_a_prompt_are_ours(page: Path) -> None:
    prompts = re.findall(r"^[#$] volrewind ([a-z]+)", page.read_text(), re.MULTILINE)
    assert [name for name in prompts if name not in COMMANDS] == []


def test_the_error_page_is_current() -> None:
    listed = re.findall(r"^\| (\w+) \| (\d+) \| (\w+) \| (\d+) \|", (ROOT / "docs/errors.md").read_text(), re.MULTILINE)
    kinds = [
        kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.VolrewindError)
    ]
    expected = [(kind.__name__, str(kind.exit_code), kind.grpc_code, str(kind.http_status)) for kind in kinds]
    assert sorted(listed) == sorted(expected)


def test_concepts_explain_what_they_must() -> None:
    text = (ROOT / "docs/concepts.md").read_text()
    for heading in ("Copy-on-write", "Full, incremental, chains", "In Kubernetes", "The pools"):
        assert f"## {heading}" in text
