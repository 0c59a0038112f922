"""What users may write under `llms.<name>` and `embedders.<name>` with `provider: cohere`."""

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
from hector_plugin_cohere.models import (
    EmbeddingTraits,
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
        Env("CO_API_KEY", "COHERE_API_KEY"),
    ] = None
    base_url: Annotated[
        str | None,
        Doc("address of another server that speaks Cohere's API, without `/v2`"),
        Env("CO_API_URL"),
        Pattern(r"https?://\S+"),
    ] = None

    def __attrs_post_init__(self) -> None:
        """Refuse what no single key shows to be wrong."""
        self.check_server(key_variable="CO_API_KEY")


@attrs.frozen(kw_only=True)
class ThinkingSettings:
    """Reasoning, in the words that all providers share."""

    enabled: Annotated[bool, Doc("false asks the model not to reason")] = True
    budget_tokens: Annotated[
        int | None, Doc("most tokens of reasoning; default no limit"), Range(minimum=1)
    ] = None


@attrs.frozen(kw_only=True)
class LLMSettings(ConnectionSettings, CallSettings, LimitSettings):
    """A language model."""

    model: Annotated[str, Doc("model name"), Length(minimum=1)] = "command-a-plus-05-2026"
    temperature: Annotated[float | None, Doc("randomness"), Range(minimum=0)] = None
    max_tokens: Annotated[
        int | None, Doc("most tokens an answer may have, reasoning included"), Range(minimum=1)
    ] = None
    max_tool_output_length: Annotated[
        int, Doc("most characters of a tool result's text; 0 means all"), Range(minimum=0)
    ] = 0
    thinking: Annotated[
        ThinkingSettings | None, Doc("reasoning; default what the model does by itself")
    ] = None

    def __attrs_post_init__(self) -> None:
        """Refuse what no single key shows to be wrong."""
        super().__attrs_post_init__()
        thinking = self.thinking
        if thinking is None:
            return
        if thinking.enabled and not self.traits.can_think:
            raise ValueError(f"{self.model} does not think: remove thinking")
        if not thinking.enabled and thinking.budget_tokens is not None:
            raise ValueError("thinking is off: remove its budget_tokens")

    @property
    def traits(self) -> ModelTraits:
        """What is known of the model."""
        return traits_of(self.model)


@attrs.frozen(kw_only=True)
class EmbedderSettings(ConnectionSettings, VectorSettings):
    """An embedding model."""

    model: Annotated[str, Doc("model name"), Length(minimum=1)] = "embed-v4.0"
    dimension: Annotated[
        int | None,
        Doc("vector length; default the model's own, found by a trial for unknown models"),
        Range(minimum=1),
    ] = None
    # 96 texts a request: the API reference in the SDK, 7.3.
    batch_size: Annotated[int, Doc("most texts in one request"), Range(1, 96)] = 96
    truncate: Annotated[
        Literal["start", "end", "none"],
        Doc("where a text that is too long is cut; none makes it an error"),
    ] = "end"

    def __attrs_post_init__(self) -> None:
        """Refuse what no single key shows to be wrong."""
        super().__attrs_post_init__()
        native, shorter = self.traits.dimension, self.traits.shorter
        if native is None or shorter is None or self.dimension in {None, native, *shorter}:
            return
        if not shorter:
            raise ValueError(f"dimension of {self.model} is always {native}")
        known = ", ".join(str(length) for length in sorted(shorter))
        raise ValueError(f"dimension of {self.model} is {native}, or one of {known}")

    @property
    def traits(self) -> EmbeddingTraits:
        """What is known of the model."""
        return embedding_traits(self.model)

    @property
    def is_shortened(self) -> bool:
        """Whether vectors of another length than the model's own are asked for."""
        return self.dimension not in {None, self.traits.dimension}
