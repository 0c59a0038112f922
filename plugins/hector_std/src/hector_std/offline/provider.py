"""What `offline` and `auto` declare: their settings and their providers."""

from __future__ import annotations

from typing import Annotated

import attrs

from hector.spi import Doc, Env, Length, Provider, Range, Secret

__all__ = ["PROVIDERS", "AutoSettings", "OfflineSettings"]


@attrs.frozen(kw_only=True)
class OfflineSettings:
    """Settings of the LLM that quotes instead of writing."""

    model: Annotated[str, Doc("name it goes by in events and traces")] = "offline"
    passages: Annotated[int, Doc("how many passages an answer quotes at most"), Range(1, 10)] = 3
    max_sentences: Annotated[
        int, Doc("how many sentences, lists and code blocks an answer has at most"), Range(1, 30)
    ] = 5


@attrs.frozen(kw_only=True)
class AutoSettings:
    """Settings of the LLM that is chosen by what the environment offers."""

    model: Annotated[
        str | None, Doc("model to ask for; without it the chosen provider's default"), Length(1)
    ] = None
    openai_api_key: Annotated[Secret | None, Doc("chooses `openai`"), Env("OPENAI_API_KEY")] = None
    anthropic_api_key: Annotated[
        Secret | None, Doc("chooses `anthropic`"), Env("ANTHROPIC_API_KEY")
    ] = None
    gemini_api_key: Annotated[
        Secret | None, Doc("chooses `gemini`"), Env("GEMINI_API_KEY", "GOOGLE_API_KEY")
    ] = None
    cohere_api_key: Annotated[
        Secret | None, Doc("chooses `cohere`"), Env("CO_API_KEY", "COHERE_API_KEY")
    ] = None
    ollama_host: Annotated[
        str, Doc("where an Ollama may listen; chosen when it answers"), Env("OLLAMA_HOST")
    ] = "127.0.0.1:11434"


PROVIDERS: tuple[Provider, ...] = (
    Provider(
        kind="llm",
        type="offline",
        settings=OfflineSettings,
        create="hector_std.offline.model:create_offline",
        summary="answers by quoting what its tools find; no model, no key, no network",
        capabilities=frozenset({"streaming", "tools"}),
    ),
    Provider(
        kind="llm",
        type="auto",
        settings=AutoSettings,
        create="hector_std.offline.auto:create_auto",
        summary="the first of OpenAI, Anthropic, Gemini, Cohere and Ollama that is there, else `offline`",
        capabilities=frozenset({"streaming", "tools"}),
    ),
)
