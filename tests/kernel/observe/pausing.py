"""A config whose model answers, and opens, when the test lets it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Any

import attrs

from hector.message import TextPart
from hector.spi import LLMChunk, LLMRequest, LLMResponse, Provider

SECRET = "sk-very-secret"


@attrs.frozen(kw_only=True)
class Settings:
    answer: str = "fine"
    fails: bool = False


@attrs.define
class PausingLLM:
    """Answers when the test lets it."""

    begun: asyncio.Event = attrs.field(factory=asyncio.Event)
    go: asyncio.Event = attrs.field(factory=asyncio.Event)

    provider = model = "pausing"

    async def generate(self, request: LLMRequest) -> AsyncGenerator[LLMChunk]:
        self.begun.set()
        await self.go.wait()
        yield LLMResponse(parts=(TextPart("done"),), model="pausing")


def pausing(llm: PausingLLM) -> Provider:
    async def create(settings: Settings, context: object) -> PausingLLM:
        if settings.fails:
            raise RuntimeError(f"denied for {SECRET}")
        if settings.answer == "slow":
            llm.begun.set()
            await llm.go.wait()
        return llm

    return Provider(kind="llm", type="pausing", settings=Settings, create=create)


def config(*, observability: dict[str, Any] | None = None, **llm: Any) -> dict[str, Any]:
    return {
        "name": "shop",
        "llms": {"default": {"provider": "pausing", **llm}, "other": {"provider": "pausing"}},
        "agents": {"main": {"llm": "default"}, "still": {"llm": "other"}},
        "server": {"observability": observability or {}},
    }


async def settled(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0)
