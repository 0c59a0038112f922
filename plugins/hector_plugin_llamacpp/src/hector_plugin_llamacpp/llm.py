"""The language model."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any, cast

import attrs
import httpx

from hector.message import JSONValue
from hector.spi import (
    SHAPE_ERRORS,
    Attempt,
    BuildContext,
    LLMChunk,
    LLMRequest,
    ModelLimits,
    ProviderCalls,
    ResponseMetadata,
    encoded_json,
    require_capabilities,
)
from hector_plugin_llamacpp.errors import failed, refused, unreachable, wrong_shape
from hector_plugin_llamacpp.launch import checked_model, usual_parameters
from hector_plugin_llamacpp.machine import default_context, memory_bytes
from hector_plugin_llamacpp.process import Engine, open_engine
from hector_plugin_llamacpp.reply import BrokenOffError, ReplyReader, events_of
from hector_plugin_llamacpp.request import Body, body_of, without_tools
from hector_plugin_llamacpp.settings import CAPABILITIES, PROVIDER, LLMSettings

__all__ = ["LlamaCppLLM", "create"]

_TOOL_CAPABILITIES = frozenset({"parallel_tools", "tool_choice", "tools"})


@asynccontextmanager
async def create(settings: LLMSettings, context: BuildContext) -> AsyncGenerator[LlamaCppLLM]:
    """Open an LLM; what `llms.<name>` with `provider: llamacpp` becomes.

    Raises:
        UsageError: there is no such file, or it is none that llama.cpp reads.
        LLMUnavailableError, LLMTimeoutError: the model was not loaded.
    """
    model = await asyncio.to_thread(checked_model, settings.model, context.config_dir)
    tokens = settings.context_window or default_context(
        model.header, slots=settings.slots, memory=memory_bytes()
    )
    engine = open_engine(
        _parameters(settings, model.path, tokens),
        model=model.name,
        connections=settings.slots + 2,  # two for who counts tokens
        load_timeout_s=settings.load_timeout,
        timeout_s=settings.timeout,
    )
    async with engine as running:
        facts = await _ask_facts(running, model.name)
        yield LlamaCppLLM(running, settings, model.name, facts)


def _parameters(settings: LLMSettings, path: Path, tokens: int) -> Mapping[str, JSONValue]:
    more: dict[str, JSONValue] = {
        "n_ctx": tokens * settings.slots,
        "n_parallel": settings.slots,
    }
    if settings.chat_template:
        more["chat_template"] = settings.chat_template
    return {**usual_parameters(settings, path), **more}


@attrs.frozen(kw_only=True)
class _Facts:
    """What llama.cpp says of a model that it has loaded."""

    context_tokens: int | None
    capabilities: frozenset[str]


async def _ask_facts(engine: Engine, model: str) -> _Facts:
    try:
        client = await engine.client()
        response = await client.get("/props")
        if response.is_error:
            raise refused(response, model)
        told: Mapping[str, Any] = response.json()
        abilities: Mapping[str, Any] = told.get("chat_template_caps") or {}
        has_tools = bool(abilities.get("supports_tools")) and bool(
            abilities.get("supports_tool_calls")
        )
        return _Facts(
            context_tokens=told["default_generation_settings"]["n_ctx"],
            capabilities=CAPABILITIES if has_tools else CAPABILITIES - _TOOL_CAPABILITIES,
        )
    except httpx.HTTPError as error:
        raise unreachable(error, engine, model) from error
    except SHAPE_ERRORS as error:
        raise wrong_shape(error, model) from error


class LlamaCppLLM:
    """A model that llama.cpp runs on this machine. It does not own the engine."""

    def __init__(self, engine: Engine, settings: LLMSettings, model: str, facts: _Facts) -> None:
        self._engine = engine
        self._settings = settings
        self._model = model
        self._facts = facts
        self._calls = ProviderCalls(settings, provider=PROVIDER, model=model)
        self._free = asyncio.Semaphore(settings.slots)

    @property
    def model(self) -> str:
        """The name of the model's file without its ending, or that of the packaged model."""
        return self._model

    @property
    def provider(self) -> str:
        """Always `llamacpp`."""
        return PROVIDER

    @property
    def limits(self) -> ModelLimits:
        """See `hector.spi.LimitedLLM`. The context is that of one slot."""
        known = ModelLimits(context_tokens=self._facts.context_tokens)
        return attrs.evolve(self._settings.limits(known), context_tokens=self._facts.context_tokens)

    async def generate(self, request: LLMRequest) -> AsyncGenerator[LLMChunk]:
        """Ask the model; see `hector.spi.LLM`. It waits while all slots are taken."""
        request = without_tools(request)
        self._require(request)
        content = encoded_json(body_of(request, self._settings))
        chunks = self._calls.stream(
            lambda: self._attempt(content, request), is_streaming=request.is_streaming
        )
        try:
            async for chunk in chunks:
                yield chunk
        finally:
            await chunks.aclose()

    async def count_tokens(self, request: LLMRequest) -> int:
        """See `hector.spi.TokenCountingLLM`. Counting does not wait for a slot."""
        request = without_tools(request)
        self._require(request)
        content = encoded_json({**body_of(request, self._settings), "stream": False})
        return await self._calls.call(lambda: self._count(content))

    def _require(self, request: LLMRequest) -> None:
        require_capabilities(
            request, self._facts.capabilities, provider=PROVIDER, model=self._model
        )

    async def _attempt(self, content: bytes, request: LLMRequest) -> Attempt:
        """One request and its streamed reply."""
        reader = ReplyReader(request)
        try:
            async with self._free:
                client = await self._engine.client()
                # Left early, it hangs up, and llama.cpp stops.
                async with client.stream(
                    "POST", "/v1/chat/completions", content=content
                ) as response:
                    if response.is_error:
                        await response.aread()
                        raise refused(response, self._model)
                    events = cast("AsyncGenerator[Body]", events_of(response))
                    async with aclosing(events):
                        async for event in events:
                            for chunk in list(reader.feed(event)):
                                yield chunk if request.is_streaming else None
            metadata = ResponseMetadata(response_id=reader.response_id)
            yield attrs.evolve(reader.finish(), model=self._model, metadata=metadata)
        except BrokenOffError as error:
            raise failed(error.failure, self._model) from error
        except httpx.HTTPError as error:
            raise unreachable(error, self._engine, self._model) from error
        except SHAPE_ERRORS as error:
            raise wrong_shape(error, self._model) from error

    async def _count(self, content: bytes) -> int:
        try:
            client = await self._engine.client()
            response = await client.post("/v1/chat/completions/input_tokens", content=content)
            if response.is_error:
                raise refused(response, self._model)
            return int(response.json()["input_tokens"])
        except httpx.HTTPError as error:
            raise unreachable(error, self._engine, self._model) from error
        except SHAPE_ERRORS as error:
            raise wrong_shape(error, self._model) from error
