"""What a server says of a model: `POST /api/show`."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Any

import attrs
import httpx

from hector.spi import encoded_json
from hector_plugin_ollama.settings import CAPABILITIES, LLMSettings

__all__ = ["ModelFacts", "ask_facts"]

logger = logging.getLogger(__name__)

_LONGEST_WAIT_S = 5.0
_NUM_CTX = re.compile(r"^num_ctx\s+(\d+)\s*$", re.MULTILINE)
_WORDS: Mapping[str, frozenset[str]] = {
    "tools": frozenset({"tools", "parallel_tools"}),
    "vision": frozenset({"vision"}),
    "thinking": frozenset({"thinking"}),
}


@attrs.frozen(kw_only=True)
class ModelFacts:
    """What is known of a model.

    Attributes:
        capabilities: words of `LLM_CAPABILITIES`.
        trained_tokens: the context that it was trained for; None where it is not known.
        num_ctx: the context that its model file asks for, or None.
    """

    capabilities: frozenset[str] = CAPABILITIES
    trained_tokens: int | None = None
    num_ctx: int | None = None

    def context_tokens(self, wanted: int | None) -> int | None:
        """The context in force when a request asks for `wanted`.

        Without a number in the request or in the model file, the server decides by its own settings and the memory it
        has, and tells nobody: then it is not known.
        """
        asked = wanted or self.num_ctx
        if asked is None or self.trained_tokens is None:
            return asked
        return min(asked, self.trained_tokens)


async def ask_facts(client: httpx.AsyncClient, settings: LLMSettings) -> ModelFacts:
    """Ask the server; one that does not answer now is not held to be wrong, and nothing is known."""
    try:
        response = await client.post(
            "/api/show",
            content=encoded_json({"model": settings.model}),
            timeout=min(settings.timeout, _LONGEST_WAIT_S),
        )
        response.raise_for_status()
        return _read(response.json())
    except (httpx.HTTPError, ValueError, TypeError, AttributeError) as error:
        logger.warning(
            "the Ollama server does not say what %s is (%s); it is taken to do everything",
            settings.model,
            type(error).__name__,
        )
        return ModelFacts()


def _read(shown: Mapping[str, Any]) -> ModelFacts:
    info: Mapping[str, Any] = shown.get("model_info") or {}
    lengths = [value for key, value in info.items() if key.endswith(".context_length")]
    found = _NUM_CTX.search(str(shown.get("parameters") or ""))
    return ModelFacts(
        capabilities=_capabilities(shown.get("capabilities")),
        trained_tokens=int(lengths[0]) if lengths else None,
        num_ctx=int(found[1]) if found else None,
    )


def _capabilities(told: list[str] | None) -> frozenset[str]:
    if told is None:  # an older server
        return CAPABILITIES
    missing = [words for name, words in _WORDS.items() if name not in told]
    return CAPABILITIES.difference(*missing)
