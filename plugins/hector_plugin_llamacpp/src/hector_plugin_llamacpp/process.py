"""The process that holds a model: started, asked, started again when it died, and ended."""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
import tempfile
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from secrets import token_hex
from typing import Any

import attrs
import httpx

from hector.errors import LLMTimeoutError, LLMUnavailableError
from hector.message import JSONValue
from hector_plugin_llamacpp.settings import PROVIDER

__all__ = ["Engine", "open_engine"]

_PROGRAM = Path(__file__).with_name("engine.py")
_CONNECT_TIMEOUT_S = 10.0
_LAST_WORDS = 600
"""Characters of what the process said at last that are told with its failure."""


class _Words:
    """What a process prints to its standard error: a file, for a pipe would have to be emptied all the time."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="hector-llamacpp-")
        self.path = Path(self._folder.name) / "words.txt"

    def end(self) -> str:
        """The last of them."""
        if not self.path.exists():
            return ""
        return self.path.read_bytes()[-_LAST_WORDS:].decode(errors="replace").strip()

    def close(self) -> None:
        """Forget them."""
        self._folder.cleanup()


@attrs.frozen
class _Process:
    """A process that has loaded its model."""

    process: asyncio.subprocess.Process
    client: httpx.AsyncClient
    words: _Words


class Engine:
    """llama.cpp with one model, in a process of its own.

    Args:
        parameters: of llama.cpp, by its names.
        model: the model's name, for errors.
        connections: most of them at a time; one more waits.
        load_timeout_s: longest time until it answers.
        timeout_s: longest silence of it after that.
    """

    def __init__(
        self,
        parameters: Mapping[str, JSONValue],
        *,
        model: str,
        connections: int,
        load_timeout_s: float,
        timeout_s: float,
    ) -> None:
        self._parameters = parameters
        self._model = model
        self._load_timeout_s = load_timeout_s
        self._timeout_s = timeout_s
        self._starting = asyncio.Lock()
        self._connections = connections
        self._loading: asyncio.subprocess.Process | None = None
        self._running: _Process | None = None
        self._is_closed = False

    @property
    def process_id(self) -> int | None:
        """Of the process that holds the model now, or None if there is none."""
        return None if self._running is None else self._running.process.pid

    async def client(self) -> httpx.AsyncClient:
        """What asks the process; one that has died is started again first.

        Raises:
            LLMUnavailableError: it does not start, or was closed.
            LLMTimeoutError: it does not start in time.
        """
        async with self._starting:
            if self._is_closed:
                raise self._closed()
            if self._running is not None and self._running.process.returncode is not None:
                await self._end()
            if self._running is None:
                self._running = await self._start()
            return self._running.client

    def last_words(self) -> str:
        """The end of what the process that runs now, or has died, printed."""
        return "" if self._running is None else self._running.words.end()

    async def close(self) -> None:
        """End the process, whatever it does, for good. Its memory is free when this returns."""
        self._is_closed = True
        if self._loading is not None:
            _kill(self._loading)  # who started it is told
        async with self._starting:
            await self._end()

    async def _end(self) -> None:
        running, self._running = self._running, None
        if running is not None:
            try:
                await running.client.aclose()
            finally:
                await _end(running.process)
                running.words.close()

    async def _start(self) -> _Process:
        words = _Words()
        process: asyncio.subprocess.Process | None = None
        key = token_hex(32)
        try:
            async with asyncio.timeout(self._load_timeout_s):
                with words.path.open("ab") as file:
                    process = await asyncio.create_subprocess_exec(
                        sys.executable,
                        "-P",  # the folder of the program holds modules whose names others have, too
                        str(_PROGRAM),
                        stdin=asyncio.subprocess.PIPE,
                        stdout=asyncio.subprocess.PIPE,
                        stderr=file,
                    )
                self._loading = process
                told = await self._tell(process, key)
                if told is None or "error" in told:
                    await process.communicate()  # its last words are written when it has ended
            if told is None or "error" in told:
                raise self._closed() if self._is_closed else self._not_started(words, told)
            return _Process(process, self._client(str(told["address"]), key), words)
        except BaseException as error:
            if process is not None:
                await _end(process)
            words.close()
            if isinstance(error, TimeoutError):
                raise self._too_slow() from error
            raise
        finally:
            self._loading = None

    async def _tell(self, process: asyncio.subprocess.Process, key: str) -> dict[str, Any] | None:
        """Give the process its parameters; its answer, or None if it ended without one."""
        assert process.stdin is not None  # noqa: S101 - as asked for
        assert process.stdout is not None  # noqa: S101
        parameters = {**self._parameters, "api_keys": [key], "port": 0}
        try:
            process.stdin.write(json.dumps(parameters).encode() + b"\n")
            await process.stdin.drain()
        except ConnectionError:
            return None
        line = await process.stdout.readline()
        told: dict[str, Any] | None = json.loads(line) if line else None
        return told

    def _client(self, address: str, key: str) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            base_url=address,
            headers={"authorization": f"Bearer {key}", "content-type": "application/json"},
            timeout=httpx.Timeout(self._timeout_s, connect=_CONNECT_TIMEOUT_S),
            # Each takes a thread of the process, also while nothing is asked on it.
            limits=httpx.Limits(
                max_connections=self._connections, max_keepalive_connections=self._connections
            ),
            # The way is plain HTTP within this machine: no certificate is read, no proxy asked.
            verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
            trust_env=False,
        )

    def _not_started(self, words: _Words, told: dict[str, Any] | None) -> LLMUnavailableError:
        reason = str(told["error"]) if told is not None else "its process ended"
        said = words.end()
        return LLMUnavailableError(
            f"{PROVIDER}: {self._model} could not be loaded: {reason}{f': {said}' if said else ''}",
            provider=PROVIDER,
            model=self._model,
            is_retryable=False,
            hint="check that it is a model that this version of llama.cpp knows, and that it fits into memory",
        )

    def _closed(self) -> LLMUnavailableError:
        return LLMUnavailableError(
            f"{PROVIDER}: {self._model} was closed",
            provider=PROVIDER,
            model=self._model,
            is_retryable=False,
        )

    def _too_slow(self) -> LLMTimeoutError:
        return LLMTimeoutError(
            f"{PROVIDER}: {self._model} was not loaded within {self._load_timeout_s:g} s",
            provider=PROVIDER,
            model=self._model,
            is_retryable=False,
            hint="raise `load_timeout`, and `server.build_timeout` with it",
        )


@asynccontextmanager
async def open_engine(
    parameters: Mapping[str, JSONValue],
    *,
    model: str,
    connections: int,
    load_timeout_s: float,
    timeout_s: float,
) -> AsyncGenerator[Engine]:
    """Start an engine, and end it when left.

    Raises:
        LLMUnavailableError, LLMTimeoutError: the model was not loaded.
    """
    engine = Engine(
        {**parameters, "n_threads_http": 2 * connections},
        model=model,
        connections=connections,
        load_timeout_s=load_timeout_s,
        timeout_s=timeout_s,
    )
    try:
        await engine.client()
        yield engine
    finally:
        await engine.close()


async def _end(process: asyncio.subprocess.Process) -> None:
    _kill(process)
    await process.communicate()  # until its pipes are closed, too


def _kill(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        with suppress(ProcessLookupError):  # it has ended, and nobody has heard of it yet
            process.kill()
