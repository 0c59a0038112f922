"""`hector validate` and `hector schema`: problems where they stand, for people and for programs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import jsonschema
import pytest
from click.testing import CliRunner, Result

from hector.cli import schema, validate
from hector.spi import KINDS

BROKEN = """\
name: test
llms:
  default:
    provider: offline
agents:
  helper:
    llm: default
    instructio: Be kind.
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def check(*args: str) -> Result:
    return CliRunner().invoke(validate.command, args, standalone_mode=False)


def is_valid(schema: dict[str, Any], config: dict[str, Any]) -> bool:
    try:
        jsonschema.validate(config, schema, cls=jsonschema.Draft202012Validator)
    except jsonschema.ValidationError:
        return False
    return True


def test_a_problem_is_shown_on_its_line_with_a_caret() -> None:
    Path("config.yaml").write_text(BROKEN)
    done = check()

    head, line, caret, count = done.stderr.splitlines()
    assert (done.return_value, done.stdout) == (1, "")
    assert head == "config.yaml:8:5: [H102] agents.helper.instructio: unknown key"
    assert line == "  8 |     instructio: Be kind."
    assert caret.startswith("    |     ^^^^^^^^^^ did you mean `instruction`?")
    assert count == "config.yaml: 1 problem"


def test_json_tells_the_same_to_programs() -> None:
    Path("config.yaml").write_text(BROKEN)
    done = check("--json", "config.yaml")

    told = json.loads(done.stdout)
    (problem,) = told["problems"]
    assert (done.return_value, done.stderr) == (1, "")
    assert (told["file"], told["valid"]) == ("config.yaml", False)
    assert (problem["code"], problem["path"]) == ("H102", "agents.helper.instructio")
    assert (problem["file"], problem["line"], problem["column"]) == ("config.yaml", 8, 5)


def test_a_valid_config_is_said_to_be_valid() -> None:
    """The first of the usual names is taken."""
    Path("hector.yaml").write_text("agents: {a: {}}\n")
    Path("config.yaml").write_text(BROKEN)

    done = check()
    assert (done.return_value, done.stdout, done.stderr) == (0, "hector.yaml: valid\n", "")
    told = check("--json")
    assert json.loads(told.stdout) == {"file": "hector.yaml", "valid": True, "problems": []}


def test_the_config_may_be_named_as_other_commands_want_it(here: Path) -> None:
    (here / "own.yaml").write_text("agents: {helper: {}}\n")

    for named in (("own.yaml",), ("-c", "own.yaml"), ("--config", "own.yaml")):
        assert check(*named).output == "own.yaml: valid\n"
    with pytest.raises(click.UsageError) as caught:
        CliRunner().invoke(
            validate.command,
            ("own.yaml", "-c", "own.yaml"),
            standalone_mode=False,
            catch_exceptions=False,
        )
    assert caught.value.message == "The config is named twice: as FILE and by --config."


def test_warnings_are_errors_when_strict() -> None:
    Path("config.yaml").write_text(
        "agents: {a: {}}\ndatabases: {d: {driver: sqlite3, database: x}}\n"
        "server: {sessions: {backend: sql}}\n"
    )

    lax, strict = check(), check("--strict")
    assert (lax.return_value, lax.stdout) == (0, "config.yaml: valid, 1 warning\n")
    assert lax.stderr.startswith("config.yaml:2:25: [H111] warning: databases.d.driver: ")
    assert (strict.return_value, strict.stdout) == (1, "")
    assert strict.stderr.splitlines()[-1] == "config.yaml: 1 problem"


def test_without_a_config_the_way_to_one_is_named() -> None:
    done = CliRunner().invoke(validate.command)

    assert done.exit_code == 2
    assert done.stderr.endswith(
        "Error: There is no config in this folder. "
        "Write one with `hector init`, or name one with --config.\n"
    )


def test_the_schema_accepts_what_is_valid_and_refuses_what_is_not() -> None:
    done = CliRunner().invoke(schema.command)
    document = json.loads(done.stdout)

    assert is_valid(document, {"agents": {"a": {}}, "llms": {"m": {"provider": "offline"}}})
    assert not is_valid(document, {"agents": {"a": {"instructio": "x"}}})
    assert len(CliRunner().invoke(schema.command, ["--compact"]).stdout.splitlines()) == 1


def test_the_schema_of_a_kind_is_that_of_its_entries() -> None:
    done = CliRunner().invoke(schema.command, ["llm"])
    document = json.loads(done.stdout)

    assert is_valid(document, {"provider": "offline"})
    assert not is_valid(document, {"provider": "nobody"})
    refused = CliRunner().invoke(schema.command, ["nothing"])
    assert refused.exit_code == 2
    assert all(f"'{kind}'" in refused.stderr for kind in KINDS)
