"""The lines a user writes, with editing and history where there is a terminal."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prompt_toolkit import PromptSession

__all__ = ["Prompt"]


class Prompt:
    """Asks for lines: with an editor on a terminal, plainly from anything else."""

    def __init__(self) -> None:
        self._editor: PromptSession[str] | None = None
        if sys.stdin.isatty():
            from prompt_toolkit import PromptSession
            from prompt_toolkit.output import create_output

            # The prompt is talk: it does not go where the answers go, unless that is a terminal too.
            self._editor = PromptSession(output=create_output(always_prefer_tty=True))

    async def line(self) -> str | None:
        """The next line; None when the user leaves, with Ctrl-D or Ctrl-C, or the input ends."""
        if self._editor is None:
            return await asyncio.to_thread(sys.stdin.readline) or None
        try:
            return await self._editor.prompt_async("> ")
        except (EOFError, KeyboardInterrupt):
            return None
