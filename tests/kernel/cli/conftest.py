"""What the tests of the command line share."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hector.cli import main

sys.path.insert(0, str(Path(__file__).parent))  # the tests are no package, and share this module
sys.path.insert(0, str(Path(__file__).parents[2] / "services"))

from cli_terminal import CONFIG, SLOW_PLUGIN, Terminal
from hector_forks import HectorForks, hector_forks

__all__ = ["hector_forks"]


@pytest.fixture
def terminal(tmp_path: Path, hector_forks: HectorForks) -> Terminal:
    """A folder with a config whose agents answer offline."""
    terminal = Terminal(tmp_path, hector_forks)
    terminal.write("hector.yaml", CONFIG)
    return terminal


@pytest.fixture
def slow(terminal: Terminal) -> Terminal:
    """The same with a model that begins an answer and never ends it, and sessions on disk."""
    terminal.install("slow", SLOW_PLUGIN)
    terminal.write(
        "hector.yaml",
        "name: test\nllms:\n  default:\n    provider: slow\nagents:\n  only: {}\n"
        "databases:\n  main:\n    driver: sqlite\n    database: sessions.db\n"
        "server:\n  sessions:\n    backend: sql\n    database: main\n",
    )
    return terminal


Inside = Callable[..., tuple[int, str, str]]


@pytest.fixture
def inside(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Inside]:
    """Calls `hector` in this process, which is quicker: exit code, stdout and stderr.

    The plugins of the terminal's folder are forgotten afterwards: they would count as removed.
    """
    monkeypatch.chdir(terminal.folder)
    known = set(sys.modules)
    monkeypatch.setattr(sys, "path", [str(terminal.folder / "site"), *sys.path])

    def call(*args: str) -> tuple[int, str, str]:
        capsys.readouterr()
        root = logging.getLogger()
        before = root.handlers[:], root.level
        try:
            with pytest.raises(SystemExit) as left:
                main(args)
        finally:  # a command sees to the logs of its process
            root.handlers, root.level = before[0], before[1]
            logging.captureWarnings(capture=False)
        code = left.value.code
        assert isinstance(code, int)
        said = capsys.readouterr()
        return code, said.out, said.err

    yield call
    for name in set(sys.modules) - known:
        if str(terminal.folder) in (getattr(sys.modules[name], "__file__", None) or ""):
            del sys.modules[name]
