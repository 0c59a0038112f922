"""A real `hector serve` beside a test: its log line by line, and what its agents say of themselves."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

__all__ = ["Served", "config_text", "serving_file"]

DEADLINE_S = 20.0


def config_text(description: str, *, extends: str = "", more: str = "") -> str:
    """A config with one agent that is described so."""
    head = f"extends: {extends}\n" if extends else ""
    return (
        f"{head}name: app\nllms: {{default: {{provider: offline}}}}\n"
        f"agents:\n  helper:\n    description: {description}\n{more}"
        "server: {reload: {debounce: 100ms}}\n"
    )


class Served:
    """A running server."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []
        self.url = ""
        self._told = threading.Condition()
        self._is_over = False
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr as stderr:
            for line in stderr:
                with self._told:
                    if "hector_server.access" not in line:
                        self.lines.append(line.rstrip("\n"))
                    self._told.notify_all()
        with self._told:
            self._is_over = True
            self._told.notify_all()

    def line(self, pattern: str, *, since: int = 0) -> re.Match[str]:
        """The first line from the `since`th on in which `pattern` is found, waited for."""
        deadline = time.monotonic() + DEADLINE_S
        with self._told:
            while True:
                found = (re.search(pattern, line) for line in self.lines[since:])
                if match := next((item for item in found if item), None):
                    return match
                left = deadline - time.monotonic()
                if left <= 0 or self._is_over:
                    pytest.fail(f"no line {pattern!r} in\n" + "\n".join(self.lines[since:]))
                self._told.wait(left)

    def count(self, pattern: str, *, since: int = 0) -> int:
        with self._told:
            return sum(bool(re.search(pattern, line)) for line in self.lines[since:])

    @property
    def mark(self) -> int:
        with self._told:
            return len(self.lines)

    def description(self, agent: str = "helper") -> str:
        card = httpx.get(f"{self.url}/agents/{agent}/.well-known/agent-card.json", timeout=10)
        return card.raise_for_status().json()["description"]

    def until_described(self, text: str) -> None:
        """Wait until the agent says so of itself."""
        deadline = time.monotonic() + DEADLINE_S
        while (said := self.description()) != text:
            if time.monotonic() > deadline:
                pytest.fail(f"still {said!r}, not {text!r}:\n" + "\n".join(self.lines))
            with self._told:  # nothing changes without a line
                self._told.wait(0.05)

    def applies(self, text: str, act: Callable[[], object]) -> int:
        """Do something to the files: exactly one reload follows, and the agent says `text` then.

        Returns:
            Where the log stood before.
        """
        since = self.mark
        act()
        self.until_described(text)
        self.line(r"reload \(watch\): generation \d+ runs", since=since)
        assert self.count(r"reload \(watch\)", since=since) == 1, self.lines[since:]
        return since

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        code = self.process.wait(DEADLINE_S)
        self.join()
        return code

    def join(self) -> None:
        """Read the log to its end."""
        self._reader.join(DEADLINE_S)


@contextmanager
def serving_file(
    config: Path,
    *arguments: str,
    env: dict[str, str] | None = None,
    is_ready: bool = True,
    python: Sequence[str] = (),
) -> Generator[Served]:
    """`hector serve` on a free port in the folder above the config's; it must end well.

    The folder above, so that the config's own can be taken away.
    """
    command = [sys.executable, *python, "-m", "hector", "serve", "--port", "0"]
    process = subprocess.Popen(
        [*command, "--config", str(config), *arguments],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        cwd=config.parent.parent,
        env={**os.environ, **(env or {})},
    )
    served = Served(process)
    try:
        if is_ready:
            served.url = served.line(r"ready at (http://[\w.:]+)")[1]
        yield served
        if process.returncode is None:
            assert served.end() == 0
        assert "Traceback" not in "\n".join(served.lines), "\n".join(served.lines)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        served.join()
