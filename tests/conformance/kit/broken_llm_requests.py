"""Models behind a network with one fault each in what they ask, or claim."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import attrs
from law_runs import Broken
from wire_model import CAPABILITIES, WireModel
from wire_model_suite import GoodModel, broken
from wire_words import Body, Words

from hector.errors import UsageError
from hector.message import DataPart, FilePart, Message, Part, ToolResult
from hector.spi import (
    LLMRequest,
    ModelLimits,
)

__all__ = ["BROKEN"]


class Guesses(WireModel):
    """Reckons with four characters for a token."""

    async def count_tokens(self, request: LLMRequest) -> int:
        return len(str(request.messages)) // 4


class KnowsBetter(WireModel):
    """Has the limits that it knows of."""

    @property
    def limits(self) -> ModelLimits:
        return ModelLimits(context_tokens=4096)


class DropsTheSchema(Words):
    """Does not ask for structured output."""

    def form(self, request: LLMRequest) -> object:
        return None


class DropsZero(Words):
    """Asks whether there is a temperature by asking whether it is true."""

    def options(self, request: LLMRequest) -> Body:
        return {name: value for name, value in super().options(request).items() if value}


class TurnsResults(Words):
    """Says the newest result first."""

    def results(self, message: Message) -> Sequence[Body]:
        return super().results(message)[::-1]


class DropsPicturesOfTools(Words):
    """Sends what tools gave in words, and no picture."""

    def result(self, result: ToolResult) -> Body:
        return super().result(attrs.evolve(result, content=_without_files(result.content)))


def _without_files(content: Sequence[Part]) -> tuple[Any, ...]:
    return tuple(part for part in content if not isinstance(part, FilePart))


class ForgetsReasoning(Words):
    """Sends no reasoning back."""

    def assistant(self, message: Message, *, is_over: bool) -> Iterator[Body]:
        return super().assistant(message, is_over=True)


class KnowsNoData(Words):
    """Has no words for data that another agent has said."""

    def text(self, part: Part) -> str:
        if isinstance(part, DataPart):
            raise UsageError("a message cannot hold data")
        return super().text(part)


_TELEPATHIC = attrs.evolve(GoodModel.provider, capabilities=CAPABILITIES | {"telepathy"})


BROKEN = (
    Broken("LLMW-023", type("Telepathic", (GoodModel,), {"provider": _TELEPATHIC})),
    *(
        Broken(law, broken(part))
        for law, part in (
            ("LLMW-024", DropsTheSchema),
            ("LLMW-025", Guesses),
            ("LLMW-026", KnowsBetter),
            ("LLMW-027", DropsZero),
            ("LLMW-028", TurnsResults),
            ("LLMW-029", DropsPicturesOfTools),
            ("LLMW-030", ForgetsReasoning),
            ("LLMW-031", KnowsNoData),
        )
    ),
)
