"""What every test shares: skips and their reasons, which CI counts as failures, golden files, Hypothesis without deadlines."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import zfs_host
from crash.machinery import report as proof
from hypothesis import settings

from volrewind.system.process import find

settings.register_profile("volrewind", deadline=None)  # a loaded machine is no bug
settings.load_profile("volrewind")


def pytest_addoption(parser: pytest.Parser) -> None:
    strict = os.environ.get("CI") == "true"
    parser.addoption("--no-skips", action="store_true", default=strict, help="a skipped test fails the run")
    parser.addoption("--rewrite-golden", action="store_true", help="write golden files, do not compare")


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(proof)  # here: who spreads tests over workers loads no conftest below this one


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):  # the workers have ended
        zfs_host.end_if_unused()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for reason in _lacks(item):
            item.add_marker(pytest.mark.skip(reason=reason))


def _lacks(item: pytest.Item) -> Iterator[str]:
    """Give what this machine lacks for a test."""
    if os.geteuid() != 0 and (item.get_closest_marker("root") or item.get_closest_marker("node")):
        yield "needs root"
    for marker in item.iter_markers("programs"):
        yield from (f"{program} is not installed" for program in marker.args if find(program) is None)


def pytest_sessionfinish(session: pytest.Session) -> None:
    if _forbidden_skips(session.config) and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    skips = _forbidden_skips(config)
    if skips:
        terminalreporter.section("skipped tests fail this run", red=True)
        for report in skips:
            terminalreporter.line(report.nodeid)


def _forbidden_skips(config: pytest.Config) -> list[pytest.TestReport]:
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if not config.getoption("--no-skips") or hasattr(config, "workerinput") or reporter is None:
        return []
    return list(reporter.stats.get("skipped", ()))


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Return a check that a text is what the file of that name in `golden/`, beside the test, holds."""

    def compare(name: str, text: str) -> None:
        file: Path = request.path.parent / "golden" / name
        if request.config.getoption("--rewrite-golden"):
            file.parent.mkdir(exist_ok=True)
            file.write_text(text, encoding="utf-8")
        assert text == file.read_text(encoding="utf-8"), f"{file} differs; `make golden` rewrites it"

    return compare
