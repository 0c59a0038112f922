"""Which commands may run, and as which program with which arguments."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Sequence
from pathlib import Path

import attrs

from hector.errors import ToolError

__all__ = ["CommandRefusedError", "CommandRules"]

LONGEST_COMMAND = 32_768
SHELL = "/bin/sh"
_OPERATORS = frozenset("();<>|&")


class CommandRefusedError(ToolError):
    """A command is not one of those that may run."""


@attrs.frozen
class CommandRules:
    """What was configured, ready to be applied. Whatever cannot be understood is refused.

    Attributes:
        allowed: the words that a command may begin with; empty: a shell reads the commands.
        denied: patterns of what does not run.
        root: programs with a `/` in their name are relative to it.
        path: where other programs are looked for; its folders are absolute.
    """

    allowed: tuple[tuple[str, ...], ...]
    denied: tuple[re.Pattern[str], ...]
    root: Path
    path: str

    @property
    def has_shell(self) -> bool:
        """Whether a shell reads the commands."""
        return not self.allowed

    def program_and_arguments(self, command: str) -> Sequence[str]:
        """What to execute; the first is an absolute path.

        Raises:
            CommandRefusedError: it is not allowed, is denied, or cannot be understood.
            ToolError: there is no such program.
        """
        words = self._words(command)
        self._refuse_denied(command, words)
        if self.has_shell:
            return SHELL, "-c", command
        if not any(words[: len(start)] == start for start in map(list, self.allowed)):
            may = ", ".join(f"`{shlex.join(start)}`" for start in self.allowed)
            raise CommandRefusedError(
                f"`{command}` is not allowed; a command begins with one of: {may}"
            )
        program = self.find(words[0])
        if program is None:
            raise ToolError(f"there is no program `{words[0]}`")
        return program, *words[1:]

    def find(self, program: str) -> str | None:
        """The absolute path of a program, or None."""
        if "/" in program:
            return shutil.which(str(self.root / program))
        return shutil.which(program, path=self.path)

    def _words(self, command: str) -> list[str]:
        if "\0" in command or len(command) > LONGEST_COMMAND:
            raise CommandRefusedError("the command is too long, or holds a NUL character")
        try:
            words = shlex.split(command)
            operators = [] if self.has_shell else _operators(command)
        except ValueError as error:
            raise CommandRefusedError(f"`{command}` cannot be read: {error}") from error
        if not words:
            raise CommandRefusedError("the command is empty")
        if operators:
            raise CommandRefusedError(
                f"`{operators[0]}` needs a shell, and there is none: run one program at a time, and quote what is "
                "meant literally"
            )
        return words

    def _refuse_denied(self, command: str, words: Sequence[str]) -> None:
        """Search the command as it is written, without its quotes, and with each word quoted anew."""
        texts = (command, " ".join(words), shlex.join(words))
        for pattern in self.denied:
            if any(pattern.search(text) for text in texts):
                raise CommandRefusedError(f"`{command}` is denied by `{pattern.pattern}`")


def _operators(command: str) -> list[str]:
    """What a shell would take as an operator: unquoted, and therefore meant as one."""
    lexer = shlex.shlex(command, posix=False, punctuation_chars=True)
    lexer.whitespace_split = True
    lexer.commenters = ""
    return [word for word in lexer if word and set(word) <= _OPERATORS]
