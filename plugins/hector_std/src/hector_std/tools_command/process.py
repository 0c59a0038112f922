"""One program from its start to the end of all that it has started."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import cast

import attrs

__all__ = ["STOP_TIMEOUT_S", "Finished", "run_program"]

STOP_TIMEOUT_S = 2.0
"""How long a program may take to end when it is asked to; then it is ended by force."""

_LAST_OUTPUT_TIMEOUT_S = 1.0
"""How long a pipe may stay open after the end; what has left the process group may hold it."""


@attrs.frozen
class Finished:
    """What a program left.

    Attributes:
        output: standard output and error, as they came; the middle is left out where it was too much.
        exit_code: minus the signal's number if a signal ended it.
        is_late: whether it was ended because its time was over.
    """

    output: bytes
    exit_code: int
    is_late: bool


async def run_program(
    arguments: Sequence[str],
    *,
    folder: str,
    environment: Mapping[str, str],
    timeout_s: float,
    max_output: int,
) -> Finished:
    """Run a program in a process group of its own, which is gone when this returns or raises.

    Args:
        arguments: the first is the absolute path of the program.
        folder: where it runs.
        environment: all of it.
        timeout_s: seconds it may take, > 0.
        max_output: most bytes of output that are kept.

    Raises:
        OSError: it could not be started.

    Cancellation asks the group to end, and after `STOP_TIMEOUT_S` seconds ends it by force. If this process dies, the
    group is ended by force at once.
    """
    output = _Output(max_output)
    async with _guard() as watch:
        process, transport = await _started(arguments, folder, environment, output)
        watch(process)
        try:
            is_late = await _is_late(process, timeout_s)
            await output.wait_ended()
        finally:
            transport.close()
    code = process.returncode
    return Finished(output.kept(), -signal.SIGKILL if code is None else code, is_late)


async def _started(
    arguments: Sequence[str], folder: str, environment: Mapping[str, str], output: _Output
) -> tuple[asyncio.subprocess.Process, asyncio.ReadTransport]:
    """Start a program that writes to `output`, and give what reads from it, which the caller closes."""
    reading, writing = os.pipe()
    try:
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: output, os.fdopen(reading, "rb", 0)
        )
        try:
            process = await asyncio.create_subprocess_exec(
                *arguments,
                cwd=folder,
                env=environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=writing,
                stderr=writing,
                start_new_session=True,
            )
        except BaseException:
            transport.close()
            raise
    finally:
        os.close(writing)
    return process, transport


@asynccontextmanager
async def _guard() -> AsyncGenerator[Callable[[asyncio.subprocess.Process], None]]:
    """Have a program's group ended by force if this process is gone before the block is left, by `kill -9` say.

    The guard, which is there before the program, reads from a pipe that only this process holds open: first whom to
    watch, and then the end, which comes when the process is gone, however that was. What no process can see to itself
    takes one beside it; Linux could end a child with its parent, and would end the first program of the group only.

    Yields:
        Names the program to watch; one that is never named is none of its business.
    """
    guard = await asyncio.create_subprocess_exec(
        "/bin/sh",
        "-c",
        'read -r group && { read -r _ || kill -s KILL -- "-$group"; }',
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,  # a signal to the terminal's or the server's group is not for it
    )
    pipe = cast("asyncio.StreamWriter", guard.stdin)
    try:
        yield lambda process: pipe.write(f"{process.pid}\n".encode())
    finally:
        with suppress(ProcessLookupError):
            guard.kill()
        with suppress(TimeoutError):
            async with asyncio.timeout(STOP_TIMEOUT_S):
                await guard.wait()


async def _is_late(process: asyncio.subprocess.Process, timeout_s: float) -> bool:
    """Wait for the end of a program, and end all that is left of it then."""
    deadline = asyncio.timeout(timeout_s)
    try:
        async with deadline:
            await process.wait()
    except TimeoutError:
        if not deadline.expired():
            raise
    finally:
        await _stop(process)
    return deadline.expired()


async def _stop(process: asyncio.subprocess.Process) -> None:
    """End the group of a program: politely if it still runs itself, by force what is left."""
    try:
        if process.returncode is None:
            _signal(process, signal.SIGTERM)
            with suppress(TimeoutError):
                async with asyncio.timeout(STOP_TIMEOUT_S):
                    await process.wait()
    finally:
        _signal(process, signal.SIGKILL)
    with suppress(TimeoutError):
        async with asyncio.timeout(STOP_TIMEOUT_S):
            await process.wait()


def _signal(process: asyncio.subprocess.Process, number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):  # nobody is left, but for zombies perhaps
        os.killpg(process.pid, number)


class _Output(asyncio.Protocol):
    """Keeps the beginning and the end of what comes, in bounded memory."""

    def __init__(self, most: int) -> None:
        self._head_size = most - most // 2
        self._tail_size = most // 2
        self._head = bytearray()
        self._tail = bytearray()
        self._left_out = 0
        self._is_over = asyncio.Event()

    def data_received(self, data: bytes) -> None:
        room = self._head_size - len(self._head)
        self._head += data[:room]
        self._tail += data[room:]
        excess = len(self._tail) - self._tail_size
        if excess > 0:
            self._left_out += excess
            del self._tail[:excess]

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_over.set()

    async def wait_ended(self) -> None:
        """Return when everything was read, or somebody else keeps the pipe open."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_LAST_OUTPUT_TIMEOUT_S):
                await self._is_over.wait()

    def kept(self) -> bytes:
        if not self._left_out:
            return bytes(self._head + self._tail)
        notice = f"\n[{self._left_out:,} bytes left out]\n".encode()
        return bytes(self._head) + notice + bytes(self._tail)
