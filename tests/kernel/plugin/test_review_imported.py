"""What was imported is asked for while something is imported: configs are checked in threads of their own."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hector.plugin import imported
from hector.plugin.imported import remember_import, removed, running_code
from hector.plugin.records import PluginRecord


def record(number: int, module: str = "json") -> PluginRecord:
    """A plugin whose module every process has."""
    return PluginRecord(name="p", distribution=f"dist-{number}", version="1", module=module)


class Importing(str):
    """The name of a module; whoever looks at it finds that another plugin was imported just now."""

    __slots__ = ()

    def partition(self, separator: str, /) -> tuple[str, str, str]:
        """As of any text."""
        remember_import(record(3))
        return super().partition(separator)


@pytest.mark.parametrize("ask", [running_code, lambda: removed([])])
def test_an_import_meanwhile_is_no_error(
    ask: Callable[[], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer is that of the moment it was asked for."""
    first = record(1, Importing("json"))
    monkeypatch.setattr(
        imported, "_imported", {("dist-1", "json"): first, ("dist-2", "json"): record(2)}
    )
    ask()
    assert {name for name, _ in running_code()} == {"dist-1", "dist-2", "dist-3"}
