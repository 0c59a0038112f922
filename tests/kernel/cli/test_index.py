"""`hector index rebuild`: the index is derived again from the sessions, and nothing else is opened."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from cli_terminal import Terminal

BASE = "name: test\nllms:\n  default:\n    provider: offline\nagents:\n  only: {}\n"
KEPT = (
    "databases:\n  main:\n    driver: sqlite\n    database: sessions.db\n"
    "server:\n  sessions:\n    backend: sql\n    database: main\n"
)
INDEX = "  index:\n    type: keyword\n"


def entries(folder: Path) -> int:
    connection = sqlite3.connect(folder / "sessions.memory.db")
    ((number,),) = connection.execute("SELECT number FROM indexes").fetchall()
    ((count,),) = connection.execute(f"SELECT count(*) FROM entries_{number}").fetchall()
    connection.close()
    return int(count)


def test_an_index_is_made_of_sessions_that_had_none(terminal: Terminal, tmp_path: Path) -> None:
    """And made again as often as one likes."""
    terminal.write("hector.yaml", BASE + KEPT)
    assert terminal.run("run", "-s", "s", "my bicycle is green").returncode == 0
    assert not (tmp_path / "sessions.memory.db").exists()
    terminal.write("hector.yaml", BASE + KEPT + INDEX)
    for _ in range(2):
        done = terminal.run("index", "rebuild")
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith("The index is rebuilt, in ")
        assert entries(tmp_path) == 2


def test_where_there_is_nothing_to_rebuild_it_says_so(terminal: Terminal) -> None:
    terminal.write("hector.yaml", BASE + KEPT)
    done = terminal.run("index", "rebuild")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "error: [H420] the config has no memory index\n"
        "  hint: add `index: {type: keyword}` under `server`\n"
    )
    terminal.write("hector.yaml", f"{BASE}server:\n{INDEX}")
    done = terminal.run("index", "rebuild")
    assert (done.returncode, done.stdout) == (1, "")
    assert "the sessions live in memory, and their index is made with them" in done.stderr
