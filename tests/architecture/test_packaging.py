"""The wheels hold what the documentation says, and the plugins are found by their entry points."""

from __future__ import annotations

import configparser
import re
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="module")
def wheels(projects: list[Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Every distribution, built by its own backend in this environment, by folder name."""
    built: dict[str, Path] = {}
    for project in projects:
        target = tmp_path_factory.mktemp("wheel")
        command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(target)]
        subprocess.run(command, cwd=project, check=True, capture_output=True)
        (built[project.name],) = target.glob("*.whl")
    return built


def project_table(project: Path) -> dict[str, Any]:
    return tomllib.loads((project / "pyproject.toml").read_text())["project"]


def written_entry_points(wheel: Path) -> dict[str, dict[str, str]]:
    with zipfile.ZipFile(wheel) as opened:
        (name,) = (name for name in opened.namelist() if name.endswith("/entry_points.txt"))
        text = opened.read(name).decode()
    parser = configparser.ConfigParser(delimiters=("=",))
    parser.read_string(text)
    return {section: dict(parser[section]) for section in parser.sections()}


def test_the_root_wheel_holds_the_three_packages_and_nothing_else(
    wheels: dict[str, Path], repository: Path
) -> None:
    with zipfile.ZipFile(wheels[repository.name]) as opened:
        names = [name for name in opened.namelist() if ".dist-info/" not in name]

    assert {name.split("/")[0] for name in names} == {"hector", "hector_server", "hector_std"}


def test_every_package_is_shipped_with_its_types(
    wheels: dict[str, Path], packages: list[Path]
) -> None:
    shipped = {name for wheel in wheels.values() for name in zipfile.ZipFile(wheel).namelist()}

    assert {f"{package.name}/py.typed" for package in packages} - shipped == set()
    assert {f"{package.name}/__init__.py" for package in packages} - shipped == set()


def test_every_source_file_is_shipped(
    wheels: dict[str, Path], packages: list[Path], sources: list[Path]
) -> None:
    shipped = {name for wheel in wheels.values() for name in zipfile.ZipFile(wheel).namelist()}
    roots = {package.parent for package in packages}
    wanted = {
        str(path.relative_to(root)) for path in sources for root in roots if root in path.parents
    }

    assert wanted - shipped == set()


def test_every_plugin_states_its_api_level_under_its_own_name(wheels: dict[str, Path]) -> None:
    for wheel in wheels.values():
        groups = written_entry_points(wheel)

        assert groups["hector.plugins"].keys() == groups["hector.api"].keys()
        assert all(re.fullmatch(r"level_\d+", level) for level in groups["hector.api"].values())


def test_every_plugin_names_its_suites_under_its_own_name(wheels: dict[str, Path]) -> None:
    groups = [written_entry_points(wheel) for wheel in wheels.values()]
    plugins = {name for it in groups for name in it["hector.plugins"]}
    named = {name for it in groups for name in it.get("hector.conformance", {})}

    assert named == plugins


def test_the_installed_entry_points_are_those_of_the_wheels(wheels: dict[str, Path]) -> None:
    """Otherwise the environment is older than a pyproject.toml: run `make dev`."""
    for group in ("hector.plugins", "hector.api", "hector.conformance"):
        written = {
            item
            for wheel in wheels.values()
            for item in written_entry_points(wheel).get(group, {}).items()
        }

        installed = {(point.name, point.value) for point in entry_points(group=group)}

        assert written <= installed


def test_the_command_is_hector(wheels: dict[str, Path], repository: Path) -> None:
    scripts = written_entry_points(wheels[repository.name])["console_scripts"]

    assert scripts == {"hector": "hector.cli:main"}


def test_every_dependency_has_its_line_in_the_documentation(
    projects: list[Path], repository: Path
) -> None:
    """Why it is there, under which licence, and what else was considered."""
    text = (repository / "docs/dependencies.md").read_text()
    documented = set(re.findall(r"^\| `([\w.-]+)`", text, flags=re.MULTILINE))
    needed = {
        match.group()
        for project in projects
        for requirement in project_table(project)["dependencies"]
        if (match := re.match(r"[\w.-]+", requirement)) and match.group() != "hector"
    }

    assert needed - documented == set()
