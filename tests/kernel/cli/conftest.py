"""What the tests of the command line share."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # the tests are no package, and share this module

from cli_terminal import CONFIG, SLOW_PLUGIN, Terminal


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    """A folder with a config whose agents answer offline."""
    terminal = Terminal(tmp_path)
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
