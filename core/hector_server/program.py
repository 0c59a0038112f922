"""The program behind `hector serve`, apart so that `hector serve --help` need not load it."""

from __future__ import annotations

import asyncio
import functools
import gc
import logging
import sys
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hector import (
    ADMIN_TOKEN_VARIABLE,
    Config,
    Runtime,
    admin_token_flaw,
    find_admin_token,
    hash_admin_token,
    load_config,
)
from hector.errors import ServerError
from hector_server.a2a import card_url
from hector_server.hangup import HangUp
from hector_server.http.guard import is_loopback
from hector_server.http.pages import curl_command, default_agent
from hector_server.lifecycle import Ready, serve
from hector_server.listener import open_listener
from hector_server.log import configure_logging
from hector_server.options import ServerOptions

if TYPE_CHECKING:
    from hector_server.watching.contents import Contents

__all__ = ["run"]

logger = logging.getLogger("hector_server")


def run(
    file: Path,
    *,
    host: str | None,
    port: int | None,
    log_level: str | None,
    hangup: HangUp,
    is_watching: bool = False,
) -> None:
    """Serve the agents of a config until interrupted.

    Args:
        file: the config.
        host: address to listen on; None takes the config's.
        port: to listen on; None takes the config's.
        log_level: least level that is logged; None takes the config's.
        hangup: asks for a reload.
        is_watching: a change of the config, of what it extends or of a `.env` asks for one too.

    Raises:
        ConfigError: the config cannot be used.
        ServerError: the address or the admin token cannot be used.
        ComponentError: a component did not come up.
    """
    # Before the config is read: what is saved while the server starts is noticed.
    known = _watched(file) if is_watching else None
    loaded = load_config(file)
    config, _ = loaded
    configure_logging(log_level or config.logger.level, config.logger.format, config.logger.file)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(
            _serve(
                Runtime.open(file, loaded=loaded),
                config,
                host=config.server.host if host is None else host,
                port=config.server.port if port is None else port,
                reloading=functools.partial(
                    _reload_when_asked, file=file, hangup=hangup, known=known
                ),
            )
        )


def _watched(file: Path) -> Contents:
    from hector_server.watching.watcher import read_watched  # only for who watches

    return read_watched(file)


async def _reload_when_asked(
    runtime: Runtime, *, file: Path, hangup: HangUp, known: Contents | None
) -> None:
    from hector_server.watching import reload_when_asked  # when requests are accepted already

    log = runtime.config.logger
    await reload_when_asked(
        runtime,
        config=file,
        hangup=hangup,
        known=known,
        is_logging_problems=log.format == "json" or log.file is not None,
    )


async def _serve(
    opening: AbstractAsyncContextManager[Runtime],
    config: Config,
    *,
    host: str,
    port: int,
    reloading: Callable[[Runtime], Coroutine[Any, Any, None]],
) -> None:
    server = config.server
    options = ServerOptions(
        public_url=server.public_url or "",
        metrics_path=server.observability.metrics.endpoint,
        admin_token_hash=_admin_token_hash(config),
    )
    with open_listener(host, port) as listener:  # first: a port in use is known at once
        if not is_loopback(host):
            logger.warning("listening on %s: whoever reaches it may use every public agent", host)
            if options.admin_token_hash:
                logger.warning("the admin token goes over plain HTTP: put TLS in front of it")
        async with opening as runtime:

            def on_ready(ready: Ready) -> None:
                gc.freeze()  # what was loaded stays: the collector need not look at it again
                gc.enable()
                _announce(runtime, options, ready)

            await serve(
                runtime,
                bind=host,
                listener=listener,
                shutdown_timeout_s=lambda: runtime.config.server.shutdown_timeout,
                options=options,
                on_ready=on_ready,
                beside=functools.partial(reloading, runtime),
            )


def _admin_token_hash(config: Config) -> str:
    """The config's, or that of the token in the environment or `.env`; empty: no admin API."""
    if config.server.admin.token_hash is not None:
        return config.server.admin.token_hash
    token = find_admin_token(config.source.folder)
    if not token:
        return ""
    if flaw := admin_token_flaw(token):
        raise ServerError(
            f"the admin token in {ADMIN_TOKEN_VARIABLE} {flaw}",
            hint="make one with `hector token`, or unset the variable to switch the admin API off",
        )
    return hash_admin_token(token)


def _announce(runtime: Runtime, options: ServerOptions, ready: Ready) -> None:
    """Say on the standard error stream where the server is; the first line is for programs too."""
    if runtime.config.logger.format == "json":
        logger.info("ready at %s", ready.url)
        return
    click.echo(f"Hector is ready at {ready.url}", err=True)
    agent = default_agent(runtime, options)
    if agent is None:
        click.echo("  No agent is public, so none can be called.", err=True)
        return
    base = options.public_url.rstrip("/") or ready.url
    click.echo(f"  agent card  {card_url(base, agent.name)}", err=True)
    click.echo(f"  try         {curl_command(base, agent)}", err=True)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    if sys.platform == "win32" or sys.implementation.name != "cpython":
        return None
    import uvloop

    return uvloop.new_event_loop
