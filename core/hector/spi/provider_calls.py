"""The one retry policy of all providers: when a failed call is tried again, how long it waits, when it gives up.

SDKs are told not to retry, so that every wait is counted, every deadline kept, and a consumer that
has seen part of an answer is told when it begins anew.
"""

from __future__ import annotations

import logging
import random
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import TypeAlias, TypeVar, cast

import attrs

from hector.errors import LLMError, LLMResponseError, LLMTimeoutError
from hector.spi.llm import AnswerRestart, LLMChunk, LLMResponse
from hector.spi.llm_settings import CallSettings, RequestSettings, RetrySettings

__all__ = ["Attempt", "ProviderCalls", "retry_pause_s"]

logger = logging.getLogger(__name__)

T = TypeVar("T")

Attempt: TypeAlias = AsyncGenerator[LLMChunk | None]
"""One request and its reply, without retries: chunks as of `LLM.generate`, or None for progress that does not show
(the arguments of a tool call, say). It raises `LLMError`; closing it hangs up."""

_REFUND = 0.5


def retry_pause_s(
    failure: LLMError, retry: int, settings: RetrySettings, spread: float
) -> float | None:
    """How long to wait before a retry, or None if it is not to be tried.

    Args:
        failure: why the last attempt failed.
        retry: 1 for the first retry.
        settings: the waits.
        spread: 0 to 1, drawn anew each time, so that callers that failed together do not come back together.

    Returns:
        Seconds. At least what the provider asked for, and at most a tenth more; else between half and the whole of
        `base_delay` doubled for each retry, at most `max_delay`.
    """
    if not failure.is_retryable:
        return None
    asked = failure.retry_after_s
    if asked is not None:
        return asked * (1 + spread / 10) if asked <= settings.max_retry_after else None
    longest = min(settings.max_delay, settings.base_delay * 2.0 ** (retry - 1))
    return longest * (0.5 + spread / 2)


@attrs.define
class _Call:
    """One call while it is made, with all its attempts."""

    ends_at: float | None
    attempt: int = 1
    has_shown: bool = False


class ProviderCalls:
    """Makes the calls of one component: retries, deadlines, and a budget of retries that its calls share.

    Args:
        settings: of the component; a `CallSettings` for an LLM.
        provider: the provider's type, for errors and the log.
        model: the model's name, for the same.
    """

    def __init__(self, settings: RequestSettings, *, provider: str, model: str) -> None:
        self._settings = settings
        self._provider = provider
        self._model = model
        self._budget = settings.retry.budget
        self._first_token_s: float | None = None
        self._can_restart = False
        if isinstance(settings, CallSettings):
            self._first_token_s = settings.first_token_timeout
            self._can_restart = settings.restart_streams

    async def stream(
        self, attempt: Callable[[], Attempt], *, is_streaming: bool = True
    ) -> AsyncGenerator[LLMChunk]:
        """Ask for an answer, again while that may help.

        Args:
            attempt: makes one request; called once per attempt.
            is_streaming: whether the answer comes in pieces; only then there is a first one to wait for.

        Yields:
            The chunks of the attempt that succeeds, its response last. Deltas of an attempt that failed come too,
            and then an `AnswerRestart`.

        Raises:
            LLMError: that of the last attempt.
            LLMTimeoutError: a deadline passed.
        """
        call = self._begin()
        while True:
            response: LLMResponse | None = None
            try:
                async with aclosing(attempt()) as chunks:
                    chunk = await self._first(chunks, call, is_streaming=is_streaming)
                    while chunk is not _END:
                        if isinstance(chunk, LLMResponse):
                            response = chunk
                        elif chunk is not None:
                            call.has_shown = True
                            yield cast("LLMChunk", chunk)
                        chunk = await self._next(chunks, call)
                if response is None:
                    raise self._unfinished()
            except LLMError as error:
                failure = error
            else:
                self._succeeded()
                yield _counted(response, call.attempt)
                return
            await self._wait(failure, call)
            if call.has_shown:
                call.has_shown = False
                yield AnswerRestart(attempt=call.attempt, code=failure.code)

    async def call(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """Make a call whose answer comes whole, again while that may help.

        Raises:
            LLMError: that of the last attempt, or `LLMTimeoutError` when the whole takes too long.
        """
        import asyncio

        call = self._begin()
        while True:
            limit = asyncio.timeout_at(call.ends_at)
            try:
                async with limit:
                    answer = await attempt()
            except LLMError as error:
                failure = error
            except TimeoutError as error:
                if not limit.expired():
                    raise
                raise self._late("response", self._settings.response_timeout) from error
            else:
                self._succeeded()
                return answer
            await self._wait(failure, call)

    def _begin(self) -> _Call:
        longest = self._settings.response_timeout
        return _Call(ends_at=None if longest is None else _now() + longest)

    async def _first(self, chunks: Attempt, call: _Call, *, is_streaming: bool) -> object:
        """The first chunk, for which there may be a deadline of its own."""
        import asyncio

        longest = self._first_token_s if is_streaming else None
        if longest is None:
            return await self._next(chunks, call)
        ends_at = _now() + longest
        if call.ends_at is not None and call.ends_at <= ends_at:
            return await self._next(chunks, call)
        limit = asyncio.timeout_at(ends_at)
        try:
            async with limit:
                return await anext(chunks, _END)
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise self._late("first_token", longest) from error

    async def _next(self, chunks: Attempt, call: _Call) -> object:
        import asyncio

        limit = asyncio.timeout_at(call.ends_at)
        try:
            async with limit:
                return await anext(chunks, _END)
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise self._late("response", self._settings.response_timeout) from error

    async def _wait(self, failure: LLMError, call: _Call) -> None:
        """Wait until the next attempt, or raise `failure` when there is to be none."""
        import asyncio

        pause = self._pause_s(failure, call)
        if pause is None:
            raise failure
        self._budget -= 1
        logger.warning(
            "%s %s: attempt %d failed with %s (status %s, request %s); trying again in %.2f s",
            self._provider,
            self._model,
            call.attempt,
            failure.code,
            failure.status,
            failure.request_id,
            pause,
        )
        call.attempt += 1
        await asyncio.sleep(pause)

    def _pause_s(self, failure: LLMError, call: _Call) -> float | None:
        if call.attempt > self._settings.max_retries or self._budget < 1:
            return None
        if call.has_shown and not self._can_restart:
            return None
        spread = random.random()  # noqa: S311 - it spreads load, it guards nothing
        pause = retry_pause_s(failure, call.attempt, self._settings.retry, spread)
        if pause is not None and call.ends_at is not None and _now() + pause >= call.ends_at:
            return None
        return pause

    def _succeeded(self) -> None:
        self._budget = min(self._settings.retry.budget, self._budget + _REFUND)

    def _unfinished(self) -> LLMResponseError:
        return LLMResponseError(
            "the reply ended without its closing part",
            provider=self._provider,
            model=self._model,
            is_retryable=True,
        )

    def _late(self, deadline: str, longest_s: float | None) -> LLMTimeoutError:
        what = "begin to answer" if deadline == "first_token" else "finish its answer"
        return LLMTimeoutError(
            f"{self._provider}: {self._model} did not {what} within {longest_s:g} s",
            deadline=deadline,
            provider=self._provider,
            model=self._model,
            hint=f"raise `{deadline}_timeout` if the model only needs longer",
        )


_END = object()


def _now() -> float:
    import asyncio

    return asyncio.get_running_loop().time()


def _counted(response: LLMResponse, attempts: int) -> LLMResponse:
    if attempts == 1:
        return response
    metadata = attrs.evolve(response.metadata, attempts=attempts)
    return attrs.evolve(response, metadata=metadata)
