"""An HTTP service that outlives the workers which call it, and can kill one in the middle of its request."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock, Thread
from typing import Literal, TypeAlias
from urllib.parse import unquote, urlsplit

import attrs
from crash_config import Effects

__all__ = ["EffectService", "When", "running_service"]

When: TypeAlias = Literal["before", "after"]


@attrs.define
class EffectService:
    """What was asked of it, and whom it kills.

    Attributes:
        url: its address.
        requests: method and path of each request that it has got.
        effects: where it notes orders, notes and charges, with their keys.
        kill_at: kills the worker at its n-th request, before or after the effect.
    """

    url: str = ""
    requests: list[tuple[str, str]] = attrs.field(factory=list[tuple[str, str]])
    effects: Effects = attrs.field(factory=lambda: Effects(Path(os.devnull)))
    kill_at: tuple[int, When] | None = None
    _done: dict[str, str] = attrs.field(factory=dict[str, str])
    _lock: Lock = attrs.field(factory=Lock)

    def begin(self, effects: Path, kill_at: tuple[int, When] | None = None) -> None:
        """Forget everything, for another run."""
        self.requests, self.effects, self.kill_at, self._done = [], Effects(effects), kill_at, {}

    def answer(self, method: str, path: str, key: str, worker: int) -> tuple[int, str] | None:
        """Status and body; None: whoever asked is dead."""
        with self._lock:
            self.requests.append((method, path))
            dies = self.kill_at if self.kill_at and self.kill_at[0] == len(self.requests) else None
            if dies == (len(self.requests), "before"):
                os.kill(worker, signal.SIGKILL)
                return None
            reply = self._effect(method, path, key)
            if dies is not None:
                os.kill(worker, signal.SIGKILL)
                return None
            return reply

    def _effect(self, method: str, path: str, key: str) -> tuple[int, str]:
        if method == "GET":
            found = self._done.get(path.removeprefix("/orders/")) if "/orders/" in path else "text"
            return (404, "null") if found is None else (200, json.dumps(found))
        self.effects.add(path, key, {})
        self._done[key] = f"{path} for {key}"
        return 200, json.dumps(self._done[key])


class QuietServer(ThreadingHTTPServer):
    """Says nothing of clients that were killed."""

    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Pass over a connection that was reset."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


@contextmanager
def running_service() -> Generator[EffectService]:
    """Serve on loopback while inside."""
    service = EffectService()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            reply = service.answer(
                self.command,
                unquote(urlsplit(self.path).path),
                self.headers.get("Idempotency-Key", ""),
                int(self.headers["X-Worker"]),
            )
            if reply is None:
                self.close_connection = True
                return
            self.send_response(reply[0])
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(reply[1].encode())))
            self.end_headers()
            self.wfile.write(reply[1].encode())

        do_GET = do_POST = do_PUT = answer  # noqa: N815 - the names that http.server calls

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    with QuietServer(("127.0.0.1", 0), Handler) as server:
        service.url = f"http://127.0.0.1:{server.server_port}"
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield service
        finally:
            server.shutdown()
            thread.join()
