"""Which config file a command works on."""

from __future__ import annotations

from pathlib import Path

import click

__all__ = ["NAMES", "config_option", "find_config"]

NAMES = (
    "hector.yaml",
    "hector.yml",
    "hector.toml",
    "config.yaml",
    "config.yml",
    "config.toml",
    "config.json",
)
"""Looked for in the current folder, in this order."""

config_option = click.option(
    "-c",
    "--config",
    "config_file",
    type=click.Path(path_type=Path),
    help="The config file. Default: hector.yaml or config.yaml (or .toml) in the current folder.",
)


def find_config(given: Path | None, also_given: Path | None = None) -> Path:
    """The file that was named, or the one in the current folder.

    Args:
        given: as the argument, or by `--config` where there is no argument.
        also_given: by `--config`, for a command that takes an argument, too.

    Raises:
        click.UsageError: there is none, or there are two.
    """
    if given is not None and also_given is not None:
        raise click.UsageError("The config is named twice: as FILE and by --config.")
    given = given or also_given
    if given is not None:
        return given
    for name in NAMES:
        if Path(name).is_file():
            return Path(name)
    raise click.UsageError(
        "There is no config in this folder. Write one with `hector init`, or name one with --config."
    )
