from __future__ import annotations

import re

import pytest

from volrewind import errors
from volrewind.errors import UsageError, VolrewindError

# https://grpc.github.io/grpc/core/md_doc_statuscodes.html, without OK
GRPC_CODES = {
    "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
    "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE",
    "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
}  # fmt: skip
EXIT_CODES = {1, 2, 3, 4, 5, 6, 130}
_LINE = re.compile(r"(?P<branch>[│├└─ ]*)(?P<name>[A-Z]\w+) +(?P<exit>\d+) +(?P<grpc>[A-Z_]+) +(?P<http>\d+)")
_TYPES = [each for each in vars(errors).values() if isinstance(each, type)]
CLASSES = [each for each in _TYPES if issubclass(each, VolrewindError)]


def _drawn() -> dict[str, tuple[str, int, str, int]]:
    """Return what the docstring draws: name to (parent, exit code, gRPC code, HTTP status)."""
    rows: dict[str, tuple[str, int, str, int]] = {}
    ancestors: list[str] = ["Exception"]
    for line in (errors.__doc__ or "").splitlines():
        if match := _LINE.fullmatch(line):
            depth = len(match["branch"]) // 4
            ancestors[depth + 1 :] = [match["name"]]
            rows[match["name"]] = (ancestors[depth], int(match["exit"]), match["grpc"], int(match["http"]))
    return rows


def test_the_tree_in_the_docstring_is_the_tree_of_the_classes() -> None:
    actual = {
        error.__name__: (error.__bases__[0].__name__, error.exit_code, error.grpc_code, error.http_status)
        for error in CLASSES
    }
    assert _drawn() == actual


@pytest.mark.parametrize("error", CLASSES)
def test_every_error_has_codes_that_exist(error: type[VolrewindError]) -> None:
    assert error.exit_code in EXIT_CODES
    assert error.grpc_code in GRPC_CODES
    assert 400 <= error.http_status <= 599


@pytest.mark.parametrize("error", CLASSES)
def test_every_error_says_when_it_is_raised(error: type[VolrewindError]) -> None:
    assert (error.__doc__ or "").endswith(".")


def test_an_error_carries_its_sentence_and_the_next_step() -> None:
    error = UsageError("size '0' is not understood", hint="write it like 10Gi")
    assert str(error) == error.message == "size '0' is not understood"
    assert error.hint == "write it like 10Gi"


def test_a_hint_may_be_left_out() -> None:
    assert UsageError("no").hint == ""
