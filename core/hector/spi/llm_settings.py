"""Settings that LLMs and embedders behind a network share: deadlines, retries, limits."""

from __future__ import annotations

from typing import Annotated

import attrs

from hector.spi.llm import ModelLimits
from hector.spi.settings import Doc, Duration, Range

__all__ = ["CallSettings", "LimitSettings", "RequestSettings", "RetrySettings"]


@attrs.frozen(kw_only=True)
class RetrySettings:
    """How a failed call is tried again. The waits double, with jitter, from `base_delay` to `max_delay`."""

    base_delay: Annotated[
        float, Doc("longest wait before the first retry"), Duration(), Range(minimum=0)
    ] = 0.5
    max_delay: Annotated[
        float,
        Doc("longest wait that the provider did not ask for"),
        Duration(),
        Range(minimum=0),
    ] = 30.0
    max_retry_after: Annotated[
        float,
        Doc(
            "longest wait that a provider may ask for; if it asks for more, the call fails at once"
        ),
        Duration(),
        Range(minimum=0),
    ] = 120.0
    budget: Annotated[
        float,
        Doc("retries that all calls together may use up; each success gives half of one back"),
        Range(minimum=0),
    ] = 20.0


# Without slots, so that a settings class may inherit several of these.
@attrs.frozen(kw_only=True, slots=False)
class RequestSettings:
    """Deadlines and retries of one component; inherit it in an embedder's settings class."""

    timeout: Annotated[
        float,
        Doc("longest silence of the server"),
        Duration(),
        Range(minimum=0, is_minimum_exclusive=True),
    ] = 60.0
    response_timeout: Annotated[
        float | None,
        Doc("longest time for a whole answer, retries and their waits included"),
        Duration(),
        Range(minimum=0, is_minimum_exclusive=True),
    ] = 600.0
    max_retries: Annotated[int, Doc("how often a failed call is tried again"), Range(0, 10)] = 2
    retry: Annotated[RetrySettings, Doc("when a failed call is tried again")] = attrs.field(
        factory=RetrySettings
    )


@attrs.frozen(kw_only=True, slots=False)
class CallSettings(RequestSettings):
    """Deadlines and retries of one LLM; inherit it in its settings class."""

    timeout: Annotated[
        float,
        Doc("longest silence of the server; an answer as a whole may take longer"),
        Duration(),
        Range(minimum=0, is_minimum_exclusive=True),
    ] = 600.0
    first_token_timeout: Annotated[
        float | None,
        Doc("longest wait, in one attempt, for the first piece of a streamed answer"),
        Duration(),
        Range(minimum=0, is_minimum_exclusive=True),
    ] = None
    response_timeout: Annotated[
        float | None,
        Doc("longest time for a whole answer, retries and their waits included"),
        Duration(),
        Range(minimum=0, is_minimum_exclusive=True),
    ] = 3600.0
    restart_streams: Annotated[
        bool, Doc("ask again also after part of an answer was streamed; clients are told")
    ] = True


@attrs.frozen(kw_only=True, slots=False)
class LimitSettings:
    """The model's limits, for models that are not known or known wrongly; inherit it in an LLM's settings class."""

    context_window: Annotated[
        int | None,
        Doc("tokens that fit into the model; default what is known of it"),
        Range(minimum=1),
    ] = None
    output_limit: Annotated[
        int | None,
        Doc("most tokens the model can write in one answer; default what is known of it"),
        Range(minimum=1),
    ] = None

    def limits(self, known: ModelLimits) -> ModelLimits:
        """What is given here, else what is `known`."""
        return ModelLimits(
            context_tokens=self.context_window or known.context_tokens,
            output_tokens=self.output_limit or known.output_tokens,
        )
