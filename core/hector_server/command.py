"""`hector serve`: serve the agents of a config over HTTP."""

from __future__ import annotations

import gc
from pathlib import Path

import click

from hector_server.hangup import HangUp

__all__ = ["serve"]

# The names that every command of `hector` looks for.
CONFIG_NAMES = (
    "hector.yaml",
    "hector.yml",
    "hector.toml",
    "config.yaml",
    "config.yml",
    "config.toml",
    "config.json",
)


@click.command("serve")
@click.option(
    "-c",
    "--config",
    "config_file",
    type=click.Path(path_type=Path),
    help="The config file. Default: hector.yaml or config.yaml (or .toml) in the current folder.",
)
@click.option("--host", help="Address to listen on. Default: server.host, else 127.0.0.1.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    help="Port to listen on; 0 takes a free one. Default: server.port, else 8080.",
)
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    help="Least level that is logged. Default: logger.level, else info.",
)
@click.option(
    "--watch",
    is_flag=True,
    help="Reload when the config, what it extends or a .env changes. SIGHUP reloads either way.",
)
def serve(
    config_file: Path | None, host: str | None, port: int | None, log_level: str | None, watch: bool
) -> None:
    """Serve every public agent of a config over A2A, until interrupted."""
    hangup = HangUp.install()  # first: by default this signal ends the process
    file = config_file or _find_config()
    gc.disable()  # what is loaded now stays: to look for garbage in it is a tenth of the start
    from hector_server.program import run

    try:
        run(file, host=host, port=port, log_level=log_level, hangup=hangup, is_watching=watch)
    finally:
        hangup.ignore()


def _find_config() -> Path:
    for name in CONFIG_NAMES:
        if Path(name).is_file():
            return Path(name)
    raise click.UsageError(
        "There is no config in this folder. "
        "Write one with `hector init`, or name one with --config."
    )
