"""An outside system on the loopback that is asked about tool calls."""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import attrs

__all__ = ["Answer", "OutsideSystem", "outside_system"]


@attrs.frozen
class Answer:
    """What it says."""

    body: bytes = b"{}"
    status: int = 200
    headers: dict[str, str] = attrs.field(factory=dict[str, str])
    is_cut: bool = False
    """The connection is closed before the whole body was sent."""


class OutsideSystem:
    """Answers every request alike.

    Attributes:
        url: where it listens.
        requests: headers and body of each.
        asked: set when a request came.
        go: answers are held back until it is set.
    """

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.url = ""
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self.asked = threading.Event()
        self.go = threading.Event()
        self.go.set()


@contextmanager
def outside_system(answer: Answer) -> Generator[OutsideSystem]:
    """Let it listen on a free port."""
    system = OutsideSystem(answer)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            headers = {name.lower(): value for name, value in self.headers.items()}
            system.requests.append((headers, self.rfile.read(length)))
            system.asked.set()
            system.go.wait(20)
            said = system.answer
            self.send_response(said.status)
            for name, value in said.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(said.body) + said.is_cut))
            self.end_headers()
            self.wfile.write(said.body)
            self.close_connection = True

        def handle(self) -> None:
            try:
                super().handle()
            except OSError:  # the runtime did not want to wait, or to read it all
                return

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    system.url = f"http://127.0.0.1:{server.server_port}/decide?tenant=1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield system
    finally:
        system.go.set()
        server.shutdown()
        server.server_close()
        thread.join(10)
