"""A served runtime with the admin API, for the tests of that."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import httpx
from server_stage import serving

from hector import Runtime, hash_admin_token
from hector.spi import BuildContext, Provider
from hector.testing import ScriptedLLM
from hector_server import ServerOptions

__all__ = ["CONFIG", "TOKEN", "AdminServer", "administered", "bearer", "hooked_provider", "options"]

TOKEN = "hector_this-token-is-only-for-tests-0123456789"

CONFIG = """\
name: app
llms:
  main:
    provider: hooked
agents:
  helper:
    llm: main
"""


def bearer(token: str = TOKEN) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def options(**more: Any) -> ServerOptions:
    return ServerOptions(admin_token_hash=hash_admin_token(TOKEN), **more)


@attrs.frozen(kw_only=True)
class Settings:
    act: str = ""
    temperature: float = 0.0


def hooked_provider(acts: Mapping[str, Callable[[], object]] | None = None) -> Provider:
    """LLMs of type `hooked`; one with `act: x` does `acts["x"]()` when it is built."""

    async def create(settings: Settings, context: BuildContext) -> ScriptedLLM:
        if settings.act:
            done = (acts or {})[settings.act]()
            if isinstance(done, Awaitable):
                await done
        return ScriptedLLM()

    return Provider(kind="llm", type="hooked", settings=Settings, create=create)


@attrs.frozen
class AdminServer:
    """The server, its runtime, and the file that its config came from."""

    http: httpx.AsyncClient
    runtime: Runtime
    file: Path

    async def post(
        self,
        path: str,
        text: str = "",
        *,
        type: str = "application/yaml",
        if_match: str | None = None,
    ) -> httpx.Response:
        headers = {**bearer(), **({"Content-Type": type} if text else {})}
        if if_match is not None:
            headers["If-Match"] = if_match
        return await self.http.post(f"/admin/v1/{path}", content=text.encode(), headers=headers)

    async def get(self, path: str) -> httpx.Response:
        return await self.http.get(f"/admin/v1/{path}", headers=bearer())


@asynccontextmanager
async def administered(
    folder: Path,
    text: str = CONFIG,
    *,
    name: str = "hector.yaml",
    acts: Mapping[str, Callable[[], object]] | None = None,
    env: Mapping[str, str] | None = None,
    **more: Any,
) -> AsyncGenerator[AdminServer]:
    """Serve the config `text` as a file in `folder`; `more` are server options."""
    file = folder / name
    file.write_text(text)
    async with (
        Runtime.open(file, env=env or {}, providers=(hooked_provider(acts),)) as runtime,
        serving(runtime, options(**more)) as http,
    ):
        yield AdminServer(http, runtime, file)
