"""What a connection needs of this host: the environment, and programs that give kubeconfigs and credentials."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec

# Runs a program with some variables added to its environment, and returns what it printed.
Run = Callable[[Sequence[str], Mapping[str, str]], str]


def _no_programs(argv: Sequence[str], _: Mapping[str, str]) -> str:
    raise OSError(f"no programs are run here, and {argv[0]!r} would have to be")


class Outside(msgspec.Struct, frozen=True):
    """`microk8s` is the program that prints MicroK8s' kubeconfig, "" when it is not here."""

    variables: Mapping[str, str] = msgspec.field(default_factory=dict)
    microk8s: str = ""
    run: Run = _no_programs
