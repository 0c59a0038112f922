"""The LLM that hands each request on to one of several."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import cast

import attrs

from hector.errors import HectorError, LLMError, LLMRateLimitError, UnsupportedError
from hector.spi import (
    LLM,
    AnswerRestart,
    BuildContext,
    LLMChunk,
    LLMRequest,
    LLMResponse,
    ModelLimits,
    TokenCountingLLM,
    limits_of,
)
from hector_std.router.failures import classes_of
from hector_std.router.limiter import RateLimiter
from hector_std.router.provider import RouterSettings, RouteSettings

__all__ = ["RouterLLM", "create_router"]

logger = logging.getLogger(__name__)


def create_router(settings: RouterSettings, context: BuildContext) -> RouterLLM:
    """Make the LLM; what `llms.<name>` with `provider: router` becomes."""
    return RouterLLM(settings, [context.llm(route.llm) for route in settings.routes])


@attrs.define(eq=False)
class _Route:
    """One LLM of the router, with what is known of it."""

    settings: RouteSettings
    llm: LLM
    limiter: RateLimiter
    cool_until: float = 0.0


class RouterLLM:
    """Asks one of several LLMs, and the next one when that fails in a way that another may not.

    It owns none of them. Each keeps its own retries and deadlines: the router asks the next one only when these are
    used up.

    Args:
        settings: see `RouterSettings`.
        llms: those that `settings.routes` name, in that order.
        draw: gives 0 <= number < 1, for weights.
    """

    def __init__(
        self,
        settings: RouterSettings,
        llms: Sequence[LLM],
        *,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._settings = settings
        self._fallback_on = classes_of(settings.fallback_on)
        self._draw = draw
        self._routes = [
            _Route(route, llm, _limiter(route))
            for route, llm in zip(settings.routes, llms, strict=True)
        ]

    @property
    def model(self) -> str:
        """The models of the routes, joined by commas; a response names the one that answered."""
        return ",".join(route.llm.model for route in self._routes)

    @property
    def provider(self) -> str:
        """Always `router`."""
        return "router"

    @property
    def limits(self) -> ModelLimits:
        """The smallest of the routes' limits: what fits everywhere."""
        limits = [limits_of(route.llm) for route in self._routes]
        return ModelLimits(
            context_tokens=min(
                (it.context_tokens for it in limits if it.context_tokens), default=None
            ),
            output_tokens=min(
                (it.output_tokens for it in limits if it.output_tokens), default=None
            ),
        )

    async def count_tokens(self, request: LLMRequest) -> int:
        """Ask the first LLM whose provider counts; see `hector.spi.TokenCountingLLM`."""
        refusal: UnsupportedError | None = None
        for route in self._routes:
            if isinstance(route.llm, TokenCountingLLM):
                try:
                    return await route.llm.count_tokens(request)
                except UnsupportedError as error:
                    refusal = error
        raise refusal or UnsupportedError("router: none of its LLMs offers `token_counting`")

    async def generate(self, request: LLMRequest) -> AsyncGenerator[LLMChunk]:
        """Ask the LLMs in turn; see `hector.spi.LLM`.

        Raises:
            LLMError, UnsupportedError: that of the last LLM asked.
            LLMRateLimitError: every LLM is at a limit given here, and stayed there for `queue_timeout`.
        """
        failure: HectorError | None = None
        attempt, has_shown = 1, False
        for route in self._in_order():
            if not await self._begin(route, request):
                failure = failure or self._at_limit(route)
                continue
            if has_shown and failure is not None:
                attempt, has_shown = attempt + 1, False
                yield AnswerRestart(attempt=attempt, code=failure.code)
            tokens = 0
            try:
                async with aclosing(_ask(route.llm, request)) as chunks:
                    async for chunk in chunks:
                        if isinstance(chunk, LLMResponse):
                            tokens = chunk.usage.total_tokens
                        elif isinstance(chunk, AnswerRestart):
                            attempt, has_shown = attempt + 1, False
                            yield attrs.evolve(chunk, attempt=attempt)
                            continue
                        else:
                            has_shown = True
                        yield chunk
                return
            except self._fallback_on as error:
                failure = error
                self._note(route, error)
                if has_shown and not self._settings.restart_streams:
                    raise
            finally:
                route.limiter.end(tokens)
        raise failure or LLMError("router: it has no LLM", provider="router")

    async def _begin(self, route: _Route, request: LLMRequest) -> bool:
        """Wait for the route's limits; whether the request may begin."""
        flow = request.cache_key or ""
        return await route.limiter.begin(flow, timeout_s=self._settings.queue_timeout)

    def _in_order(self) -> list[_Route]:
        """The routes in the order in which to ask; those that failed a moment ago come last."""
        routes = self._routes if self._settings.strategy == "ordered" else self._drawn()
        now = asyncio.get_running_loop().time()
        return sorted(routes, key=lambda route: max(0.0, route.cool_until - now))

    def _drawn(self) -> list[_Route]:
        """The routes drawn one after the other by weight."""
        left, order = list(self._routes), list[_Route]()
        while left:
            weights = [1.0 if it.settings.weight is None else it.settings.weight for it in left]
            point = self._draw() * sum(weights)
            place = 0
            while place < len(left) - 1 and point >= weights[place]:
                point -= weights[place]
                place += 1
            order.append(left.pop(place))
        return order

    def _note(self, route: _Route, error: HectorError) -> None:
        """Let a route that failed come last for a while, but for what is the request's own fault."""
        asked = error.retry_after_s if isinstance(error, LLMError) else None
        is_of_the_route = isinstance(error, LLMError) and error.is_retryable
        pause = max(self._settings.cooldown, asked or 0.0) if is_of_the_route else 0.0
        if pause:
            route.cool_until = asyncio.get_running_loop().time() + pause
        logger.warning("router: %s failed with %s", route.settings.llm, error.code)

    def _at_limit(self, route: _Route) -> LLMRateLimitError:
        return LLMRateLimitError(
            f"router: `{route.settings.llm}` stayed at its rate limit for"
            f" {self._settings.queue_timeout:g} s",
            provider=self.provider,
            model=route.llm.model,
            hint="raise the limits of the route, or `queue_timeout`, or add another route",
        )


def _limiter(route: RouteSettings) -> RateLimiter:
    return RateLimiter(
        requests=route.requests_per_minute,
        tokens=route.tokens_per_minute,
        concurrency=route.max_concurrency,
    )


def _ask(llm: LLM, request: LLMRequest) -> AsyncGenerator[LLMChunk]:
    return cast("AsyncGenerator[LLMChunk]", llm.generate(request))
