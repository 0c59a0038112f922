"""`hector init`."""

from __future__ import annotations

from pathlib import Path

import click

from hector.cli.templates import ENVIRONMENT, TEMPLATES, provider_block
from hector.errors import UsageError

__all__ = ["command"]


@click.command("init")
@click.argument("folder", default=".", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--from", "template", type=click.Choice(sorted(TEMPLATES)), help="What to start from."
)
@click.option("--name", help="What the app is called.")
@click.option(
    "--provider",
    type=click.Choice(("auto", "offline", "openai")),
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
    target, example = folder / "config.yaml", folder / ".env.example"
    if target.exists():
        raise UsageError(
            f"{target} exists already", hint="choose another folder; nothing was written"
        )
    if template is None:
        choice = click.Choice(sorted(TEMPLATES))
        template = (
            "assistant" if yes else click.prompt("Start from", type=choice, default="assistant")
        )
    default_name = folder.resolve().name or "hector"
    if name is None:
        name = default_name if yes else click.prompt("Name of the app", default=default_name)
    if provider is None:
        providers = click.Choice(("auto", "offline", "openai"))
        provider = "auto" if yes else click.prompt("Model", type=providers, default="auto")
    if documents is None:
        ask = template == "documents" and not yes
        documents = click.prompt("Folder with the documents", default="docs") if ask else "docs"
    text = TEMPLATES[template].format(
        name=_quoted(name), provider=provider_block(provider), documents=_quoted(documents)
    )
    folder.mkdir(parents=True, exist_ok=True)
    with target.open(
        "x", encoding="utf-8"
    ) as file:  # "x": somebody else may have written it meanwhile
        file.write(text)
    click.echo(f"wrote {target}", err=True)
    if not example.exists():
        example.write_text(ENVIRONMENT, encoding="utf-8")
        click.echo(f"wrote {example}", err=True)
    where = "" if folder.resolve() == Path.cwd() else f" --config {target}"
    click.echo(f"Next: hector run 'What can you do?'{where}", err=True)


def _quoted(text: str) -> str:
    """A YAML string that is nothing but this text: JSON strings are YAML, and `$` would be interpolated."""
    import json

    return json.dumps(text.replace("$", "$$"), ensure_ascii=False)
