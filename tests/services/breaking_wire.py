"""A way to the server that breaks when it is told to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress


class BreakingWire:
    """Passes bytes on between clients and the server.

    Attributes:
        port: where it listens.
        swallow: while set, answers to a commit do not get through; the connection breaks instead.
        broken: how many connections broke.
    """

    def __init__(self, server_port: int, *, commit: bytes) -> None:
        """To a server on the loopback.

        Args:
            server_port: where it listens.
            commit: what stands in every request that commits; empty: every request may.
        """
        self._server_port = server_port
        self._commit = commit
        self.port = 0
        self.swallow = False
        self.broken = 0

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[BreakingWire]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()

    async def _serve(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        answers, to_server = await asyncio.open_connection("127.0.0.1", self._server_port)
        try:
            is_committing = asyncio.Event()
            async with asyncio.TaskGroup() as group:
                forth = group.create_task(self._ask(client, to_server, is_committing))
                back = group.create_task(self._answer(answers, to_client, is_committing))
                await asyncio.wait((forth, back), return_when=asyncio.FIRST_COMPLETED)
                forth.cancel()
                back.cancel()
        finally:
            to_client.close()
            to_server.close()

    async def _ask(
        self,
        source: asyncio.StreamReader,
        target: asyncio.StreamWriter,
        is_committing: asyncio.Event,
    ) -> None:
        with suppress(ConnectionError):
            while data := await source.read(65_536):
                if self._commit in data:
                    is_committing.set()
                target.write(data)
                await target.drain()

    async def _answer(
        self,
        source: asyncio.StreamReader,
        target: asyncio.StreamWriter,
        is_committing: asyncio.Event,
    ) -> None:
        with suppress(ConnectionError):
            while data := await source.read(65_536):
                if self.swallow and is_committing.is_set():
                    self.broken += 1
                    return
                is_committing.clear()
                target.write(data)
                await target.drain()
