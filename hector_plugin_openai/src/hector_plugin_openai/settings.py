"""What users may write under `llms.<name>` and `embedders.<name>` with `provider: openai`."""

from __future__ import annotations

from collections.abc import Mapping
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
    VectorSettings,
)

__all__ = [
    "KNOWN_DIMENSIONS",
    "ConnectionSettings",
    "EmbedderSettings",
    "LLMSettings",
    "ReasoningEffort",
    "ThinkingSettings",
]

ReasoningEffort: TypeAlias = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]

KNOWN_DIMENSIONS: Mapping[str, int] = {
    "text-embedding-3-small": 1536,
    "text-embedding-3-large": 3072,
    "text-embedding-ada-002": 1536,
}
"""Full vector length of OpenAI's own models, from its page on embeddings, read on 1 December 2026."""


@attrs.frozen(kw_only=True)
class ConnectionSettings(ServerSettings):
    """The keys both kinds share: where the server is, and who we are to it."""

    api_key: Annotated[
        Secret | None, Doc("API key; required unless base_url is set"), Env("OPENAI_API_KEY")
    ] = None
    base_url: Annotated[
        str | None,
        Doc("address of another server that speaks OpenAI's API, up to and with `/v1`"),
        Env("OPENAI_BASE_URL"),
        Pattern(r"https?://\S+"),
    ] = None
    organization: Annotated[
        str | None, Doc("organization the calls are billed to"), Env("OPENAI_ORG_ID")
    ] = None
    project: Annotated[
        str | None, Doc("project the calls are billed to"), Env("OPENAI_PROJECT_ID")
    ] = None

    def __attrs_post_init__(self) -> None:
        """Refuse what no single key shows to be wrong."""
        self.check_server(key_variable="OPENAI_API_KEY", example="http://localhost:8000/v1")


@attrs.frozen(kw_only=True)
class ThinkingSettings:
    """Reasoning, in the words that all providers share."""

    enabled: Annotated[
        bool, Doc("false asks the model not to reason (effort `none`, which some refuse)")
    ] = True
    budget_tokens: Annotated[
        int,
        Doc("becomes an effort: up to 1024 low, up to 8192 medium, above high"),
        Range(minimum=1),
    ] = 1024

    @property
    def effort(self) -> ReasoningEffort:
        """The effort that stands for the budget."""
        if not self.enabled:
            return "none"
        if self.budget_tokens <= 1024:
            return "low"
        return "medium" if self.budget_tokens <= 8192 else "high"


@attrs.frozen(kw_only=True)
class LLMSettings(ConnectionSettings, CallSettings, LimitSettings):
    """A language model."""

    model: Annotated[str, Doc("model name"), Length(minimum=1)] = "gpt-5.5"
    api: Annotated[
        Literal["responses", "chat"] | None,
        Doc("Responses or Chat Completions; default responses, with base_url chat"),
    ] = None
    temperature: Annotated[
        float | None, Doc("randomness; reasoning models may refuse it"), Range(0, 2)
    ] = None
    max_tokens: Annotated[
        int | None, Doc("most tokens an answer may have, reasoning included"), Range(minimum=1)
    ] = None
    prompt_cache_ttl: Annotated[
        str | None,
        Doc("least time that OpenAI keeps a prompt it has read, such as `30m`; gpt-5.6 and later"),
        Pattern(r"[1-9][0-9]*[mhd]"),
    ] = None
    max_tool_output_length: Annotated[
        int, Doc("most characters of a tool result's text; 0 means all"), Range(minimum=0)
    ] = 0
    thinking: Annotated[
        ThinkingSettings | None, Doc("reasoning, with visible summaries where there are any")
    ] = None
    reasoning_effort: Annotated[
        ReasoningEffort | None, Doc("reasoning effort in OpenAI's words; not with thinking")
    ] = None

    def __attrs_post_init__(self) -> None:
        """Refuse what no single key shows to be wrong."""
        super().__attrs_post_init__()
        if self.thinking is not None and self.reasoning_effort is not None:
            raise ValueError("thinking and reasoning_effort say the same thing: give one of them")

    @property
    def wire(self) -> Literal["responses", "chat"]:
        """The API in force."""
        return self.api or ("responses" if self.base_url is None else "chat")

    @property
    def effort(self) -> ReasoningEffort | None:
        """The reasoning effort in force; None leaves it to the model."""
        return self.reasoning_effort if self.thinking is None else self.thinking.effort

    @property
    def wants_summaries(self) -> bool:
        """Whether to ask for visible reasoning. OpenAI gives it only to verified organizations."""
        return self.thinking is not None and self.thinking.enabled


@attrs.frozen(kw_only=True)
class EmbedderSettings(ConnectionSettings, VectorSettings):
    """An embedding model."""

    model: Annotated[str, Doc("model name"), Length(minimum=1)] = "text-embedding-3-small"
    dimension: Annotated[
        int | None,
        Doc("vector length; default the model's own, found by a trial for unknown models"),
        Range(minimum=1),
    ] = None
    # 2048 texts and 300,000 tokens a request: the API reference in the SDK, 3.57.
    batch_size: Annotated[int, Doc("most texts in one request"), Range(1, 2048)] = 100
    encoding_format: Annotated[
        Literal["float", "base64"] | None,
        Doc("how vectors travel; default base64, with base_url float"),
    ] = None
    user: Annotated[str | None, Doc("identifies the end user to OpenAI")] = None

    def __attrs_post_init__(self) -> None:
        """Refuse what no single key shows to be wrong."""
        super().__attrs_post_init__()
        native = KNOWN_DIMENSIONS.get(self.model)
        if native is None or self.dimension is None or self.dimension == native:
            return
        if not self.can_shorten:
            raise ValueError(f"dimension of {self.model} is always {native}")
        if self.dimension > native:
            raise ValueError(f"dimension of {self.model} is at most {native}")

    @property
    def can_shorten(self) -> bool:
        """Whether the model is known to give shorter vectors on request."""
        return self.model.startswith("text-embedding-3-")
