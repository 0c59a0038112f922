"""Providers whose components keep a diary: what opened and closed, when, and what went wrong."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Annotated, Any, Literal

import attrs
import pytest

from hector.message import TextPart
from hector.spi import (
    BuildContext,
    LLMChunk,
    LLMRequest,
    LLMResponse,
    Provider,
    Range,
    Tool,
)


@attrs.frozen(kw_only=True)
class DiarySettings:
    """How a component of the diary behaves."""

    fails: Literal["no", "create", "open", "hang", "close", "wrong_type"] = "no"
    answer: str = "fine"
    weight: Annotated[int, Range(0, 10)] = 1


@attrs.define
class Diary:
    """What happened to the components, in order."""

    lines: list[str] = attrs.field(factory=list[str])
    opening: int = 0
    most_opening: int = 0

    def providers(self) -> tuple[Provider, ...]:
        """An LLM type and a toolset type, both `diary`."""
        return (
            Provider(kind="llm", type="diary", settings=DiarySettings, create=self._create_llm),
            Provider(
                kind="toolset", type="diary", settings=DiarySettings, create=self._create_toolset
            ),
        )

    def _create_llm(self, settings: DiarySettings, context: BuildContext) -> Any:
        return self._create(settings, context, DiaryLLM(settings))

    def _create_toolset(self, settings: DiarySettings, context: BuildContext) -> Any:
        return self._create(settings, context, DiaryToolset())

    def _create(self, settings: DiarySettings, context: BuildContext, component: Any) -> Any:
        if settings.fails == "create":
            raise RuntimeError("no luck")
        if settings.fails == "wrong_type":
            return 42
        return self._opened(settings, context.path, component)

    @asynccontextmanager
    async def _opened(
        self, settings: DiarySettings, path: str, component: Any
    ) -> AsyncGenerator[Any]:
        self.opening += 1
        self.most_opening = max(self.most_opening, self.opening)
        try:
            for _ in range(3):
                await asyncio.sleep(0)
            if settings.fails == "open":
                raise ConnectionError("no route to host")
            if settings.fails == "hang":
                await asyncio.Event().wait()
        finally:
            self.opening -= 1
        owner = asyncio.current_task()
        self.lines.append(f"open {path}")
        try:
            yield component
        finally:
            same = "" if asyncio.current_task() is owner else " in another task"
            self.lines.append(f"close {path}{same}")
        if settings.fails == "close":
            raise RuntimeError("cannot let go")


@attrs.frozen
class DiaryLLM:
    """Answers with its settings' answer."""

    settings: DiarySettings
    model: str = "diary"
    provider: str = "diary"

    async def generate(self, request: LLMRequest) -> AsyncGenerator[LLMChunk]:
        yield LLMResponse(parts=(TextPart(self.settings.answer),))


class DiaryToolset:
    """Has no tools."""

    def tools(self) -> Sequence[Tool]:
        return ()


@pytest.fixture
def diary() -> Diary:
    """An empty diary."""
    return Diary()
