"""Who may import whom, as written under `[tool.importlinter]` in the root pyproject.toml."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

LINT = "from importlinter.cli import lint_imports; raise SystemExit(lint_imports(no_cache=True))"


def lint_imports(folder: Path, *roots: Path) -> subprocess.CompletedProcess[str]:
    """Check the contracts of `folder` on the packages in `roots`, before those installed."""
    path = os.pathsep.join(map(str, roots))
    environment = {**os.environ, "PYTHONPATH": path, "COLUMNS": "200", "NO_COLOR": "1"}
    return subprocess.run(
        [sys.executable, "-c", LINT],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def verdicts(output: str) -> dict[str, str]:
    return dict(re.findall(r"^(.+) (KEPT|BROKEN)", output, flags=re.MULTILINE))


def contracts(repository: Path) -> dict[str, dict[str, Any]]:
    settings = tomllib.loads((repository / "pyproject.toml").read_text())["tool"]["importlinter"]
    return {contract["id"]: contract for contract in settings["contracts"]}


def test_every_contract_is_kept(repository: Path) -> None:
    result = lint_imports(repository)

    assert set(verdicts(result.stdout).values()) == {"KEPT"}, result.stdout
    assert len(verdicts(result.stdout)) == len(contracts(repository))
    assert result.returncode == 0, result.stderr


def test_each_contract_is_broken_by_a_fault_of_its_kind(
    repository: Path, packages: list[Path], tmp_path: Path
) -> None:
    """The faults: an SDK or a plugin in the kernel, a plugin in a room, a room that looks up."""
    shutil.copy(repository / "pyproject.toml", tmp_path)
    for package in packages:
        shutil.copytree(package, tmp_path / package.name)
    faults = {
        "hector/errors.py": "import hector.spi",
        "hector/message/__init__.py": "import hector_std",
        "hector/spi/__init__.py": "import openai",
        "hector_std/__init__.py": "import hector.config",
    }
    (tmp_path / "hector/config").mkdir(exist_ok=True)
    (tmp_path / "hector/config/__init__.py").touch()
    for file, fault in faults.items():
        (tmp_path / file).parent.mkdir(exist_ok=True)
        with (tmp_path / file).open("a") as opened:
            opened.write(f"\n{fault}\n")

    result = lint_imports(tmp_path, tmp_path)

    assert set(verdicts(result.stdout).values()) == {"BROKEN"}, result.stdout
    assert "hector.errors -> hector.spi" in result.stdout
    assert "hector.message -> hector_std" in result.stdout
    assert "hector.spi -> openai" in result.stdout
    assert "hector_std -> hector.config" in result.stdout


def test_a_room_without_a_place_breaks_the_contract(
    repository: Path, packages: list[Path], tmp_path: Path
) -> None:
    shutil.copy(repository / "pyproject.toml", tmp_path)
    for package in packages:
        shutil.copytree(package, tmp_path / package.name)
    (tmp_path / "hector/attic.py").touch()

    result = lint_imports(tmp_path, tmp_path)

    assert "hector.attic" in result.stdout
    assert verdicts(result.stdout)[contracts(repository)["rooms"]["name"]] == "BROKEN"


def test_brackets_stand_only_around_rooms_that_are_not_built(repository: Path) -> None:
    """Once a room exists its brackets in the `rooms` contract go, so that it cannot go missing."""
    layers: list[str] = contracts(repository)["rooms"]["layers"]
    bracketed = set(re.findall(r"\((\w+)\)", " ".join(layers)))
    rooms = {
        path.stem
        for path in (repository / "core/hector").iterdir()
        if path.suffix == ".py" or (path / "__init__.py").exists()
    }

    assert bracketed & rooms == set()


def test_every_package_is_under_contract(repository: Path, packages: list[Path]) -> None:
    """A new plugin distribution is listed in each place that names the others."""
    names = {package.name for package in packages}
    settings = tomllib.loads((repository / "pyproject.toml").read_text())["tool"]["importlinter"]
    listed = contracts(repository)
    top: str = listed["kernel-blind"]["layers"][0]

    assert set(settings["root_packages"]) == names
    assert set(top.split(" | ")) == names - {"hector"}
    assert set(listed["public-door"]["source_modules"]) == names - {"hector"}
