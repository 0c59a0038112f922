"""Anthropic: Messages. It has no embeddings."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import anthropic
import httpx2

from hector.spi import Secret
from hector_plugin_anthropic.llm import AnthropicLLM
from hector_plugin_anthropic.settings import LLMSettings
from model_call_vendors.measure import BASE_URL, DELTAS, KEY, TOKENS, Works, ask, canned2, sse

MODEL = "claude-sonnet-5-5"


def _event(kind: str, **more: Any) -> bytes:
    return sse({"type": kind, **more}, kind)


def _pieces() -> list[bytes]:
    message: Any = {
        "id": "m1",
        "type": "message",
        "role": "assistant",
        "model": MODEL,
        "content": [],
    }
    usage = {"input_tokens": 1, "output_tokens": 1}
    ended = {"stop_reason": "end_turn", "stop_sequence": None}
    return [
        _event("message_start", message={**message, "usage": usage, **dict.fromkeys(ended)}),
        _event("content_block_start", index=0, content_block={"type": "text", "text": ""}),
        *[
            _event("content_block_delta", index=0, delta={"type": "text_delta", "text": text})
            for text in TOKENS
        ],
        _event("content_block_stop", index=0),
        _event("message_delta", delta=ended, usage={"output_tokens": DELTAS}),
        _event("message_stop"),
    ]


@asynccontextmanager
async def deltas() -> AsyncGenerator[Works]:
    """A streamed answer."""
    http = httpx2.AsyncClient(transport=canned2(_pieces(), "text/event-stream"))
    client = anthropic.AsyncAnthropic(
        api_key=KEY, base_url=BASE_URL, http_client=http, max_retries=0, open_telemetry=False
    )
    async with client:
        settings = LLMSettings(base_url=BASE_URL, api_key=Secret(KEY), model=MODEL)
        llm = AnthropicLLM(client, settings)
        body: Any = {
            "model": MODEL,
            "max_tokens": 99,
            "messages": [{"role": "user", "content": "Hello"}],
            "stream": True,
        }

        async def plain() -> None:
            stream: Any = await client.post(
                "/v1/messages",
                cast_to=object,
                body=body,
                stream=True,
                stream_cls=anthropic.AsyncStream[Any],
            )
            assert len([event async for event in stream]) == DELTAS + 5

        async def typed() -> None:
            messages: Any = client.messages
            stream = await messages.create(**body)
            assert len([event async for event in stream]) == DELTAS + 5

        yield Works(adapter=lambda: ask(llm), plain=plain, typed=typed)
