"""What Hector offers is written down in `__all__`, and can be imported."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
from importlib.util import find_spec
from pathlib import Path

import pytest

import hector

ROOMS = ("errors", "message", "plugin", "spi", "testing")
PUBLIC = ["hector", *(f"hector.{room}" for room in ROOMS if find_spec(f"hector.{room}"))]
MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(hector.__path__, "hector.")
    if not module.name.endswith(".__main__")
)


def order(name: str) -> tuple[int, list[str | int]]:
    """The order that ruff's RUF022 keeps: CONSTANTS, Classes, the rest; numbers by value."""
    group = 0 if name.isupper() and len(name) > 1 else 1 if name[0].isupper() else 2
    parts = re.findall(r"\d+|\D+", name)
    return group, [int(part) if part.isdigit() else part for part in parts]


def offered(module: str) -> set[str]:
    """The public names that the file of a module defines, or takes from Hector's other modules."""
    spec = find_spec(module)
    assert spec is not None
    names: set[str] = set()
    for node in ast.parse(Path(str(spec.origin)).read_text()).body:
        match node:
            case ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef():
                names.add(node.name)
            case ast.ImportFrom(module=str(origin)) if origin.partition(".")[0] == "hector":
                names.update(alias.asname or alias.name for alias in node.names)
            case ast.Assign():
                names.update(target.id for target in node.targets if isinstance(target, ast.Name))
            case ast.AnnAssign(target=ast.Name(id=name)):
                names.add(name)
            case _:
                pass
    return {name for name in names if not name.startswith("_")}


@pytest.mark.parametrize("module", PUBLIC)
def test_all_is_sorted_and_complete(module: str) -> None:
    names: list[str] = importlib.import_module(module).__all__

    assert names == sorted(set(names), key=order)
    assert offered(module) - set(names) == set()


@pytest.mark.parametrize("module", PUBLIC)
def test_every_name_in_all_is_there(module: str) -> None:
    found = importlib.import_module(module)

    assert [name for name in found.__all__ if not hasattr(found, name)] == []


@pytest.mark.parametrize("module", MODULES)
def test_every_module_of_the_kernel_can_be_imported(module: str) -> None:
    assert importlib.import_module(module).__file__ is not None


def test_every_package_is_a_package_and_not_a_folder_in_the_way(packages: list[Path]) -> None:
    """A folder `hector_plugin_x/` in the current directory would import as an empty namespace."""
    for package in packages:
        origin = importlib.import_module(package.name).__file__

        assert origin == str(package / "__init__.py")
