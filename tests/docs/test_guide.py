"""docs/guide.md answers every heading and checklist item of the guide, and what it claims is there."""

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]
_PAGE = _ROOT / "docs" / "guide.md"
_ASKED = Path(__file__).with_name("guide_rows.txt")
_STATUSES = ("done", "partly", "not yet")


@dataclass(frozen=True)
class Row:
    """One line of the page's table; `test` is a path, maybe with `::name`, or a dash."""

    title: str
    answer: str
    test: str
    status: str


def _cells(line: str) -> list[str]:
    return [cell.strip().replace(r"\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def _read_rows() -> list[Row]:
    page = _PAGE.read_text(encoding="utf-8").split("## What the chapter gets wrong")[0]
    lines = (_cells(line) for line in page.splitlines() if line.startswith("| "))
    return [Row(*cells) for cells in lines if cells[0] != "the guide"]


def _asked_titles() -> list[str]:
    lines = _ASKED.read_text(encoding="utf-8").splitlines()
    return [re.sub(r"^(#+|- \[ \]) ", "", line) for line in lines]


def _linked_pages(row: Row) -> list[str]:
    return re.findall(r"\]\(([\w-]+\.md)\)", row.answer)


ROWS = _read_rows()


def test_every_heading_and_checklist_item_has_its_row_in_order():
    assert [row.title for row in ROWS] == _asked_titles()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.title)
def test_a_row_has_a_command_and_a_test_or_says_not_yet(row: Row):
    assert row.status in _STATUSES
    if row.status == "not yet":
        assert row.answer.startswith("planned: ")
        return
    assert "`volrewind " in row.answer or _linked_pages(row)
    assert row.test.startswith("`tests/")


@pytest.mark.parametrize("test", sorted({row.test.strip("`") for row in ROWS if row.status != "not yet"}))
def test_a_named_test_exists(test: str):
    path, _, name = test.partition("::")
    assert (_ROOT / path).is_file()
    assert not name or f"def {name}(" in (_ROOT / path).read_text(encoding="utf-8")


@pytest.mark.parametrize("page", sorted({page for row in ROWS for page in _linked_pages(row)}))
def test_a_linked_page_exists(page: str):
    assert (_ROOT / "docs" / page).is_file()
