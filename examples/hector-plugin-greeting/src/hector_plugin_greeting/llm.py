"""The model. A real one would import its vendor's SDK inside `create`."""

from __future__ import annotations

from collections.abc import AsyncIterator

from hector.message import TextPart, Usage
from hector.spi import (
    BuildContext,
    LLMChunk,
    LLMRequest,
    LLMResponse,
    TextDelta,
    require_capabilities,
)

from hector_plugin_greeting.settings import GreetingSettings


class GreetingLLM:
    """Implements `hector.spi.LLM`; one instance serves many calls at once."""

    provider = "greeting"
    model = "greeting"

    def __init__(self, settings: GreetingSettings) -> None:
        self._settings = settings

    async def generate(self, request: LLMRequest) -> AsyncIterator[LLMChunk]:
        """Refuse what the model cannot do; stream the greeting word by word, then give the whole of it."""
        require_capabilities(request, {"streaming"}, provider=self.provider, model=self.model)
        said = request.messages[-1].text.strip().rstrip(".!?")
        marks = "!" * self._settings.exclamation_marks
        pieces = [f"{self._settings.greeting},", *(f" {word}" for word in said.split()), marks]
        pieces = [piece for piece in pieces if piece]
        if request.is_streaming:
            for piece in pieces:
                yield TextDelta(piece)
        yield LLMResponse(
            parts=(TextPart("".join(pieces)),),
            usage=Usage(input_tokens=len(said.split()), output_tokens=len(pieces)),
            model=self.model,
        )


def create(settings: GreetingSettings, context: BuildContext) -> GreetingLLM:
    """Build the component. A component that must be closed is made by an async context manager."""
    return GreetingLLM(settings)
