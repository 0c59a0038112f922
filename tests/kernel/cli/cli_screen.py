"""A command on a real terminal, and the user's side of it."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager

from cli_terminal import HECTOR, Terminal

__all__ = ["CTRL_C", "CTRL_D", "Screen", "on_screen"]

ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]|\r")
CTRL_C, CTRL_D = "\x03", "\x04"


class Screen:
    """The user's side of a pseudo-terminal."""

    def __init__(self, master: int, process: subprocess.Popen[bytes]) -> None:
        self.master = master
        self.process = process
        self.text = ""

    def wait_for(self, expected: str) -> str:
        """What was written up to and including `expected`, without control sequences."""
        deadline = time.monotonic() + 20
        while expected not in self.text:
            readable, _, _ = select.select([self.master], [], [], deadline - time.monotonic())
            assert readable, f"{expected!r} never came after: {self.text!r}"
            raw = os.read(self.master, 65536).decode()
            if "\x1b[6n" in raw:  # prompt_toolkit asks a terminal where its cursor is
                os.write(self.master, b"\x1b[1;1R")
            self.text += ESCAPE.sub("", raw)
        before, _, self.text = self.text.partition(expected)
        return before + expected

    def write(self, text: str) -> None:
        os.write(self.master, text.encode())


@contextmanager
def on_screen(terminal: Terminal, *args: str) -> Generator[Screen]:
    """A command on a terminal; it is killed at the end."""
    master, slave = pty.openpty()
    with subprocess.Popen(
        [*HECTOR, *args],
        cwd=terminal.folder,
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env={**terminal.environment, "TERM": "xterm"},
        start_new_session=True,
    ) as process:
        os.close(slave)
        try:
            yield Screen(master, process)
        finally:
            process.kill()
            os.close(master)
