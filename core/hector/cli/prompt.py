"""The lines a user writes, with editing and history where there is a terminal."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prompt_toolkit import PromptSession

__all__ = ["Prompt", "has_terminal"]


def has_terminal() -> bool:
    """Whether somebody can be asked."""
    return sys.stdin.isatty() and sys.stderr.isatty()


class Prompt:
    """Asks for lines: with an editor on a terminal, plainly from anything else."""

    def __init__(self) -> None:
        self._editor = _editor() if sys.stdin.isatty() else None
        self._asker: PromptSession[str] | None = None

    async def line(self) -> str | None:
        """The next line; None when the user leaves, with Ctrl-D or Ctrl-C, or the input ends."""
        if self._editor is None:
            return await asyncio.to_thread(sys.stdin.readline) or None
        return await _asked(self._editor, "> ", "")

    async def ask(self, question: str, default: str = "") -> str | None:
        """The answer to a question, on a terminal; None when the user leaves.

        Args:
            question: what stands before the answer.
            default: what the answer begins as, to be edited.
        """
        if self._asker is None:
            self._asker = _editor()  # its own: answers are no lines to call back
        return await _asked(self._asker, question, default)


def _editor() -> PromptSession[str]:
    from prompt_toolkit import PromptSession
    from prompt_toolkit.output import create_output

    # The prompt is talk: it does not go where the answers go, unless that is a terminal too.
    return PromptSession(output=create_output(always_prefer_tty=True))


async def _asked(editor: PromptSession[str], question: str, default: str) -> str | None:
    try:
        return await editor.prompt_async(question, default=default)
    except (EOFError, KeyboardInterrupt):
        return None
