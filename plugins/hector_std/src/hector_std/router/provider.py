"""What `router` declares: its settings and its provider."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

import attrs

from hector.spi import LLM_CAPABILITIES, Doc, Duration, Length, Provider, Range, Reference

__all__ = ["PROVIDERS", "FailureKind", "RouteSettings", "RouterSettings"]

FailureKind: TypeAlias = Literal[
    "authentication",
    "content_blocked",
    "context_overflow",
    "invalid_request",
    "overloaded",
    "protocol",
    "rate_limit",
    "timeout",
    "unavailable",
    "unsupported",
]
"""The classes of failures, in the words of the config."""


@attrs.frozen(kw_only=True)
class RouteSettings:
    """One of the LLMs, and how much it may be asked."""

    llm: Annotated[str, Doc("the LLM"), Reference("llm")]
    weight: Annotated[
        float | None,
        Doc(
            "share of the requests that go here first, relative to the others; with `weighted` only"
        ),
        Range(minimum=0, is_minimum_exclusive=True),
    ] = None
    requests_per_minute: Annotated[
        int | None, Doc("most requests that begin in any minute"), Range(minimum=1)
    ] = None
    tokens_per_minute: Annotated[
        int | None,
        Doc("tokens in and out in any minute from which on no request begins"),
        Range(minimum=1),
    ] = None
    max_concurrency: Annotated[int | None, Doc("most requests at a time"), Range(minimum=1)] = None


@attrs.frozen(kw_only=True)
class RouterSettings:
    """Settings of the LLM that hands each request on to one of several."""

    routes: Annotated[tuple[RouteSettings, ...], Doc("the LLMs, the best first"), Length(minimum=1)]
    strategy: Annotated[
        Literal["ordered", "weighted"],
        Doc(
            "`ordered` asks the first that can; `weighted` draws the first, and the next, by weight"
        ),
    ] = "ordered"
    fallback_on: Annotated[
        tuple[FailureKind, ...], Doc("failures after which the next LLM is asked")
    ] = ("overloaded", "protocol", "rate_limit", "timeout", "unavailable", "unsupported")
    cooldown: Annotated[
        float,
        Doc("how long an LLM comes last after such a failure; longer if its provider says so"),
        Duration(),
        Range(minimum=0),
    ] = 10.0
    queue_timeout: Annotated[
        float,
        Doc("longest wait for a rate limit given here; then the next LLM is asked"),
        Duration(),
        Range(minimum=0),
    ] = 30.0
    restart_streams: Annotated[
        bool, Doc("ask the next LLM also after part of an answer was streamed; clients are told")
    ] = True

    def __attrs_post_init__(self) -> None:
        """Refuse what would have no effect."""
        if self.strategy == "ordered" and any(it.weight is not None for it in self.routes):
            raise ValueError("weight has no effect with strategy `ordered`: set it to `weighted`")
        names = [route.llm for route in self.routes]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"routes name {', '.join(twice)} more than once")


PROVIDERS: tuple[Provider, ...] = (
    Provider(
        kind="llm",
        type="router",
        settings=RouterSettings,
        create="hector_std.router.llm:create_router",
        summary="several LLMs as one: fallback, weights, rate limits with fair queues",
        capabilities=frozenset(LLM_CAPABILITIES),  # those of the LLMs that it names
    ),
)
