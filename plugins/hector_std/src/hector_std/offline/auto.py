"""The choice of a real model by what the environment offers."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping, Sequence
from typing import cast
from urllib.parse import urlsplit

import attrs

from hector.message import JSONValue
from hector.spi import LLM, BuildContext, Secret
from hector_std.offline.provider import AutoSettings

__all__ = ["create_auto"]

logger = logging.getLogger(__name__)

_OLLAMA_TIMEOUT_S = 0.3
_OLLAMA_PORT = 11434

_COMPATIBLE = {
    "anthropic": ("https://api.anthropic.com/v1/", "claude-sonnet-5-5"),
    "cohere": ("https://api.cohere.ai/compatibility/v1", "command-a-plus-05-2026"),
    "gemini": ("https://generativelanguage.googleapis.com/v1beta/openai/", "gemini-3.8-flash"),
}
"""Vendor to the address where it speaks OpenAI's protocol, and the model to ask for there."""


@attrs.frozen
class _Choice:
    """What could be built: a provider type, its settings, and why."""

    type: str
    settings: dict[str, JSONValue]
    reason: str


async def create_auto(settings: AutoSettings, context: BuildContext) -> LLM:
    """Build the first LLM that can be had: OpenAI, Anthropic, Gemini, Cohere, Ollama, `offline`.

    A key whose provider is not installed is named in a warning, and the next choice is tried. The
    component is the chosen provider's own; `auto` adds nothing to it.
    """
    installed = context.types("llm")
    for choice in _by_key(settings):
        for way in (choice, _compatible(choice)):
            if way is not None and way.type in installed:
                return await _build(way, context)
        _warn_missing(choice, context)
    ollama = await _ollama(settings)
    if ollama is not None:
        for way in (ollama, _compatible_ollama(ollama)):
            if way.type in installed:
                return await _build(way, context)
        _warn_missing(ollama, context)
    return await _build(_Choice("offline", {}, "no key is set and no Ollama answers"), context)


def _by_key(settings: AutoSettings) -> list[_Choice]:
    keys: tuple[tuple[str, str, Secret | None], ...] = (
        ("openai", "OPENAI_API_KEY", settings.openai_api_key),
        ("anthropic", "ANTHROPIC_API_KEY", settings.anthropic_api_key),
        ("gemini", "GEMINI_API_KEY", settings.gemini_api_key),
        ("cohere", "CO_API_KEY", settings.cohere_api_key),
    )
    model: dict[str, JSONValue] = {} if settings.model is None else {"model": settings.model}
    return [
        _Choice(type_, {**model, "api_key": key.reveal()}, f"{variable} is set")
        for type_, variable, key in keys
        if key
    ]


def _compatible(choice: _Choice) -> _Choice | None:
    """The same vendor through its OpenAI-compatible address, for where its own plugin is not installed."""
    address = _COMPATIBLE.get(choice.type)
    if address is None:
        return None
    base_url, model = address
    settings: dict[str, JSONValue] = {"model": model, **choice.settings}
    reason = f"{choice.reason}; through {base_url}"
    return _Choice("openai", {**settings, "base_url": base_url, "api": "chat"}, reason)


def _compatible_ollama(choice: _Choice) -> _Choice:
    """The same Ollama through OpenAI's protocol, which loses some of what its own can say."""
    connection: dict[str, JSONValue] = {
        "base_url": f"{choice.settings['base_url']}/v1",
        "api": "chat",
        "api_key": "ollama",
    }
    return _Choice("openai", {**choice.settings, **connection}, choice.reason)


async def _build(choice: _Choice, context: BuildContext) -> LLM:
    llm = cast("LLM", await context.create_other("llm", choice.type, choice.settings))
    logger.info("%s: chose %s, model %s: %s", context.path, choice.type, llm.model, choice.reason)
    return llm


def _warn_missing(choice: _Choice, context: BuildContext) -> None:
    logger.warning(
        "%s: %s, but no plugin offers the LLM type `%s`: install hector-plugin-%s to use it",
        context.path,
        choice.reason,
        choice.type,
        choice.type,
    )


async def _ollama(settings: AutoSettings) -> _Choice | None:
    """The Ollama that answers within a third of a second, if it has a model."""
    try:
        base = _base_url(settings.ollama_host)
    except ValueError:
        return None
    if not await _is_listening(base):
        return None
    import httpx  # only now: where nobody listens it would be a tenth of the start of a server

    try:
        # Proxies of the environment are for the outside world, not for a model next door.
        async with httpx.AsyncClient(
            base_url=base, timeout=_OLLAMA_TIMEOUT_S, trust_env=False
        ) as client:
            (await client.get("/api/version")).raise_for_status()
            model = settings.model or _first_model((await client.get("/api/tags")).json())
    except (httpx.HTTPError, httpx.InvalidURL, ValueError):
        return None
    if model is None:
        logger.warning("the Ollama at %s has no model: run `ollama pull <model>`", base)
        return None
    return _Choice("ollama", {"model": model, "base_url": base}, f"an Ollama answers at {base}")


async def _is_listening(base: str) -> bool:
    address = urlsplit(base)
    port = address.port or {"http": 80, "https": 443}.get(address.scheme, _OLLAMA_PORT)
    try:
        async with asyncio.timeout(_OLLAMA_TIMEOUT_S):
            _, writer = await asyncio.open_connection(address.hostname, port)
    except (OSError, TimeoutError, UnicodeError):
        return False
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return True


def _base_url(host: str) -> str:
    """The address to ask, from what `OLLAMA_HOST` may hold: host, port, scheme."""
    url = urlsplit(host if "://" in host else f"http://{host}")
    name = url.hostname or ""
    name = "127.0.0.1" if name in {"", "0.0.0.0", "::"} else name  # noqa: S104 - asked, not bound
    shown = f"[{name}]" if ":" in name else name
    port = url.port or (None if "://" in host else _OLLAMA_PORT)
    return f"{url.scheme}://{shown}:{port}" if port else f"{url.scheme}://{shown}"


def _first_model(tags: JSONValue) -> str | None:
    models = tags.get("models") if isinstance(tags, Mapping) else None
    for item in models if isinstance(models, Sequence) else ():
        name = item.get("name") if isinstance(item, Mapping) else None
        if isinstance(name, str) and name:
            return name
    return None
