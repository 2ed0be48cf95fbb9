"""The program: what `volrewind` and `python -m volrewind` run."""

import sys

from volrewind.cli.main import main as run


def main() -> None:
    """Run the command line and end with its exit code."""
    sys.exit(run())


if __name__ == "__main__":
    main()
