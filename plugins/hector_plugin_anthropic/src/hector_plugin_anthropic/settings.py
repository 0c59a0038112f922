"""What users may write under `llms.<name>` with `provider: anthropic`."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

import attrs

from hector.spi import (
    CallSettings,
    Doc,
    Env,
    Length,
    LimitSettings,
    Pattern,
    Range,
    Secret,
    ServerSettings,
)
from hector_plugin_anthropic.models import ModelTraits, traits_of

__all__ = ["ConnectionSettings", "Effort", "LLMSettings", "ThinkingSettings"]

Effort: TypeAlias = Literal["low", "medium", "high", "xhigh", "max"]

_DEFAULT_BUDGET_TOKENS = 4096
_OUTPUT_TOKENS_OF_UNKNOWN_MODELS = 32_000


@attrs.frozen(kw_only=True)
class ConnectionSettings(ServerSettings):
    """Where the server is, and who we are to it."""

    api_key: Annotated[
        Secret | None, Doc("API key; required unless base_url is set"), Env("ANTHROPIC_API_KEY")
    ] = None
    base_url: Annotated[
        str | None,
        Doc("address of another server that speaks Anthropic's API, without `/v1`"),
        Env("ANTHROPIC_BASE_URL"),
        Pattern(r"https?://\S+"),
    ] = None

    def __attrs_post_init__(self) -> None:
        """Refuse what no single key shows to be wrong."""
        self.check_server(key_variable="ANTHROPIC_API_KEY")


@attrs.frozen(kw_only=True)
class ThinkingSettings:
    """Reasoning. The keys `enabled` and `budget_tokens` are those of every provider."""

    enabled: Annotated[bool, Doc("false asks the model not to reason")] = True
    budget_tokens: Annotated[
        int | None,
        Doc(
            "most tokens of reasoning; for models that decide this themselves it becomes an effort: "
            "up to 1024 low, up to 8192 medium, above high"
        ),
        Range(minimum=1024),
    ] = None
    display: Annotated[
        Literal["summarized", "omitted"], Doc("whether a summary of the reasoning is shown")
    ] = "summarized"


@attrs.frozen(kw_only=True)
class LLMSettings(ConnectionSettings, CallSettings, LimitSettings):
    """A language model."""

    model: Annotated[str, Doc("model name"), Length(minimum=1)] = "claude-sonnet-5-5"
    temperature: Annotated[
        float | None, Doc("randomness; models since Claude Opus 4.7 take none"), Range(0, 1)
    ] = None
    max_tokens: Annotated[
        int | None,
        Doc("most tokens an answer may have, reasoning included; default as many as the model can"),
        Range(minimum=1),
    ] = None
    max_tool_output_length: Annotated[
        int, Doc("most characters of a tool result's text; 0 means all"), Range(minimum=0)
    ] = 0
    thinking: Annotated[
        ThinkingSettings | None, Doc("reasoning; default what the model does by itself")
    ] = None
    effort: Annotated[Effort | None, Doc("how much the model thinks and writes")] = None
    prompt_cache: Annotated[
        Literal["5m", "1h", "none"], Doc("how long Anthropic keeps what it has read")
    ] = "5m"
    user: Annotated[
        str | None, Doc("identifies the end user to Anthropic, without naming anybody")
    ] = None

    def __attrs_post_init__(self) -> None:
        """Refuse what no single key shows to be wrong."""
        super().__attrs_post_init__()
        if self.temperature not in {None, 1} and not self.traits.has_temperature:
            raise ValueError(f"{self.model} takes no temperature: remove it")
        thinking = self.thinking
        if thinking is None:
            return
        if not thinking.enabled:
            if self.traits.off is None:
                raise ValueError(f"{self.model} always thinks: remove thinking, and lower effort")
            return
        if self.temperature not in {None, 1}:
            raise ValueError("a model that thinks takes no temperature: give one of them")
        if thinking.budget_tokens is None:
            return
        if not self.traits.has_budget and self.effort is not None:
            raise ValueError(
                f"{self.model} has no budget for thinking, it becomes an effort: "
                "give thinking.budget_tokens or effort, not both"
            )
        most = self.max_tokens
        if self.traits.has_budget and most is not None and thinking.budget_tokens >= most:
            raise ValueError("thinking.budget_tokens must be below max_tokens, which includes it")

    @property
    def traits(self) -> ModelTraits:
        """What is known of the model."""
        return traits_of(self.model)

    @property
    def longest_answer(self) -> int:
        """`max_tokens` in force; the API wants a number."""
        known = self.output_limit or self.traits.output_tokens
        return self.max_tokens or known or _OUTPUT_TOKENS_OF_UNKNOWN_MODELS

    @property
    def thinking_budget(self) -> int | None:
        """Most tokens of reasoning, where the request says a number; else None."""
        thinking = self.thinking
        if thinking is None or not thinking.enabled or not self.traits.has_budget:
            return None
        if thinking.budget_tokens is None and self.traits.is_adaptive:
            return None
        return thinking.budget_tokens or min(_DEFAULT_BUDGET_TOKENS, self.longest_answer - 1)

    @property
    def effort_in_force(self) -> Effort | None:
        """The effort; None leaves it to the model."""
        thinking = self.thinking
        if self.effort is not None or self.traits.has_budget or thinking is None:
            return self.effort
        if not thinking.enabled or thinking.budget_tokens is None:
            return None
        if thinking.budget_tokens <= 1024:
            return "low"
        return "medium" if thinking.budget_tokens <= 8192 else "high"
