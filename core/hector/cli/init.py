"""`hector init`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import attrs
import click

from hector.cli.templates import ENVIRONMENT, PROVIDERS, TEMPLATES, VARIABLES, provider_block
from hector.errors import UsageError

__all__ = ["command"]


@attrs.frozen(kw_only=True)
class _Answers:
    template: str
    name: str
    provider: str
    documents: str


@click.command("init")
@click.argument("folder", default=".", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--from", "template", type=click.Choice(sorted(TEMPLATES)), help="What to start from."
)
@click.option("--name", help="What the app is called.")
@click.option(
    "--provider",
    type=click.Choice(PROVIDERS),
    help="The model: chosen by the API key that is set, the offline one, or OpenAI.",
)
@click.option(
    "--documents", help="The folder whose documents the agent answers from (template `documents`)."
)
@click.option("-y", "--yes", is_flag=True, help="Ask nothing; take the defaults.")
def command(
    *,
    folder: Path,
    template: str | None,
    name: str | None,
    provider: str | None,
    documents: str | None,
    yes: bool,
) -> None:
    """Write config.yaml and .env.example into FOLDER. What is there is never overwritten."""
    target = folder / "config.yaml"
    if target.exists():
        raise _exists(target)
    try:
        template = template or _ask("Start from", "assistant", yes, sorted(TEMPLATES))
        answers = _Answers(
            template=template,
            name=name or _ask("Name of the app", folder.resolve().name or "hector", yes),
            provider=provider or _ask("Model", "auto", yes, PROVIDERS),
            documents=documents
            or _ask("Folder with the documents", "docs", yes or template != "documents"),
        )
    except click.Abort as error:
        if sys.stdin.isatty():
            raise
        click.echo(err=True)  # ends the line of the question
        raise click.UsageError("There is nobody to ask: pass --yes, or the answers.") from error
    _write(folder, target, answers)
    _say_next(folder, target, answers)


def _ask(
    question: str, default: str, is_silent: bool, choices: tuple[str, ...] | list[str] = ()
) -> str:
    if is_silent:
        return default
    kind = click.Choice(choices) if choices else None
    answer: str = click.prompt(question, type=kind, default=default, err=True)
    return answer


def _exists(target: Path) -> UsageError:
    return UsageError(f"{target} exists already", hint="choose another folder; nothing was written")


def _write(folder: Path, target: Path, answers: _Answers) -> None:
    text = TEMPLATES[answers.template].format(
        name=_quoted(answers.name),
        provider=provider_block(answers.provider),
        documents=_quoted(answers.documents),
    )
    folder.mkdir(parents=True, exist_ok=True)
    for path, content in ((target, text), (folder / ".env.example", ENVIRONMENT)):
        try:
            with path.open(
                "x", encoding="utf-8"
            ) as file:  # "x" never overwrites, not even in a race
                file.write(content)
        except FileExistsError as error:
            if path == target:
                raise _exists(target) from error
            continue
        click.echo(f"wrote {path}", err=True)


def _say_next(folder: Path, target: Path, answers: _Answers) -> None:
    variable = VARIABLES.get(answers.provider)
    if variable is not None:
        package = f"hector-plugin-{answers.provider}"
        click.echo(f"Put {variable} into .env, and: pip install {package}", err=True)
    if answers.template == "documents" and not (folder / answers.documents).is_dir():
        click.echo(f"Put your documents into {folder / answers.documents}", err=True)
    where = "" if folder.resolve() == Path.cwd() else f" --config {target}"
    click.echo(f"Next: hector run 'What can you do?'{where}", err=True)


def _quoted(text: str) -> str:
    """A YAML string that is nothing but this text: JSON strings are YAML, and `$` would be interpolated."""
    return json.dumps(text.replace("$", "$$"), ensure_ascii=False)
