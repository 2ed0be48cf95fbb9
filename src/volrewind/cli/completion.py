"""completion: the scripts of the shells, and what they and kubectl ask at TAB."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

import click
from click.shell_completion import BashComplete, CompletionItem, ShellComplete, get_completion_class

from volrewind.cli.commands import COMPLETE, argument, command

_SHELLS = ("bash", "zsh", "fish")


@command("completion")
@argument("shell", type=click.Choice(_SHELLS))
def completion_command(shell: str) -> None:
    """Print what makes SHELL complete commands, options, and the names of what there is at TAB.

    In ~/.bashrc or ~/.zshrc: `source <(volrewind completion bash)`, or zsh. kubectl completes `kubectl rewind` by itself,
    once it completes its own commands.

    \b
    volrewind completion bash
    volrewind completion zsh >~/.zfunc/_volrewind
    volrewind completion fish >~/.config/fish/completions/volrewind.fish
    """
    click.echo(_completer(shell, click.Command("volrewind")).source(), nl=False)


def complete(commands: click.Command, asked: str) -> NoReturn:
    """Print what a shell is to offer, and end; `asked` is what its script says, e.g. `bash_complete`."""
    shell, _, _ = asked.partition("_")
    _offer(_completer(shell if shell in _SHELLS else "bash", commands))


def complete_for_kubectl() -> NoReturn:
    """Print what completes `kubectl rewind …`: kubectl runs this program (`kubectl_complete-rewind`) with the words so far."""
    from volrewind.cli.main import cli

    _offer(_ForKubectl(cli, {}, "kubectl rewind", COMPLETE))


def _completer(shell: str, commands: click.Command) -> ShellComplete:
    kind = _Bash if shell == "bash" else get_completion_class(shell)
    assert kind
    return kind(commands, {}, "volrewind", COMPLETE)


def _offer(completer: ShellComplete) -> NoReturn:
    """Print completions, and nothing else: what goes wrong is not what somebody waits for who typed half a word."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    with open(os.devnull, "w") as nowhere:  # noqa: PTH123
        os.dup2(nowhere.fileno(), sys.stderr.fileno())
    text = ""
    try:
        text = completer.complete()
    finally:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
        os._exit(0)  # whoever still looks for names is not waited for


class _Bash(BashComplete):
    """bash, which gives `pool:data` and `--name=data` as three words each, and replaces only the last of them."""

    _replaced = ""

    def source(self) -> str:
        return self.source_template % self.source_vars()  # which bash runs this is not asked: 4.4 is from 2016

    def get_completion_args(self) -> tuple[list[str], str]:
        args, last = super().get_completion_args()
        *joined, begun = _joined([*args, last])
        if ":" in begun and begun != last:
            self._replaced = begun[: begun.rfind(":") + 1]
        return joined, begun

    def format_completion(self, item: CompletionItem[Any]) -> str:
        return f"{item.type},{item.value.removeprefix(self._replaced)}"


def _joined(words: Sequence[str]) -> list[str]:
    """Return words with those put together again that stood around `:` and `=`."""
    joined: list[str] = []
    goes_on = False
    for word in words:
        separates = word in (":", "=") and bool(joined)
        if separates or goes_on:
            joined[-1] += word
        else:
            joined.append(word)
        goes_on = separates
    return joined


class _ForKubectl(ShellComplete):
    """kubectl, to which its plugins answer as cobra's own completion does: a line for each, then what the shell may add."""

    _NO_FILES, _FILES, _DIRECTORIES = 4, 0, 16  # ShellCompDirectiveNoFileComp, …Default, …FilterDirs

    def get_completion_args(self) -> tuple[list[str], str]:
        *args, begun = sys.argv[1:] or [""]
        return args, begun

    def format_completion(self, item: CompletionItem[Any]) -> str:
        return f"{item.value}\t{item.help}" if item.help else item.value

    def complete(self) -> str:
        items = self.get_completions(*self.get_completion_args())
        kinds = {item.type for item in items}
        if kinds & {"file", "dir"}:
            return f":{self._FILES if 'file' in kinds else self._DIRECTORIES}"
        return "\n".join([*map(self.format_completion, items), f":{self._NO_FILES}"])
