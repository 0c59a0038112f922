"""The ASGI application."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import AsyncGenerator

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Route

from hector_server.a2a import Methods
from hector_server.host import Host, Reloadable
from hector_server.http.approvals import approval_routes
from hector_server.http.guard import AccessLog, HostCheck
from hector_server.http.pages import Pages
from hector_server.http.rpc import RPCEndpoint
from hector_server.options import ServerOptions
from hector_server.tasks import TaskTable

__all__ = ["create_app"]

logger = logging.getLogger("hector_server")


def create_app(
    host: Host,
    *,
    bind: str = "127.0.0.1",
    options: ServerOptions | None = None,
    tasks: TaskTable | None = None,
) -> Starlette:
    """Make the ASGI application that serves the agents of `host`.

    `hector_server.serve` runs it on uvicorn; any other ASGI server will do if it speaks the
    lifespan protocol, which is where the tasks live.

    Args:
        host: what is served; it stays open as long as the application runs.
        bind: the address it will be reached at; a loopback address lets in loopback names only.
        options: addresses and limits. With the hash of an admin token, a `Reloadable` host has the
            admin API below `/admin/v1`.
        tasks: made with the same host and options, when the caller wants to watch or drain them.
    """
    options = options or ServerOptions()
    table = tasks or TaskTable(host, options)
    pages = Pages(host, options)
    rpc = RPCEndpoint(host, Methods(table, options), options)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncGenerator[None]:
        async with table.serving():
            yield

    return Starlette(
        routes=[
            Route("/agents/{name}", rpc, methods=["POST"]),
            Route("/agents/{name}", pages.card),
            Route("/agents/{name}/.well-known/agent-card.json", pages.card),
            Route("/agents", pages.agents),
            Route("/.well-known/agent-card.json", pages.default_card),
            Route("/health", pages.health),
            Route(options.metrics_path, pages.metrics),
            Route("/", pages.index),
            *approval_routes(host, table, options),
            *_admin_routes(host, options),
        ],
        middleware=[
            Middleware(AccessLog, quiet_paths=frozenset({"/health", options.metrics_path})),
            Middleware(HostCheck, bind=bind, options=options),
        ],
        lifespan=lifespan,
    )


def _admin_routes(host: Host, options: ServerOptions) -> list[BaseRoute]:
    """The admin API, whose code is not even imported without a token."""
    if not options.admin_token_hash:
        return []
    if not isinstance(host, Reloadable):
        logger.warning("there is an admin token, but what is served cannot be reloaded")
        return []
    from hector_server.admin import admin_mount

    return [admin_mount(host, options)]
