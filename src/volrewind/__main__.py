"""Run the command line as `python -m volrewind`."""

from volrewind.cli.main import main

if __name__ == "__main__":
    main()
