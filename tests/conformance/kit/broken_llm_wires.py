"""Models behind a network with one fault each."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import aclosing
from typing import Any, ClassVar

import attrs
from law_runs import Broken
from line_client import LineClient, SilentError
from wire_model import CAPABILITIES, ModelSettings, Reading, WireModel, provider_of
from wire_words import Body, Words

from hector.errors import LLMError, LLMOverloadedError, LLMResponseError, LLMTimeoutError
from hector.message import FilePart, FinishReason, Message, Part, ToolResult
from hector.spi import (
    AnswerRestart,
    Attempt,
    CallSettings,
    LLMChunk,
    LLMRequest,
    LLMResponse,
    ModelLimits,
    ProviderFailure,
    Secret,
    llm_error,
)
from hector.testing import LLMWireSuite, OllamaWire

__all__ = ["BROKEN", "GOOD"]


# ------------------------------------------------------------------------------ replies


class ForgetsLimits(Reading):
    """Leaves out what the headers say of limits."""

    def response(self, headers: Mapping[str, str]) -> LLMResponse:
        found = super().response(headers)
        return attrs.evolve(found, metadata=attrs.evolve(found.metadata, headers={}))


class StopsAlways(Reading):
    """Knows one reason to stop beside calls."""

    def reason(self, told: str) -> FinishReason:
        return super().reason("stop")


class WantsWords(Reading):
    """Takes an answer that says nothing for a failure."""

    def response(self, headers: Mapping[str, str]) -> LLMResponse:
        found = super().response(headers)
        if not found.parts:
            raise LLMResponseError("the model said nothing", provider="kit")
        return found


class HasABuffer(Reading):
    """Keeps half a million characters of each piece."""

    def feed(self, event: Mapping[str, Any]) -> Iterator[LLMChunk | None]:
        for chunk in super().feed(event):
            self.texts = [text[:500_000] for text in self.texts]
            yield chunk


class TakesNothingForAnAnswer(Reading):
    """Takes a reply without an event for an empty answer."""

    has_begun = False

    def feed(self, event: Mapping[str, Any]) -> Iterator[LLMChunk | None]:
        self.has_begun = True
        return super().feed(event)

    def response(self, headers: Mapping[str, str]) -> LLMResponse:
        return super().response(headers) if self.has_begun else LLMResponse(parts=())


class StumblesOverBlankLines(Reading):
    """Reads every line."""

    def events(self, packet: bytes) -> Iterator[Mapping[str, Any]]:
        for line in self.lines(packet):
            yield json.loads(line)


class LeavesOutWhatItCannotRead(Reading):
    """Passes over a line that is no JSON."""

    def events(self, packet: bytes) -> Iterator[Mapping[str, Any]]:
        for line in self.lines(packet):
            try:
                yield json.loads(line)
            except ValueError:
                continue


class TakesPacketsForLines(Reading):
    """Begins anew with each packet."""

    def lines(self, packet: bytes) -> Iterator[bytes]:
        yield from packet.splitlines()


class HoldsTextBack(WireModel):
    """Waits, where there are tools, whether the text comes to a call."""

    async def answer(self, request: LLMRequest) -> AsyncGenerator[LLMChunk]:
        held: list[LLMChunk] = []
        async with aclosing(super().answer(request)) as chunks:
            async for chunk in chunks:
                if request.tools and not isinstance(chunk, LLMResponse):
                    held.append(chunk)
                    continue
                for earlier in held:
                    yield earlier
                yield chunk


# ------------------------------------------------------------------------------ failures


class KnowsOneFailure(WireModel):
    """Takes whatever ends a reply for the same."""

    def broken_off(self, text: str) -> LLMError:
        return llm_error(self.failure(text))


class TakesAllForOverload(WireModel):
    """Takes every failure of the server for too much work."""

    def refused(self, failure: ProviderFailure) -> LLMError:
        if failure.status is not None and failure.status >= 500:
            return llm_error(failure, kind=LLMOverloadedError)
        return super().refused(failure)


class KnowsOneHeader(WireModel):
    """Does not know the header of a gateway that says how long to wait."""

    def refused(self, failure: ProviderFailure) -> LLMError:
        known = {
            name: value for name, value in failure.headers.items() if name != "x-ms-retry-after-ms"
        }
        return super().refused(attrs.evolve(failure, headers=known))


class DrawsAgain(WireModel):
    """Sends another seed with each attempt."""

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__(settings)
        self._seeds = itertools.count()

    def attempt(self, request: LLMRequest, body: Body) -> Attempt:
        options = {**body.get("options", {}), "seed": next(self._seeds)}
        return super().attempt(request, {**body, "options": options})


class HopesAlways(WireModel):
    """Takes every failure for one that may pass, where another try is allowed."""

    def refused(self, failure: ProviderFailure) -> LLMError:
        error = super().refused(failure)
        error.is_retryable = error.is_retryable or self.settings.max_retries > 0
        return error


class SaysNothingOfARestart(WireModel):
    """Goes on with the new answer as if nothing had been."""

    async def answer(self, request: LLMRequest) -> AsyncGenerator[LLMChunk]:
        async with aclosing(super().answer(request)) as chunks:
            async for chunk in chunks:
                if not isinstance(chunk, AnswerRestart):
                    yield chunk


class BeginsAnewAlways(WireModel):
    """Does not ask whether it may."""

    def call_settings(self) -> CallSettings:
        return attrs.evolve(self.settings, restart_streams=True)


# ------------------------------------------------------------------------------ deadlines


class WaitsForTheFirst(WireModel):
    """Has one deadline for all that comes."""

    def call_settings(self) -> CallSettings:
        return attrs.evolve(self.settings, first_token_timeout=None)


class AsksAgainWhenItIsLate(WireModel):
    """Begins with the time anew when it is over."""

    async def answer(self, request: LLMRequest) -> AsyncGenerator[LLMChunk]:
        for is_late in (False, True):
            try:
                async with aclosing(super().answer(request)) as chunks:
                    async for chunk in chunks:
                        yield chunk
                return
            except LLMTimeoutError as error:
                if is_late or error.deadline != "response":
                    raise


class TakesSilenceForABreak(WireModel):
    """Says of a silent server that the connection broke."""

    def silent(self, error: SilentError) -> LLMError:
        return self.failures().broken(error, has_begun=error.has_begun)


class _HangsUpLater(LineClient):
    """Leaves a connection to a pool, which closes it some time."""

    left_with: ClassVar[type[BaseException]]

    def hang_up(self, writer: asyncio.StreamWriter, error: BaseException | None) -> None:
        if isinstance(error, self.left_with):
            asyncio.get_running_loop().call_later(0.15, super().hang_up, writer, error)
        else:
            super().hang_up(writer, error)


class LingersWhenCancelled(_HangsUpLater):
    left_with = asyncio.CancelledError


class LingersWhenClosed(_HangsUpLater):
    left_with = GeneratorExit


# ------------------------------------------------------------------------------ requests


class ShowsItsKey(WireModel):
    """Repeats what the server says as it is."""

    def failure(self, text: str, reply: Any = None) -> ProviderFailure:
        return attrs.evolve(super().failure(text, reply), text=text)


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


class LeavesTheLastWordToTheModel(Words):
    """Sends a conversation that ends with an answer as it is."""

    def messages(self, messages: Sequence[Message]) -> Iterator[Body]:
        said = list(super().messages(messages))
        is_asked = said and said[-1].get("content") == "Continue."
        yield from said[:-1] if is_asked else said


# ------------------------------------------------------------------------------ the table


class GoodModel(LLMWireSuite):
    """Keeps all laws.

    Attributes:
        most_silence_s: a shorter `timeout` than the laws ask for, for those that wait in vain.
    """

    provider = provider_of(WireModel)
    wire = OllamaWire()
    most_silence_s: ClassVar[float] = 60.0

    def settings(self, base_url: str, **keys: Any) -> ModelSettings:
        silence_s = min(keys.pop("timeout"), self.most_silence_s)
        return ModelSettings(
            base_url=base_url, api_key=Secret(self.secret), timeout=silence_s, **keys
        )


def broken(part: type, **more: Any) -> type[LLMWireSuite]:
    """The suite of the good model with another part, or of another model."""
    slots: Mapping[type, str] = {Words: "words", Reading: "reading", LineClient: "client"}
    model = part
    for base, name in slots.items():
        if issubclass(part, base):
            model = type(part.__name__, (WireModel,), {name: part})
    return type(part.__name__, (GoodModel,), {"provider": provider_of(model), **more})


_TELEPATHIC = attrs.evolve(GoodModel.provider, capabilities=CAPABILITIES | {"telepathy"})

GOOD = (GoodModel,)

BROKEN = (
    Broken("LLMW-010", broken(HoldsTextBack, most_silence_s=0.3)),
    Broken("LLMW-017", broken(WaitsForTheFirst, most_silence_s=0.3)),
    Broken("LLMW-023", type("Telepathic", (GoodModel,), {"provider": _TELEPATHIC})),
    *(
        Broken(law, broken(part))
        for law, part in (
            ("LLMW-001", ForgetsLimits),
            ("LLMW-002", StopsAlways),
            ("LLMW-003", WantsWords),
            ("LLMW-004", HasABuffer),
            ("LLMW-005", TakesNothingForAnAnswer),
            ("LLMW-006", StumblesOverBlankLines),
            ("LLMW-007", LeavesOutWhatItCannotRead),
            ("LLMW-008", KnowsOneFailure),
            ("LLMW-009", TakesPacketsForLines),
            ("LLMW-011", TakesAllForOverload),
            ("LLMW-012", KnowsOneHeader),
            ("LLMW-013", DrawsAgain),
            ("LLMW-014", HopesAlways),
            ("LLMW-015", SaysNothingOfARestart),
            ("LLMW-016", BeginsAnewAlways),
            ("LLMW-018", AsksAgainWhenItIsLate),
            ("LLMW-019", TakesSilenceForABreak),
            ("LLMW-020", LingersWhenCancelled),
            ("LLMW-021", LingersWhenClosed),
            ("LLMW-022", ShowsItsKey),
            ("LLMW-024", DropsTheSchema),
            ("LLMW-025", Guesses),
            ("LLMW-026", KnowsBetter),
            ("LLMW-027", DropsZero),
            ("LLMW-028", TurnsResults),
            ("LLMW-029", DropsPicturesOfTools),
            ("LLMW-030", ForgetsReasoning),
            ("LLMW-031", LeavesTheLastWordToTheModel),
        )
    ),
)
