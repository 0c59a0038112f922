"""What users may write under `llms.<name>` and `embedders.<name>` with `provider: gemini`."""

from __future__ import annotations

from typing import Annotated, Literal

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
    VectorSettings,
)
from hector_plugin_gemini.models import (
    EmbeddingTraits,
    Level,
    ModelTraits,
    embedding_traits,
    traits_of,
)

__all__ = ["ConnectionSettings", "EmbedderSettings", "LLMSettings", "ThinkingSettings"]


@attrs.frozen(kw_only=True)
class ConnectionSettings(ServerSettings):
    """The keys both kinds share: where the server is, and who we are to it."""

    api_key: Annotated[
        Secret | None,
        Doc("API key; required unless base_url is set"),
        Env("GEMINI_API_KEY", "GOOGLE_API_KEY"),
    ] = None
    base_url: Annotated[
        str | None,
        Doc("address of another server that speaks Gemini's API, without the version"),
        Env("GOOGLE_GEMINI_BASE_URL"),
        Pattern(r"https?://\S+"),
    ] = None
    api_version: Annotated[str, Doc("version of the API"), Pattern(r"v[0-9][0-9a-z]*")] = "v1beta"

    def __attrs_post_init__(self) -> None:
        """Refuse what no single key shows to be wrong."""
        self.check_server(key_variable="GEMINI_API_KEY")


@attrs.frozen(kw_only=True)
class ThinkingSettings:
    """Reasoning. The keys `enabled` and `budget_tokens` are those of every provider."""

    enabled: Annotated[bool, Doc("false asks the model to think as little as it can")] = True
    budget_tokens: Annotated[
        int | None,
        Doc(
            "most tokens of reasoning; for models since Gemini 3 it becomes a level: up to 1024 low, "
            "up to 8192 medium, above high"
        ),
        Range(minimum=1),
    ] = None
    level: Annotated[
        Level | None, Doc("how much a model since Gemini 3 thinks, instead of budget_tokens")
    ] = None


@attrs.frozen(kw_only=True)
class LLMSettings(ConnectionSettings, CallSettings, LimitSettings):
    """A language model."""

    model: Annotated[str, Doc("model name"), Length(minimum=1)] = "gemini-3.8-flash"
    temperature: Annotated[
        float | None,
        Doc("randomness; newer models, from Gemini 3.5 Flash-Lite on, do not heed it"),
        Range(0, 2),
    ] = None
    max_tokens: Annotated[
        int | None, Doc("most tokens an answer may have, reasoning included"), Range(minimum=1)
    ] = None
    max_tool_output_length: Annotated[
        int, Doc("most characters of a tool result's text; 0 means all"), Range(minimum=0)
    ] = 0
    thinking: Annotated[
        ThinkingSettings | None,
        Doc("reasoning, with visible summaries; default what the model does by itself"),
    ] = None
    safety: Annotated[
        Literal["off", "block_none", "block_high", "block_medium", "block_low"] | None,
        Doc("from what likelihood of harm on Google blocks; default the model's"),
    ] = None

    def __attrs_post_init__(self) -> None:
        """Refuse what no single key shows to be wrong."""
        super().__attrs_post_init__()
        if self.thinking is not None:
            _check_thinking(self.thinking, self.model, self.traits)

    @property
    def traits(self) -> ModelTraits:
        """What is known of the model."""
        return traits_of(self.model)

    @property
    def level_in_force(self) -> Level | None:
        """The level that the request says; None leaves it to the model, or it has a budget."""
        thinking, levels = self.thinking, self.traits.levels
        if thinking is None or not levels:
            return None
        if not thinking.enabled:
            return "minimal" if "minimal" in levels else "low"
        if thinking.budget_tokens is None:
            return thinking.level
        if thinking.budget_tokens <= 1024:
            return "low"
        return "medium" if thinking.budget_tokens <= 8192 and "medium" in levels else "high"

    @property
    def budget_in_force(self) -> int | None:
        """Most tokens of reasoning, where the request says a number; 0 for no reasoning."""
        thinking = self.thinking
        if thinking is None or self.traits.levels or not self.traits.can_think:
            return None
        return thinking.budget_tokens if thinking.enabled else 0


def _check_thinking(thinking: ThinkingSettings, model: str, traits: ModelTraits) -> None:
    """Refuse what the model would refuse, or not heed."""
    level, budget, levels = thinking.level, thinking.budget_tokens, traits.levels
    if not thinking.enabled:
        if level is not None or budget is not None:
            raise ValueError("thinking is off: remove its level and budget_tokens")
        can_do_little = traits.can_rest or traits.has_other_levels or "minimal" in levels
        if traits.can_think and not can_do_little:
            raise ValueError(f"{model} always thinks: remove thinking.enabled")
        return
    if not traits.can_think:
        raise ValueError(f"{model} does not think: remove thinking")
    if level is not None and budget is not None:
        raise ValueError("thinking.level and thinking.budget_tokens say the same: give one of them")
    if level is not None and not levels:
        raise ValueError(f"{model} has no levels of thinking: give thinking.budget_tokens")
    if level is not None and level not in levels and not traits.has_other_levels:
        raise ValueError(f"thinking.level of {model} is one of {', '.join(levels)}")
    least, most = traits.least_budget, traits.most_budget
    if budget is not None and not levels and not least <= budget <= most:
        raise ValueError(f"thinking.budget_tokens of {model} must be {least} to {most}")


@attrs.frozen(kw_only=True)
class EmbedderSettings(ConnectionSettings, VectorSettings):
    """An embedding model."""

    model: Annotated[str, Doc("model name"), Length(minimum=1)] = "gemini-embedding-001"
    dimension: Annotated[
        int | None,
        Doc("vector length; default the model's own, found by a trial for unknown models"),
        Range(minimum=1),
    ] = None
    # 100 texts a request: what the API answers to more, as public code quotes it.
    batch_size: Annotated[int, Doc("most texts in one request"), Range(1, 100)] = 100
    query_prefix: Annotated[
        str | None, Doc("stands before a question; default what the model was trained with")
    ] = None
    document_prefix: Annotated[
        str | None, Doc("stands before a passage; default what the model was trained with")
    ] = None

    def __attrs_post_init__(self) -> None:
        """Refuse what no single key shows to be wrong."""
        super().__attrs_post_init__()
        native = self.traits.dimension
        if native is not None and self.dimension is not None and self.dimension > native:
            raise ValueError(f"dimension of {self.model} is at most {native}")

    @property
    def traits(self) -> EmbeddingTraits:
        """What is known of the model."""
        return embedding_traits(self.model)

    @property
    def is_shortened(self) -> bool:
        """Whether vectors are shorter than the model's own."""
        return self.dimension not in {None, self.traits.dimension}
