"""A plugin that is installed as editable while the process runs is found as if it had been there at the start."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hector.config import ConfigText
from hector.plugin.records import PluginRecord
from hector.runtime.loading import ConfigLoader

NOTHING = ConfigText("name: app\n")
FINDER = """
import sys

def install():
    sys.path.append({source!r})
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of the path that packages are installed into; what it brings is forgotten afterwards."""
    found = tmp_path / "site"
    found.mkdir()
    monkeypatch.setattr(sys, "path", [*sys.path, str(found)])
    before = set(sys.modules)
    yield found
    for module in set(sys.modules) - before:
        if module.startswith("hector_editable"):
            del sys.modules[module]


def install(folder: Path, module: str, files: dict[str, str]) -> None:
    """Put into the folder what the wheel of an editable installation holds."""
    information = f"{module}-1.0.dist-info"
    everything = {
        **files,
        f"{information}/METADATA": f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n",
        f"{information}/entry_points.txt": f"[hector.plugins]\n{module} = {module}.plugin\n",
    }
    (folder / information).mkdir()
    for name, text in everything.items():
        (folder / name).write_text(text)
    record = "".join(f"{name},,\n" for name in everything)
    (folder / information / "RECORD").write_text(f"{record}{information}/RECORD,,\n")


def source_of(tmp_path: Path, module: str, text: str) -> Path:
    """A clone that somebody works on."""
    package = tmp_path / "clone" / "src" / module
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "plugin.py").write_text(text)
    return package.parent


def record_of(loader: ConfigLoader, module: str) -> PluginRecord:
    registry = loader.plan(NOTHING).plan.registry
    (record,) = [item for item in registry.records if item.name == module]
    return record


@pytest.mark.parametrize("has_finder", [False, True], ids=["by its folder", "by a finder"])
def test_an_editable_plugin_installed_meanwhile_is_usable_after_the_next_look(
    folder: Path, tmp_path: Path, provider_source: Callable[[str], str], has_finder: bool
) -> None:
    """Build backends write the folder of the source into a `.pth` file, or a line that imports a finder."""
    module = f"hector_editable_{'finder' if has_finder else 'folder'}"
    source = source_of(tmp_path, module, provider_source("editable"))
    loader = ConfigLoader(env={})
    loader.plan(NOTHING)
    pth = {f"{module}.pth": f"{source}\n"}
    if has_finder:
        finder = f"_{module}_finder"
        pth = {
            f"{module}.pth": f"import {finder}; {finder}.install()\n",
            f"{finder}.py": FINDER.format(source=str(source)),
        }
    install(folder, module, pth)
    record = record_of(loader, module)
    assert (record.state, [item.type for item in record.providers]) == ("loaded", ["editable"])
    assert record_of(loader, module) == record
    assert sys.path.count(str(source)) == 1


def test_an_editable_plugin_whose_source_is_gone_says_which_module_is_missing(folder: Path) -> None:
    """Nothing that is not there gets onto the path."""
    install(folder, "hector_editable_gone", {"gone.pth": "/nowhere/at/all\n"})
    record = record_of(ConfigLoader(env={}), "hector_editable_gone")
    assert record.state == "failed"
    assert record.error == "ModuleNotFoundError: No module named 'hector_editable_gone'"
    assert "/nowhere/at/all" not in sys.path
