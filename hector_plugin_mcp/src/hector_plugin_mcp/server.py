"""One MCP server: a connection that is kept, and calls over it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import random
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias, cast

import anyio
import mcp_types
from anyio.abc import TaskGroup
from mcp import Client, MCPError
from mcp.client import IncomingMessage, Transport
from mcp.client.subscriptions import SubscriptionLost
from mcp_types import CONNECTION_CLOSED, INTERNAL_ERROR, RequestParamsMeta
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import ValidationError

from hector.errors import ToolError, ToolTimeoutError
from hector.message import JSONObject
from hector_plugin_mcp.failures import http_reason, reason, shortened
from hector_plugin_mcp.listing import list_tools
from hector_plugin_mcp.transport import Exchange, current_exchange, watched

__all__ = ["OnTools", "Server"]

OnTools: TypeAlias = Callable[[Sequence[mcp_types.Tool]], None]
"""Gets the tools whenever they were listed, and () when the connection is lost."""

_FIRST_PAUSE_S = 0.25
_LONGEST_PAUSE_S = 30.0
_STABLE_AFTER_S = 30.0  # a connection that lasted this long owes nothing to earlier failures
_DEBOUNCE_S = 0.1  # servers announce several changes in a row
_SUBSCRIBE_TIMEOUT_S = 2.0
_SUBSCRIBE_PAUSE_S = 1.0
_CLOSE_TIMEOUT_S = 5.0
_SERVER_ERROR = -32000  # JSON-RPC leaves its meaning to the server


class Server:
    """Keeps one connection to a server, from `run` until `stop`, and makes calls over it.

    The SDK's client is entered and left in the task of `run`, as its cancel scopes demand; calls
    come from any task of the same loop. A lost connection is made again, after 0.25 s at first and
    after twice as long, up to 30 s, each time it fails again.

    Args:
        name: for messages, such as `tools.files`.
        open_transport: a new transport for every attempt.
        explain: makes the reason of a failure fit for the log: without secrets, with what else is
            known, such as what the program wrote to standard error.
        connect_timeout_s: seconds to connect and list the tools, > 0.
        client_info: who we say we are.
        logger: gets what becomes of the connection.
    """

    def __init__(
        self,
        name: str,
        *,
        open_transport: Callable[[], Transport],
        explain: Callable[[str], str],
        connect_timeout_s: float,
        client_info: mcp_types.Implementation,
        logger: logging.Logger,
    ) -> None:
        self._name = name
        self._open_transport = open_transport
        self._explain = explain
        self._on_tools: OnTools = _ignore
        self._connect_timeout_s = connect_timeout_s
        self._client_info = client_info
        self._logger = logger
        self._client: Client | None = None  # set while connected
        self._scope: anyio.CancelScope | None = None  # around the current attempt
        self._wake = asyncio.Event()  # one of the next three has changed
        self._last_reason = ""
        self._is_stopping = False
        self._is_lost = False
        self._is_changed = False
        self._is_up = asyncio.Event()
        self._is_settled = asyncio.Event()  # the first attempt has succeeded or failed

    async def wait_settled(self) -> None:
        """Return when the first attempt has succeeded or failed, or its time is over."""
        with contextlib.suppress(
            TimeoutError
        ):  # then it is being cleaned up, and `run` will say so
            async with asyncio.timeout(self._connect_timeout_s + _DEBOUNCE_S):
                await self._is_settled.wait()

    def stop(self) -> None:
        """Have `run` close the connection, politely if it is up, and return."""
        self._is_stopping = True
        self._wake.set()
        if self._scope is None:
            return
        if self._client is None:
            self._scope.cancel()
        else:
            self._scope.deadline = anyio.current_time() + _CLOSE_TIMEOUT_S

    async def run(self, on_tools: OnTools) -> None:
        """Connect, and connect again, until `stop`. A failure is logged, never raised."""
        self._on_tools = on_tools
        pause_s = _FIRST_PAUSE_S
        loop = asyncio.get_running_loop()
        while not self._is_stopping:
            began_s = loop.time()
            exchange = Exchange()
            current_exchange.set(exchange)
            try:
                why = await self._connect_and_serve()
            except Exception as error:  # noqa: BLE001 - opening a component: a server fails in any way
                why = reason(error, exchange)
            self._is_settled.set()
            if self._is_stopping:
                return
            if loop.time() - began_s > _STABLE_AFTER_S:
                pause_s = _FIRST_PAUSE_S
            wait_s = pause_s * random.uniform(0.75, 1.25)  # noqa: S311 - spreads load, hides nothing
            self._report_down(self._explain(why), wait_s)
            await self._pause(wait_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    async def call(
        self, tool: str, arguments: JSONObject, *, meta: Mapping[str, str], timeout_s: float
    ) -> mcp_types.CallToolResult:
        """Call a tool; see `MCPTool.call` for errors and cancellation.

        A call that the server refused because it does not know our session was not made: it is
        made once more over the next connection.
        """
        exchange = Exchange()
        token = current_exchange.set(exchange)
        try:
            async with asyncio.timeout(timeout_s):
                client = self._connected(tool)
                try:
                    return await _call(client, tool, arguments, meta)
                except MCPError as error:
                    if not _is_session_unknown(error, exchange):
                        raise
                self._lose(client)
                await self._wait_up()
                return await _call(self._connected(tool), tool, arguments, meta)
        except TimeoutError as error:
            raise ToolTimeoutError(
                f"{self._name}: `{tool}` did not end within {timeout_s:g} s and was told to stop",
                hint="raise `timeout` if the tool needs longer",
            ) from error
        except MCPError as error:
            raise self._tool_error(tool, error, exchange) from error
        except (ValidationError, RuntimeError) as error:  # the SDK checks results and raises these
            why = shortened(str(error))
            raise ToolError(f"{self._name}: `{tool}` gave an invalid result: {why}") from error
        finally:
            current_exchange.reset(token)

    def _connected(self, tool: str) -> Client:
        if self._client is None:
            raise ToolError(
                f"{self._name}: `{tool}` was not called: the server is unavailable at the moment"
            )
        return self._client

    def _tool_error(self, tool: str, error: MCPError, exchange: Exchange) -> ToolError:
        if (said := http_reason(exchange)) is not None:
            return ToolError(f"{self._name}: `{tool}` failed: {said}")
        if error.code == CONNECTION_CLOSED:
            return ToolError(
                f"{self._name}: the connection was lost while `{tool}` ran; it may have been done"
            )
        why = shortened(error.message)
        return ToolError(f"{self._name}: the server refused `{tool}`: {why} ({error.code})")

    async def _connect_and_serve(self) -> str:
        """One connection from start to end; returns why it ended."""
        self._is_lost = self._is_changed = False
        was_up = False
        with anyio.CancelScope(deadline=anyio.current_time() + self._connect_timeout_s) as scope:
            self._scope = scope
            async with (
                Client(
                    watched(self._open_transport(), self._note_lost),
                    client_info=self._client_info,
                    message_handler=self._on_message,
                    cache=None,
                ) as client,
                anyio.create_task_group() as group,
            ):
                await self._subscribe(client, group)
                tools = await list_tools(client, self._logger)
                scope.deadline = math.inf
                was_up = True
                try:
                    self._set_up(client, tools)
                    await self._watch(client)
                finally:
                    self._set_down()
                    scope.deadline = anyio.current_time() + _CLOSE_TIMEOUT_S
                group.cancel_scope.cancel()
        if was_up:
            return "it closed the connection"
        return f"it did not answer within {self._connect_timeout_s:g} s"

    async def _watch(self, client: Client) -> None:
        """Keep the list of tools true until the connection is lost or no longer wanted."""
        while not (self._is_stopping or self._is_lost):
            if self._is_changed:
                await anyio.sleep(_DEBOUNCE_S)
                self._is_changed = False
                with anyio.fail_after(self._connect_timeout_s):
                    self._on_tools(await list_tools(client, self._logger))
                continue
            await self._wake.wait()
            self._wake.clear()

    async def _subscribe(self, client: Client, group: TaskGroup) -> None:
        """Ask for changes, where the protocol wants that (2026-07-28 and later).

        Before the tools are listed: what changes between the two would be missed.
        """
        tools = client.server_capabilities.tools
        if client.protocol_version in MODERN_PROTOCOL_VERSIONS and tools and tools.list_changed:
            is_settled = anyio.Event()
            group.start_soon(self._listen, client, is_settled)
            with anyio.move_on_after(_SUBSCRIBE_TIMEOUT_S):
                await is_settled.wait()

    async def _listen(self, client: Client, is_settled: anyio.Event) -> None:
        """Hear of changes; `is_settled` is set once the server has accepted or refused."""
        while True:
            try:
                async with client.listen(tools_list_changed=True) as changes:
                    if is_settled.is_set():
                        self._note_changed()  # nothing is replayed after a gap
                    is_settled.set()
                    async for _ in changes:
                        self._note_changed()
            except SubscriptionLost:
                pass
            except MCPError as error:
                self._logger.info("%s announces no changes: %s", self._name, error.message)
                is_settled.set()
                return
            await anyio.sleep(_SUBSCRIBE_PAUSE_S)

    async def _on_message(self, message: IncomingMessage) -> None:
        if isinstance(message, mcp_types.ToolListChangedNotification):
            self._note_changed()

    async def _wait_up(self) -> None:
        """Return when there is a connection, or when making one has taken too long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._connect_timeout_s):
                await self._is_up.wait()

    def _set_up(self, client: Client, tools: Sequence[mcp_types.Tool]) -> None:
        self._logger.info(
            "%s is connected: protocol %s, %d tools",
            self._name,
            client.protocol_version,
            len(tools),
        )
        self._last_reason = ""
        self._on_tools(tools)
        self._client = client
        self._is_up.set()
        self._is_settled.set()

    def _set_down(self) -> None:
        self._client = None
        self._is_up.clear()
        self._on_tools(())

    def _lose(self, client: Client) -> None:
        """Give up this connection, unless somebody else already did."""
        if self._client is client:
            self._set_down()
            self._note_lost()

    def _report_down(self, why: str, wait_s: float) -> None:
        """Log a failure; the same one again is no news."""
        level = logging.DEBUG if why == self._last_reason else logging.WARNING
        self._last_reason = why
        self._logger.log(
            level, "%s is unavailable: %s; trying again in %.1f s", self._name, why, wait_s
        )

    def _note_lost(self) -> None:
        self._is_lost = True
        self._wake.set()

    def _note_changed(self) -> None:
        self._is_changed = True
        self._wake.set()

    async def _pause(self, duration_s: float) -> None:
        """Sleep, but not longer than until `stop`."""
        with anyio.move_on_after(duration_s):
            while not self._is_stopping:
                await self._wake.wait()
                self._wake.clear()


def _ignore(tools: Sequence[mcp_types.Tool]) -> None:
    """Nobody is there yet."""


async def _call(
    client: Client, tool: str, arguments: JSONObject, meta: Mapping[str, str]
) -> mcp_types.CallToolResult:
    return await client.call_tool(tool, dict(arguments), meta=cast("RequestParamsMeta", dict(meta)))


def _is_session_unknown(error: MCPError, exchange: Exchange) -> bool:
    """Whether the server, by HTTP, refused the request because it does not know the session.

    The protocol asks for status 404. Servers made after the examples of the TypeScript SDK say 400,
    with a code of their own or a body that is no answer (the SDK then says "internal error").
    """
    if not exchange.had_session:
        return False
    is_vague = error.code in {_SERVER_ERROR, INTERNAL_ERROR}
    return exchange.status == 404 or (exchange.status == 400 and is_vague)
