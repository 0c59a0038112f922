"""Serving a host from the first request to the last."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import Callable, Coroutine, Generator
from typing import Any

import attrs
import uvicorn
from starlette.types import ASGIApp

from hector.errors import ServerError
from hector_server.host import Host
from hector_server.http import create_app
from hector_server.listener import open_listener, url_of
from hector_server.options import ServerOptions
from hector_server.tasks import TaskTable

__all__ = ["Ready", "serve"]

logger = logging.getLogger("hector_server")

GRACE_S = 5.0
"""How long canceled work and open connections may take to end after the shutdown deadline."""


@attrs.frozen
class Ready:
    """The server accepts requests.

    Attributes:
        url: where clients on this machine reach it, without a slash at the end.
        port: the real one, also when 0 was asked for.
    """

    url: str
    port: int


async def serve(
    host: Host,
    *,
    bind: str = "127.0.0.1",
    port: int = 8080,
    listener: socket.socket | None = None,
    shutdown_timeout_s: float | Callable[[], float] = 30.0,
    options: ServerOptions | None = None,
    on_ready: Callable[[Ready], None] | None = None,
    stop: asyncio.Event | None = None,
    beside: Callable[[], Coroutine[Any, Any, None]] | None = None,
) -> None:
    """Serve until SIGINT, SIGTERM or `stop`, then wind down and return; the host stays open.

    Winding down: no new connection and no new task is taken; running tasks may go on for
    `shutdown_timeout_s`, their streams too; what runs longer is canceled, and its clients are told.
    A second signal cancels at once. Signals are handled only in the main thread; elsewhere `stop`
    is the way.

    Args:
        host: what is served.
        bind: address to listen on.
        port: 0 takes a free one.
        listener: from `open_listener(bind, port)`, when it was opened before; it is closed at the
            end.
        shutdown_timeout_s: see above; a function is asked when the winding down begins.
        options: addresses and limits.
        on_ready: called once, when requests are accepted.
        stop: ends serving when set.
        beside: runs from when requests are accepted until the shutdown begins, and is canceled
            then; what it raises ends serving.

    Raises:
        ServerError: the address cannot be used, or the server could not start.
    """
    options = options or ServerOptions()
    listener = listener or open_listener(bind, port)
    tasks = TaskTable(host, options)
    app = create_app(host, bind=bind, options=options, tasks=tasks)
    server = _Server(_config(app, options))
    shutdown = _Shutdown(stop or asyncio.Event(), asyncio.Event())
    with contextlib.closing(listener), _signals(shutdown):
        async with asyncio.TaskGroup() as group:
            serving = group.create_task(server.serve(sockets=[listener]))
            await server.is_up.wait()
            if not server.has_failed:
                if on_ready is not None:
                    on_ready(Ready(url_of(listener, bind), listener.getsockname()[1]))
                company = group.create_task(beside()) if beside is not None else None
                try:
                    await _until_shutdown(server, tasks, shutdown, shutdown_timeout_s, company)
                except asyncio.CancelledError:
                    await serving  # winds down by itself, as what it waits for is canceled
                    raise
            await serving
    if server.has_failed:
        raise ServerError("the server could not start; the log says why")


async def _until_shutdown(
    server: _Server,
    tasks: TaskTable,
    shutdown: _Shutdown,
    timeout_s: float | Callable[[], float],
    company: asyncio.Task[None] | None,
) -> None:
    try:
        await shutdown.begin.wait()
        if company is not None:
            company.cancel()
        seconds = timeout_s() if callable(timeout_s) else timeout_s
        server.config.timeout_graceful_shutdown = int(seconds + GRACE_S) + 1
        server.stop()
        await _drain(tasks, shutdown, seconds)
        cut_off = await tasks.let_go(GRACE_S)
        if cut_off:
            logger.warning("cut off %d tasks that were still running", cut_off)
    finally:  # also when whoever called `serve` is canceled: nobody is left to wait for
        server.stop()
        if company is not None:
            company.cancel()
        canceled = tasks.cancel_all()
        if canceled:
            logger.warning("canceled %d tasks that were still running", canceled)


@attrs.frozen
class _Shutdown:
    begin: asyncio.Event
    hurry: asyncio.Event

    def on_signal(self, number: signal.Signals) -> None:
        if self.hurry.is_set():
            asyncio.get_running_loop().remove_signal_handler(number)
            signal.raise_signal(number)
        elif self.begin.is_set():
            logger.warning("%s again: canceling what runs; once more ends the process", number.name)
            self.hurry.set()
        else:
            logger.info("%s: shutting down", number.name)
            self.begin.set()


async def _drain(tasks: TaskTable, shutdown: _Shutdown, timeout_s: float) -> None:
    """Let the running tasks end, until the deadline or a second signal."""
    count = tasks.running_count
    if count:
        logger.info("waiting up to %g s for %d running tasks", timeout_s, count)
    async with asyncio.TaskGroup() as group:
        waits = {
            group.create_task(tasks.drain(timeout_s)),
            group.create_task(shutdown.hurry.wait()),
        }
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()


class _Server(uvicorn.Server):
    """uvicorn without its signal handling, which would fight with ours."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.is_up = asyncio.Event()
        self.has_failed = False
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Begin to shut down."""
        self.should_exit = True
        self._stopping.set()

    async def main_loop(self) -> None:
        """Refresh the Date header each second until stopped; uvicorn wakes ten times as often."""
        while not await self.on_tick(0):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await self._stopping.wait()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """Leave the signals alone."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so."""
        try:
            await super().startup(sockets=sockets)
        except SystemExit:  # what uvicorn does when the lifespan fails
            self.has_failed = self.should_exit = True
        finally:
            self.is_up.set()


def _config(app: ASGIApp, options: ServerOptions) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http="httptools",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=options.max_connections,
        timeout_keep_alive=options.idle_timeout_s,
        timeout_graceful_shutdown=int(GRACE_S) + 1,  # unless there is time to drain
    )


@contextlib.contextmanager
def _signals(shutdown: _Shutdown) -> Generator[None]:
    loop = asyncio.get_running_loop()
    taken: list[signal.Signals] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        # NotImplementedError: a loop without signals; the others: not the main thread.
        with contextlib.suppress(NotImplementedError, ValueError, RuntimeError):
            loop.add_signal_handler(number, shutdown.on_signal, number)
            taken.append(number)
    try:
        yield
    finally:
        for number in taken:
            loop.remove_signal_handler(number)
