"""Where a call goes and what it bears: proxies, headers, prompt caching, limits."""

from __future__ import annotations

from typing import Any, cast

import pytest
from openai_calls import ask

from hector.message import TextPart
from hector.spi import BuildContext, LLMResponse, ModelLimits, Secret, limits_of
from hector.testing import OpenAIChatWire, WireServer
from hector_plugin_openai import embedder, llm
from hector_plugin_openai.chat_request import chat_body
from hector_plugin_openai.client import address_of
from hector_plugin_openai.responses_request import responses_body
from hector_plugin_openai.settings import EmbedderSettings, LLMSettings

NO_CONTEXT = cast("BuildContext", None)  # `create` does not look at its surroundings
KEY = Secret("sk-test-0123456789abcdef")
ANSWER = LLMResponse(parts=(TextPart("Hi"),), model="m")


async def test_a_proxy_gets_the_call_with_its_password_and_nobody_else_does() -> None:
    wire = OpenAIChatWire()
    async with WireServer().running() as server:
        server.answer = lambda request: wire.answer(ANSWER, request)
        proxy = Secret(server.url.replace("http://", "http://me:hunter22@"))
        settings = LLMSettings(base_url="http://models.example/v1", api_key=KEY, proxy=proxy)
        async with llm.create(settings, NO_CONTEXT) as model:
            assert [chunk async for chunk in model.generate(ask())]
    [asked] = server.requests
    assert asked.path == "http://models.example/v1/chat/completions"
    assert asked.headers["proxy-authorization"].startswith("Basic ")
    assert "hunter22" not in repr(settings)


async def test_a_call_bears_who_pays_and_what_gateways_want() -> None:
    wire = OpenAIChatWire()
    async with WireServer().running() as server:
        server.answer = lambda request: wire.answer(ANSWER, request)
        settings = LLMSettings(
            base_url=f"{server.url}/v1",
            api_key=KEY,
            organization="org-1",
            project="proj-1",
            headers={"x-gateway": Secret("open-sesame")},
        )
        async with llm.create(settings, NO_CONTEXT) as model:
            assert [chunk async for chunk in model.generate(ask())]
    headers = server.requests[0].headers
    assert headers["authorization"] == f"Bearer {KEY.reveal()}"
    assert (headers["openai-organization"], headers["openai-project"]) == ("org-1", "proj-1")
    assert headers["x-gateway"] == "open-sesame"


@pytest.mark.parametrize("body", [responses_body, chat_body])
def test_openai_is_told_what_helps_its_cache_and_others_are_not(body: Any) -> None:
    request = ask(cache_key="abc")
    own = body(request, LLMSettings(api_key=KEY, prompt_cache_ttl="12h"))
    assert own["prompt_cache_key"] == "abc"
    assert own["prompt_cache_options"] == {"ttl": "12h"}
    other = body(request, LLMSettings(base_url="http://127.0.0.1:1/v1"))
    assert not any(key.startswith("prompt_cache") for key in other)


@pytest.mark.parametrize(
    ("model", "context_tokens"),
    [
        ("gpt-6.2-sol", 1_050_000),
        ("gpt-5.5-2026-04-23", 1_050_000),
        ("gpt-5-mini", 400_000),
        ("gpt-5.1-chat-latest", 128_000),
        ("gpt-5-novel", None),  # a name that begins like a known one says nothing
        ("gpt-9", None),
        ("qwen3", None),
    ],
)
async def test_limits_are_known_where_the_model_is(model: str, context_tokens: int | None) -> None:
    async with llm.create(LLMSettings(api_key=KEY, model=model), NO_CONTEXT) as opened:
        assert limits_of(opened).context_tokens == context_tokens
    given = LLMSettings(api_key=KEY, model=model, context_window=5, output_limit=3)
    async with llm.create(given, NO_CONTEXT) as opened:
        assert limits_of(opened) == ModelLimits(context_tokens=5, output_tokens=3)


async def test_what_decides_a_vector_names_it_and_nothing_else_does() -> None:
    async def identity(**keys: Any) -> str:
        given: dict[str, Any] = {"api_key": KEY, "model": "text-embedding-3-small", **keys}
        settings = EmbedderSettings(**given)
        async with embedder.create(settings, NO_CONTEXT) as opened:
            return opened.identity("query")

    usual = await identity()
    assert usual == await identity(api_key=Secret("sk-another-key"), timeout=1.0, batch_size=5)
    others = [
        await identity(dimension=512),
        await identity(model="text-embedding-3-large"),
        await identity(base_url="http://me:secret@127.0.0.1:1/v1"),
    ]
    assert len({usual, *others}) == 4
    assert not any("secret" in name or KEY.reveal() in name for name in (usual, *others))


def test_an_address_is_shown_without_its_password() -> None:
    settings = EmbedderSettings(base_url="https://me:secret@models.example:8443/v1")
    assert address_of(settings) == "https://models.example:8443/v1"
