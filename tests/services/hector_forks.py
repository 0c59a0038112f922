"""`hector` as a process for each command, without the second that it takes to load."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

__all__ = ["HectorForks", "hector_forks"]

PROGRAM = Path(__file__).parent / "hector_forking.py"


class HectorForks:
    """Runs commands, one at a time, each in a process of its own."""

    def __init__(self, process: subprocess.Popen[str], folder: Path) -> None:
        self._process = process
        self._folder = folder
        self._numbers = itertools.count()

    def run(
        self,
        *args: str,
        cwd: Path,
        env: Mapping[str, str],
        stdin: str = "",
        timeout_s: float = 30,
    ) -> subprocess.CompletedProcess[str]:
        """Run `hector ARGS` to its end.

        Raises:
            TimeoutExpired: it did not end in time; it was killed.
        """
        number = next(self._numbers)
        files = {name: self._folder / f"{number}.{name}" for name in ("stdin", "stdout", "stderr")}
        for name, file in files.items():
            file.write_text(stdin if name == "stdin" else "")
        job: dict[str, Any] = {name: str(file) for name, file in files.items()}
        job |= {"args": args, "cwd": str(cwd), "env": dict(env), "timeout_s": timeout_s}
        status = self._ask(job)
        said, complained = files["stdout"].read_text(), files["stderr"].read_text()
        for file in files.values():
            file.unlink()
        if status is None:
            raise subprocess.TimeoutExpired(["hector", *args], timeout_s, said, complained)
        return subprocess.CompletedProcess(["hector", *args], status, said, complained)

    def _ask(self, job: dict[str, Any]) -> int | None:
        to, answers = self._process.stdin, self._process.stdout
        assert to is not None
        assert answers is not None
        to.write(json.dumps(job) + "\n")
        to.flush()
        return json.loads(answers.readline())


@contextmanager
def _running(folder: Path) -> Generator[HectorForks]:
    process = subprocess.Popen(
        [sys.executable, str(PROGRAM)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        yield HectorForks(process, folder)
    finally:
        process.communicate(timeout=30)  # closes its input, and so it ends


@pytest.fixture(scope="session")
def hector_forks(tmp_path_factory: pytest.TempPathFactory) -> Generator[HectorForks]:
    """One for all tests of a worker."""
    with _running(tmp_path_factory.mktemp("hector_forks")) as forks:
        yield forks
