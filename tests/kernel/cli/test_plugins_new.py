"""`hector plugins new`: what is written, and what is refused."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from hector import __version__
from hector.cli.plugins_new import new
from hector.cli.scaffold import KIND_TEXTS, render, scaffold_name, write_scaffold
from hector.errors import UsageError
from hector.spi import KINDS, Kind

WORD = st.from_regex(r"[a-z][a-z0-9]{0,5}", fullmatch=True)
NAMES = st.lists(WORD, min_size=1, max_size=3).map("-".join)


def run(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(new, list(arguments))
    if isinstance(done.exception, UsageError):
        raise done.exception
    return done.exit_code, done.stderr


def test_every_kind_that_has_a_hook_can_be_written() -> None:
    assert set(KIND_TEXTS) == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["zyx", "zyx-wvu"])
def test_nothing_is_left_of_the_words_that_stand_for_others(kind: Kind, name: str) -> None:
    for path, text in render(scaffold_name(name), kind).items():
        left = re.search(
            r"sample|HECTOR_REQ|API_LEVEL|KIND_|\.tmpl", f"{path}\n{text}", re.IGNORECASE
        )

        assert left is None, f"{path}: {left}"


@pytest.mark.parametrize("kind", KINDS)
@given(name=NAMES)
def test_what_is_written_is_what_its_suffix_says(kind: Kind, name: str) -> None:
    """Python, TOML and YAML that can be read, whatever the name."""
    for path, text in render(scaffold_name(name), kind).items():
        match path.suffix:
            case ".py":
                ast.parse(text)
            case ".toml":
                assert tomllib.loads(text)["project"]["name"] == f"hector-plugin-{name}"
            case ".yaml":
                assert yaml.safe_load(text)["agents"]
            case _:
                assert text or path.name == "py.typed"


def test_it_asks_for_the_hector_that_wrote_it() -> None:
    major, minor, _ = __version__.split(".")
    files = render(scaffold_name("mine"), "llm")
    project = tomllib.loads(next(text for path, text in files.items() if path.suffix == ".toml"))

    assert project["project"]["dependencies"] == [
        f"hector>={major}.{minor},<{major}.{int(minor) + 1}"
    ]
    points = project["project"]["entry-points"]
    assert points["hector.plugins"].keys() == points["hector.conformance"].keys() == {"mine"}


@pytest.mark.parametrize(
    "given", ["my-store", "my_store", "hector-plugin-my-store", "hector_plugin_my_store"]
)
def test_a_name_has_one_meaning_in_all_its_spellings(given: str) -> None:
    name = scaffold_name(given)

    assert (name.distribution, name.package) == ("hector-plugin-my-store", "hector_plugin_my_store")
    assert (name.type, name.title, name.class_prefix) == ("my_store", "My store", "MyStore")


@pytest.mark.parametrize("given", ["", "My", "1st", "a b", "a--b", "-a", "ä", "a" * 21, "a/b"])
def test_what_can_be_no_name_is_refused(given: str) -> None:
    with pytest.raises(UsageError, match="cannot be the name of a plugin"):
        scaffold_name(given)


def test_the_command_says_what_it_wrote_and_what_comes_next(tmp_path: Path) -> None:
    code, said = run("weather", "--kind", "vector-store", "--into", str(tmp_path / "here"))

    assert code == 0
    assert f"wrote {tmp_path / 'here' / 'pyproject.toml'}\n" in said
    assert said.partition("\nNext:\n")[2] == (
        f"  cd {tmp_path / 'here'}\n"
        "  pip install --editable . 'hector[testing]'\n"
        "  hector plugins check weather --quick\n"
        "  hector run 'What is the plugin for?'\n"
        "\n"
        f"{KIND_TEXTS['vector_store'].next}\n"
    )


def test_what_is_there_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")

    with pytest.raises(UsageError, match="exists already"):
        write_scaffold(tmp_path, scaffold_name("weather"), "llm")
    with pytest.raises(UsageError, match="exists already"):
        run("weather", "--kind", "llm", "--into", str(tmp_path))

    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_an_unknown_kind_is_a_mistake_of_usage(tmp_path: Path) -> None:
    code, said = run("weather", "--kind", "weather", "--into", str(tmp_path / "x"))

    assert code == 2
    assert "'document-parser'" in said
