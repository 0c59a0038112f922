"""An entry that nothing uses is said to be so, and one that is used is not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import attrs
import pytest

from hector.config.node import node_of
from hector.config.shape import Reading, record_shape
from hector.spi import Advice

Check = Callable[[str], list[str]]

D = "databases: {d: {driver: sqlite, database: x}}\n"


def test_a_database_that_nothing_uses_is_a_warning(check: Check) -> None:
    assert check(D) == [
        (
            "config.yaml:1:13: [H121] databases.d: nothing uses this database\n"
            "  hint: set `server.sessions` to `backend: sql` and `database: d`, or remove it"
        )
    ]


@pytest.mark.parametrize("owner", ["server", "storage"])
@pytest.mark.parametrize("named", ["", ", database: d"])
def test_the_database_of_the_sessions_is_used(check: Check, owner: str, named: str) -> None:
    found = check(f"{D}{owner}: {{sessions: {{backend: sql{named}}}}}\n")
    assert [text for text in found if "H121" in text] == []


def test_the_one_beside_it_is_not(check: Check) -> None:
    text = (
        "databases: {a: {driver: sqlite, database: x}, b: {driver: sqlite, database: y}}\n"
        "server: {sessions: {backend: sql, database: b}}\n"
    )
    assert [line.partition(": nothing")[0] for line in check(text)] == [
        "config.yaml:1:13: [H121] databases.a"
    ]


def test_the_file_that_is_meant_when_none_is_written_is_used(check: Check) -> None:
    assert check("server: {sessions: {backend: sql}}\n") == []


# ------------------------------------------------------------------------------------ doubts


def _broken(text: str) -> list[tuple[str, str]]:
    raise RuntimeError(text)


@attrs.frozen(kw_only=True)
class Advised:
    """A settings class with a key that is looked into."""

    word: Annotated[str | None, Advice(_broken)] = None


def test_a_plugin_that_fails_to_look_is_named_without_the_value() -> None:
    reading = Reading(folder=Path("/config"), variables={})
    record_shape(Advised).read(node_of({"word": "hidden"}, []), "x", reading)
    assert [str(item) for item in reading.problems] == [
        (
            "[H116] x.word: the plugin is broken: looking for doubts raised RuntimeError\n"
            "  hint: tell its author"
        )
    ]
