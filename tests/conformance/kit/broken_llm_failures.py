"""Models behind a network with one fault each in what they do when something goes wrong."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, ClassVar

import attrs
from law_runs import Broken
from line_client import LineClient, SilentError
from wire_model import ModelSettings, WireModel
from wire_model_suite import broken
from wire_words import Body

from hector.errors import LLMError, LLMOverloadedError, LLMTimeoutError
from hector.spi import (
    AnswerRestart,
    Attempt,
    CallSettings,
    LLMChunk,
    LLMRequest,
    ProviderFailure,
    llm_error,
)

__all__ = ["BROKEN"]


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


class ShowsItsKey(WireModel):
    """Repeats what the server says as it is."""

    def failure(self, text: str, reply: Any = None) -> ProviderFailure:
        return attrs.evolve(super().failure(text, reply), text=text)


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


BROKEN = (
    Broken("LLMW-017", broken(WaitsForTheFirst, most_silence_s=1.0)),
    *(
        Broken(law, broken(part))
        for law, part in (
            ("LLMW-008", KnowsOneFailure),
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
        )
    ),
)
