"""`hector init`: a config that works, and nothing overwritten."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli_terminal import Terminal
from click.testing import CliRunner, Result

from hector.cli.init import command
from hector.cli.templates import TEMPLATES
from hector.errors import UsageError
from hector.runtime import check_config, load_config


def init(*args: str, answers: str = "") -> Result:
    return CliRunner().invoke(command, args, input=answers)


@pytest.mark.parametrize("template", sorted(TEMPLATES))
def test_every_template_is_valid_and_answers(terminal: Terminal, template: str) -> None:
    terminal.write("app/docs/note.md", "# Colours\n\nThe colour of the roof is green.\n")
    written = terminal.run("init", "app", "--yes", "--from", template, "--provider", "offline")
    config = str(Path("app") / "config.yaml")
    checked = terminal.run("validate", "--strict", config)
    asked = terminal.run("run", "--config", config, "What is the colour of the roof?")

    assert (written.returncode, written.stdout) == (0, "")
    assert written.stderr == (
        f"wrote {config}\nwrote {Path('app') / '.env.example'}\n"
        f"Next: hector run 'What can you do?' --config {config}\n"
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, f"{config}: valid\n", "")
    assert (asked.returncode, "error" in asked.stderr) == (0, False)
    assert ("The colour of the roof is green." in asked.stdout) == (template == "documents")


def test_at_most_four_questions_are_asked(tmp_path: Path) -> None:
    done = init(str(tmp_path / "app"), answers="documents\nMy app\noffline\n../notes\n")

    assert done.exit_code == 0
    assert done.stderr == (
        "Start from (assistant, documents, tools) [assistant]: documents\n"
        "Name of the app [app]: My app\n"
        "Model (auto, offline, anthropic, cohere, gemini, openai) [auto]: offline\n"
        "Folder with the documents [docs]: ../notes\n"
        f"wrote {tmp_path / 'app' / 'config.yaml'}\n"
        f"wrote {tmp_path / 'app' / '.env.example'}\n"
        f"Put your documents into {tmp_path / 'app' / '../notes'}\n"
        f"Next: hector run 'What can you do?' --config {tmp_path / 'app' / 'config.yaml'}\n"
    )
    config, _ = load_config(tmp_path / "app" / "config.yaml", env={})
    source = config.components["document_store"]["documents"].settings.source.settings
    assert (config.name, Path(source.path).name) == ("My app", "notes")


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    """Neither a config, nor an example of variables beside none."""
    (tmp_path / ".env.example").write_text("MINE=1\n")
    assert init(str(tmp_path), "--yes").exit_code == 0
    written = (tmp_path / "config.yaml").read_text()
    again = init(str(tmp_path), "--yes", "--from", "tools")

    assert isinstance(again.exception, UsageError)
    assert str(again.exception) == (
        f"[H001] {tmp_path / 'config.yaml'} exists already\n"
        "  hint: choose another folder; nothing was written"
    )
    assert (tmp_path / "config.yaml").read_text() == written
    assert (tmp_path / ".env.example").read_text() == "MINE=1\n"


@pytest.mark.parametrize("name", ['it\'s "new"', "${HOME}", "a: {b} # c", "\\n", "null"])
def test_a_name_is_taken_as_it_is(tmp_path: Path, name: str) -> None:
    """Quotes, variables and YAML in it mean nothing."""
    assert init(str(tmp_path), "--yes", "--name", name).exit_code == 0

    config, _ = load_config(tmp_path / "config.yaml", env={})
    assert config.name == name


def test_with_nobody_to_ask_the_way_out_is_named(terminal: Terminal) -> None:
    done = terminal.run("init", "app")

    assert done.returncode == 2
    assert done.stderr.endswith("Error: There is nobody to ask: pass --yes, or the answers.\n")
    assert not (terminal.folder / "app").exists()


@pytest.mark.parametrize(
    ("provider", "variable"),
    [
        ("anthropic", "ANTHROPIC_API_KEY"),
        ("cohere", "CO_API_KEY"),
        ("gemini", "GEMINI_API_KEY"),
        ("openai", "OPENAI_API_KEY"),
    ],
)
def test_a_vendor_needs_its_key_and_says_so(tmp_path: Path, provider: str, variable: str) -> None:
    done = init(str(tmp_path), "--yes", "--provider", provider)
    (problem,) = check_config(tmp_path / "config.yaml", env={})

    told = f"Put {variable} into .env, and: pip install hector-plugin-{provider}\n"
    assert told in done.stderr
    assert f"# {variable}=\n" in (tmp_path / ".env.example").read_text()
    assert (problem.code, problem.path) == ("H106", "llms.default.api_key")
    assert problem.message == f"the variable `{variable}` is not set"
