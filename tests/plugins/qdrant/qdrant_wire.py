"""A server that speaks just enough of Qdrant's wire to see what is sent, and to refuse it.

It keeps no vectors: what a store does is tried on the client's own engine.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import attrs

COLLECTION = {
    "status": "green",
    "optimizer_status": "ok",
    "segments_count": 1,
    "payload_schema": {},
    "config": {
        "params": {"vectors": {"size": 2, "distance": "Cosine"}},
        "hnsw_config": {"m": 16, "ef_construct": 100, "full_scan_threshold": 10000},
        "optimizer_config": {
            "deleted_threshold": 0.2,
            "vacuum_min_vector_number": 1000,
            "default_segment_number": 0,
            "flush_interval_sec": 5,
        },
    },
}


@attrs.define
class Answer:
    """What one path answers."""

    result: Any = None
    status: int = 200
    body: bytes | None = None
    headers: dict[str, str] = attrs.field(factory=dict[str, str])


@attrs.define
class Request:
    """What came."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any


class Wire:
    """Answers by the end of the path, and remembers what was asked."""

    def __init__(self) -> None:
        self.url = ""
        self.requests: list[Request] = []
        self.silence = threading.Event()  # set when the server ends
        self.is_silent = False
        self.answers: dict[str, Answer] = {
            "/collections": Answer({"collections": [{"name": "b"}, {"name": "a"}]}),
            "/exists": Answer({"exists": True}),
            "/collections/c": Answer(COLLECTION),
            "/index": Answer({"operation_id": 1, "status": "completed"}),
            "/points": Answer({"operation_id": 1, "status": "completed"}),
            "/points/count": Answer({"count": 3}),
            "/points/query": Answer({"points": []}),
        }

    def answer(self, request: Request) -> Answer:
        self.requests.append(request)
        if self.is_silent:
            self.silence.wait(20)
        path = request.path.partition("?")[0]
        fitting = [end for end in self.answers if path.endswith(end)]
        return self.answers[max(fitting, key=len)] if fitting else Answer(status=404)

    @contextmanager
    def running(self) -> Generator[Wire]:
        wire = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self) -> None:
                length = int(self.headers.get("content-length") or 0)
                body = json.loads(self.rfile.read(length)) if length else None
                headers = {name.lower(): value for name, value in self.headers.items()}
                answer = wire.answer(Request(self.command, self.path, headers, body))
                content = answer.body
                if content is None:
                    content = json.dumps(
                        {"result": answer.result, "status": "ok", "time": 0.0}
                    ).encode()
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                if not wire.is_silent:
                    self.wfile.write(content)

            do_GET = do_PUT = do_POST = do_DELETE = handle_any  # noqa: N815

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            self.url = f"http://127.0.0.1:{server.server_port}"
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
            thread.start()
            try:
                yield self
            finally:
                self.silence.set()
                server.shutdown()
                thread.join()
