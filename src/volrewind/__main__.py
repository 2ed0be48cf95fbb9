"""The program: what `volrewind` and `python -m volrewind` run."""

import gc
import os
import sys


def main() -> None:
    """Run the command line and end with its exit code.

    A command lives for some 50 ms, so it does not look for cycles among the modules it loads (4 ms), nor take them apart
    when it ends (3 ms; November 2026).
    """
    _prepare()
    import threading

    from volrewind.cli.main import main as run

    code = run()
    if threading.active_count() > 1:
        sys.exit(code)  # which waits for the threads
    os._exit(code)


def complete_for_kubectl() -> None:
    """Print what completes `kubectl rewind`: what `kubectl_complete-rewind` runs."""
    _prepare()
    from volrewind.cli.completion import complete_for_kubectl as run

    run()


def _prepare() -> None:
    gc.set_threshold(50_000)  # here, since everything else is loaded after it
    _look_only_in_libraries()
    from volrewind.deferred import defer_seldom_used

    defer_seldom_used()  # before click is loaded


def _look_only_in_libraries() -> None:
    """Take the program's own directory off the path of modules, as `python -P` does.

    It holds no module of ours, what it holds may be anybody's, and each module would be looked for there first (1 ms in all).
    """
    beside = os.path.dirname(os.path.realpath(sys.argv[0]))  # noqa: PTH120  --help does without pathlib
    if not sys.flags.safe_path and sys.path[:1] == [beside]:
        del sys.path[0]


if __name__ == "__main__":
    main()
