"""The offline LLM."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from hector.errors import LLMError
from hector.spi import BuildContext, LLMChunk, LLMRequest, LLMResponse, TextDelta
from hector_std.offline.provider import OfflineSettings

__all__ = ["Offline", "create_offline"]


def create_offline(settings: OfflineSettings, _context: BuildContext | None = None) -> Offline:
    """Make the model."""
    return Offline(settings)


class Offline:
    """An LLM without a model: it searches, and answers with the sentences that fit best.

    The same request has the same answer, word for word; only ids of tool calls differ. What it says
    is either quoted from a tool's result or one of a few fixed phrases about itself. `temperature`
    has no meaning for it; structured output is refused.
    """

    def __init__(self, settings: OfflineSettings) -> None:
        """Make the model that the settings describe."""
        self._settings = settings

    @property
    def model(self) -> str:
        """See `LLM.model`."""
        return self._settings.model

    @property
    def provider(self) -> str:
        """See `LLM.provider`."""
        return "offline"

    async def generate(self, request: LLMRequest) -> AsyncIterator[LLMChunk]:
        """See `LLM.generate`; tokens are those of `hector_std.offline.words.tokens`."""
        if request.parameters.structured_output is not None:
            raise LLMError(
                "the offline model quotes text and cannot give structured output",
                provider="offline",
                hint="use a model that can, for example `provider: openai`",
            )
        # Ranking a few long passages takes milliseconds, which the event loop is not made to wait.
        response, pieces = await asyncio.to_thread(_respond, request, self._settings)
        if request.is_streaming:
            for piece in pieces:
                await asyncio.sleep(0)
                yield TextDelta(piece)
        yield response


def _respond(request: LLMRequest, settings: OfflineSettings) -> tuple[LLMResponse, list[str]]:
    from hector_std.offline.respond import respond  # the ranking is loaded with the first question

    return respond(request, settings)
