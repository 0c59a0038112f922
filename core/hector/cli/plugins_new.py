"""`hector plugins new`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click

from hector.spi import KINDS, Kind

__all__ = ["new"]

_WORDS: Mapping[str, Kind] = {kind.replace("_", "-"): kind for kind in KINDS}


@click.command("new")
@click.argument("name")
@click.option(
    "--kind",
    "word",
    type=click.Choice(sorted(_WORDS)),
    required=True,
    help="What the plugin brings.",
)
@click.option(
    "--into",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="The folder to write; made, or empty. Absent: hector-plugin-NAME here.",
)
def new(name: str, word: str, folder: Path | None) -> None:
    """Start a distribution of your own: NAME is its type in the config, hector-plugin-NAME its name for pip.

    What is written installs, runs without a network or a key, and passes the conformance kit.
    """
    from hector.cli.scaffold import KIND_TEXTS, scaffold_name, write_scaffold

    named = scaffold_name(name)
    kind = _WORDS[word]
    place = folder if folder is not None else Path(named.distribution)
    for path in write_scaffold(place, named, kind):
        click.echo(f"wrote {path}", err=True)
    said = KIND_TEXTS[kind]
    click.echo(
        f"\nNext:\n"
        f"  cd {place}\n"
        f"  pip install --editable . 'hector[testing]'\n"
        f"  hector plugins check {named.type} --quick\n"
        f"  hector run {said.question!r}\n\n"
        f"{said.next}",
        err=True,
    )
