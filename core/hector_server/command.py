"""`hector serve`: serve the agents of a config over HTTP."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Callable
from pathlib import Path

import click

from hector import Config, Runtime, load_config
from hector_server.a2a import card_url
from hector_server.http.guard import is_loopback
from hector_server.http.pages import curl_command, default_agent
from hector_server.lifecycle import Ready
from hector_server.lifecycle import serve as serve_host
from hector_server.listener import open_listener
from hector_server.log import configure_logging
from hector_server.options import ServerOptions

__all__ = ["serve"]

logger = logging.getLogger("hector_server")

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
def serve(
    config_file: Path | None, host: str | None, port: int | None, log_level: str | None
) -> None:
    """Serve every public agent of a config over A2A, until interrupted."""
    file = config_file or _find_config()
    config, _ = load_config(file)
    configure_logging(log_level or config.logger.level, config.logger.format, config.logger.file)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(
            _serve(
                file,
                config,
                host=config.server.host if host is None else host,
                port=config.server.port if port is None else port,
            )
        )


async def _serve(file: Path, config: Config, *, host: str, port: int) -> None:
    server = config.server
    options = ServerOptions(
        public_url=server.public_url or "",
        metrics_path=server.observability.metrics.endpoint,
    )
    with open_listener(host, port) as listener:  # first: a port in use is known at once
        if not is_loopback(host):
            logger.warning("listening on %s: whoever reaches it may use every public agent", host)
        async with Runtime.open(file) as runtime:
            await serve_host(
                runtime,
                bind=host,
                listener=listener,
                shutdown_timeout_s=server.reload.drain_timeout,
                options=options,
                on_ready=lambda ready: _announce(runtime, options, ready),
            )


def _announce(runtime: Runtime, options: ServerOptions, ready: Ready) -> None:
    """Say on the standard error stream where the server is; the first line is for programs too."""
    agent = default_agent(runtime, options)
    base = options.public_url.rstrip("/") or ready.url
    card = card_url(base, agent.name) if agent else None
    if runtime.config.logger.format == "json":
        logger.info("ready at %s", ready.url)
        return
    click.echo(f"Hector is ready at {ready.url}", err=True)
    if agent is None or card is None:
        click.echo("  No agent is public, so none can be called.", err=True)
        return
    click.echo(f"  agent card  {card}", err=True)
    click.echo(f"  try         {curl_command(base, agent.name)}", err=True)


def _find_config() -> Path:
    for name in CONFIG_NAMES:
        if Path(name).is_file():
            return Path(name)
    raise click.UsageError(
        "There is no config in this folder. "
        "Write one with `hector init`, or name one with --config."
    )


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    if sys.platform == "win32" or sys.implementation.name != "cpython":
        return None
    import uvloop

    return uvloop.new_event_loop
