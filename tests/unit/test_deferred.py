"""A module that stands in until it is used is the module to whoever uses it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

_USED = """
import sys
from volrewind.deferred import Deferred
sys.modules["colours"] = Deferred("colours")
"""
_MODULE = """
import time
loaded = globals().get("loaded", 0) + 1
time.sleep(0.2)
red = "red"
"""


@pytest.fixture
def run(tmp_path: Path):
    (tmp_path / "colours.py").write_text(_MODULE)

    def run(text: str) -> str:
        argv = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n{_USED}{text}"]
        return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.strip()

    return run


def test_importing_it_again_does_not_load_it(run) -> None:
    assert run("import colours; print('red' in vars(colours), type(colours).__name__)") == "False Deferred"


def test_using_it_loads_it_once(run) -> None:
    told = "import colours as one; one.red; import colours as other; print(one.red, other.red, other.loaded, type(other).__name__)"
    assert run(told) == "red red 1 module"


def test_a_name_taken_from_it_is_the_module_s(run) -> None:
    assert run("from colours import red; print(red)") == "red"


def test_what_it_does_not_have_is_missing(run) -> None:
    assert run("import colours; print(hasattr(colours, 'blue'), hasattr(colours, 'red'))") == "False True"


def test_threads_that_use_it_at_once_all_find_it_whole(run) -> None:
    told = """
import colours
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(8) as executor:
    print({one.result() for one in [executor.submit(lambda: (colours.red, colours.loaded)) for _ in range(8)]})
"""
    assert run(told) == "{('red', 1)}"


def test_what_is_loaded_already_stays(run) -> None:
    told = "from volrewind.deferred import defer_seldom_used; import inspect; defer_seldom_used(); print(type(sys.modules['inspect']).__name__)"
    assert run(told) == "module"


def test_the_program_can_use_what_it_deferred(run) -> None:
    told = """
from volrewind.deferred import defer_seldom_used
defer_seldom_used()
import inspect, ipaddress, textwrap
print(type(inspect).__name__, inspect.cleandoc("  a"), ipaddress.ip_address("::1"), textwrap.dedent("  a"))
"""
    assert run(told) == "Deferred a ::1 a"
