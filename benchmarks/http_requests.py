"""HTTP requests per second of server CPU, as a ratio to a bare Starlette echo in the same run.

`SendMessage` to an agent whose model is an in-process stub, over 32 loopback connections,
from a client in a process of its own; each request is a new task in a new in-memory session.

    python benchmarks/http_requests.py
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

CONNECTIONS = 32
REQUESTS = 6_000
WARM_UP = 1_000
BEST_PEER = 179  # requests per server CPU second of the best peer, on the machine of the plan
TICKS = os.sysconf("SC_CLK_TCK")

MESSAGE = {"messageId": "1", "role": "ROLE_USER", "parts": [{"text": "Hello"}]}
CALL = {"jsonrpc": "2.0", "id": 1, "method": "SendMessage", "params": {"message": MESSAGE}}


async def serve_hector() -> None:
    """The server under test."""
    from hector import Runtime
    from hector.message import TextPart
    from hector.spi import LLMChunk, LLMRequest, LLMResponse, TextDelta
    from hector.testing import ScriptedLLM, scripted_provider
    from hector_server import serve

    class Stub(ScriptedLLM):
        async def generate(self, request: LLMRequest) -> AsyncIterator[LLMChunk]:
            if request.is_streaming:
                yield TextDelta("Hello back.")
            yield LLMResponse(parts=(TextPart("Hello back."),), model="stub")

    config = {"llms": {"default": {"provider": "scripted"}}, "agents": {"helper": {}}}
    async with Runtime.open(config, env={}, providers=(scripted_provider(Stub()),)) as runtime:
        await serve(runtime, port=0, on_ready=lambda ready: print(ready.port, flush=True))


def serve_echo() -> None:
    """The yardstick: reads JSON and writes it back."""
    import uvicorn
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    from hector_server import open_listener

    async def echo(request: Request) -> JSONResponse:
        return JSONResponse(await request.json())

    listener = open_listener("127.0.0.1", 0)
    print(listener.getsockname()[1], flush=True)
    app = Starlette(routes=[Route("/agents/helper", echo, methods=["POST"])])
    config = uvicorn.Config(app, http="httptools", log_level="warning", access_log=False)
    uvicorn.Server(config).run(sockets=[listener])


def cpu_of(process_id: int) -> float:
    fields = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


@contextmanager
def server(name: str) -> Iterator[tuple[int, int]]:
    """A server in a process of its own: its process id and port."""
    command = [sys.executable, __file__, name]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.pid, int(process.stdout.readline())
        finally:
            process.send_signal(signal.SIGTERM)


async def load(port: int, count: int) -> float:
    """Send `count` requests over `CONNECTIONS` connections; gives the seconds it took."""
    body = json.dumps(CALL).encode()
    head = (
        f"POST /agents/helper HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nA2A-Version: 1.0\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode()

    async def connection() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(count // CONNECTIONS):
            writer.write(head + body)
            answer = await reader.readuntil(b"\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 200"), answer
            length = re.search(rb"content-length: (\d+)", answer)
            assert length
            text = await reader.readexactly(int(length[1]))
            assert b"COMPLETED" in text or b"SendMessage" in text, text
        writer.close()
        await writer.wait_closed()

    begin = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(CONNECTIONS):
            group.create_task(connection())
    return time.perf_counter() - begin


def measure(name: str) -> tuple[float, float]:
    """Requests per second of the server's CPU, and per second."""
    with server(name) as (process_id, port):
        asyncio.run(load(port, WARM_UP))
        before = cpu_of(process_id)
        took = asyncio.run(load(port, REQUESTS))
        spent = cpu_of(process_id) - before
    count = REQUESTS // CONNECTIONS * CONNECTIONS
    return count / spent, count / took


def main() -> None:
    echo, echo_rate = measure("echo")
    hector, hector_rate = measure("hector")
    print(f"requests per server CPU second at {CONNECTIONS} connections")
    print(f"  Starlette echo      {echo:8.0f}   ({echo_rate:.0f} per second)")
    print(f"  Hector SendMessage  {hector:8.0f}   ({hector_rate:.0f} per second)")
    print(f"  ratio               {hector / echo:8.2f}")
    print(f"  best peer           {BEST_PEER:8}   (bar: 8 to 10 times that)")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["hector"]:
            import uvloop

            uvloop.run(serve_hector())
        case ["echo"]:
            serve_echo()
        case _:
            main()
