"""An OTLP/HTTP collector on the loopback: it takes spans off the wire and keeps them."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import attrs
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)


@attrs.frozen
class ReceivedSpan:
    """A span as it came."""

    name: str
    id: bytes
    parent: bytes
    trace: bytes
    start: int
    end: int
    status: int
    attributes: dict[str, Any]
    service: str


class Collector:
    """Keeps what it was sent.

    Attributes:
        url: where it listens, path included.
        spans: in the order in which they came, which is that of their ends.
        raw: every body, decompressed.
    """

    def __init__(self) -> None:
        self.url = ""
        self.spans: list[ReceivedSpan] = []
        self.raw = b""

    def take(self, body: bytes) -> bytes:
        """Keep the spans of a request and give the answer's body."""
        self.raw += body
        request = ExportTraceServiceRequest.FromString(body)
        for resource in request.resource_spans:
            service = _plain(resource.resource.attributes).get("service.name", "")
            for scope in resource.scope_spans:
                self.spans += [
                    ReceivedSpan(
                        name=span.name,
                        id=span.span_id,
                        parent=span.parent_span_id,
                        trace=span.trace_id,
                        start=span.start_time_unix_nano,
                        end=span.end_time_unix_nano,
                        status=span.status.code,
                        attributes=_plain(span.attributes),
                        service=service,
                    )
                    for span in scope.spans
                ]
        return ExportTraceServiceResponse().SerializeToString()

    def tree(self) -> dict[str, str]:
        """Name of each span to its parent's; "" for a root."""
        names = {span.id: span.name for span in self.spans}
        return {span.name: names.get(span.parent, "") for span in self.spans}


def _plain(attributes: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for item in attributes:
        kind = item.value.WhichOneof("value")
        value = getattr(item.value, kind)
        if kind == "array_value":
            value = [entry.string_value for entry in value.values]
        found[item.key] = value
    return found


@contextmanager
def collecting() -> Generator[Collector]:
    """A collector on a free port."""
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            answer = collector.take(body)
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        collector.url = f"http://127.0.0.1:{server.server_address[1]}/v1/traces"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield collector
        finally:
            server.shutdown()
            thread.join()
