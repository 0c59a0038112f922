from __future__ import annotations

import os
from pathlib import Path

import pytest

from hector.config import read
from hector.config.environment import read_environment
from hector.errors import Diagnostic


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path, Path]:
    """Three folders: of the config, current, home."""
    folders = (tmp_path / "config", tmp_path / "current", tmp_path / "home")
    for folder in folders:
        folder.mkdir()
    monkeypatch.chdir(folders[1])
    monkeypatch.setenv("HOME", str(folders[2]))
    monkeypatch.delenv("WHERE", raising=False)
    return folders


def where(folder: Path) -> str | None:
    return read_environment(folder, None, []).variables.get("WHERE")


def test_the_environment_wins_over_the_configs_folder_and_that_over_current_and_home(
    places: tuple[Path, Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    config, current, home = places
    assert where(config) is None
    (home / ".env").write_text("WHERE=home\n")
    assert where(config) == "home"
    (current / ".env").write_text("WHERE=current\n")
    assert where(config) == "current"
    (config / ".env").write_text("WHERE=config\n")
    assert where(config) == "config"
    monkeypatch.setenv("WHERE", "environment")
    assert where(config) == "environment"


def test_variables_of_all_files_come_together(places: tuple[Path, Path, Path]) -> None:
    config, current, home = places
    for folder, name in ((config, "A"), (current, "B"), (home, "C")):
        (folder / ".env").write_text(f"{name}=1\n")
    environment = read_environment(config, None, [])

    assert {"A", "B", "C"} <= environment.variables.keys()
    assert environment.files == (config / ".env", current / ".env", home / ".env")


def test_the_process_environment_is_not_changed(places: tuple[Path, Path, Path]) -> None:
    (places[0] / ".env").write_text("WHERE=config\n")
    where(places[0])

    assert "WHERE" not in os.environ


def test_a_variable_that_is_set_but_empty_is_set(
    places: tuple[Path, Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    (places[0] / ".env").write_text("WHERE=config\n")
    monkeypatch.setenv("WHERE", "")

    assert where(places[0]) == ""


def test_given_variables_are_all_there_is(places: tuple[Path, Path, Path]) -> None:
    (places[0] / ".env").write_text("WHERE=config\n")
    environment = read_environment(places[0], {"X": "1"}, [])

    assert environment.variables == {"X": "1"}
    assert environment.files == ()


def test_quotes_comments_and_export_are_read_and_dollars_stay(
    places: tuple[Path, Path, Path],
) -> None:
    (places[0] / ".env").write_text(
        "# comment\nexport A='one two'\nB=\"x\\ny\"\nC=p$4${A}ss # why\nD\nE=\n"
    )
    variables = read_environment(places[0], None, []).variables

    assert variables["A"] == "one two"
    assert variables["B"] == "x\ny"
    assert variables["C"] == "p$4${A}ss"
    assert variables["E"] == ""
    assert "D" not in variables


def test_a_line_that_is_no_assignment_is_told_without_its_text(
    places: tuple[Path, Path, Path],
) -> None:
    path = places[0] / ".env"
    path.write_text("A=1\n'sk-very-secret\nB=2\n")
    problems: list[Diagnostic] = []
    environment = read_environment(places[0], None, problems)

    assert [str(item) for item in problems] == [f"{path}:2:1: [H112] not a `NAME=value` line"]
    assert environment.variables["B"] == "2"


def test_an_env_file_that_is_not_text_is_told(places: tuple[Path, Path, Path]) -> None:
    path = places[0] / ".env"
    path.write_bytes(b"A=\xff\n")
    problems: list[Diagnostic] = []
    read_environment(places[0], None, problems)

    assert [str(item) for item in problems] == [
        f"{path}: [H101] cannot be read: it is not UTF-8 text"
    ]


def test_the_values_are_not_in_a_repr(places: tuple[Path, Path, Path]) -> None:
    assert "sk-1" not in repr(read_environment(places[0], {"KEY": "sk-1"}, []))


def test_a_config_is_filled_from_the_env_file_beside_it(places: tuple[Path, Path, Path]) -> None:
    config = places[0]
    (config / ".env").write_text("WHERE=here\n")
    (config / "config.yaml").write_text("name: ${WHERE}\n")
    raw = read(config / "config.yaml")

    assert raw.root.entries["name"].value == "here"
    assert raw.source.files == (config / "config.yaml", config / ".env")
    assert "here" not in repr(raw)
