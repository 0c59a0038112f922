"""The sections of the config that the kernel and the server read themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final, Literal

import attrs

from hector.config.server_sections import (
    CheckpointConfig,
    IndexConfig,
    ObservabilityConfig,
    ServerConfig,
    SessionsConfig,
)
from hector.config.shape import Alias
from hector.spi import Doc, Duration, Length, NotYet, Pattern, Range, Reference

__all__ = [
    "AgentCommon",
    "AgentSkill",
    "DefaultsConfig",
    "DocumentStoreKeys",
    "IndexingConfig",
    "LoggerConfig",
    "PluginsConfig",
    "RootKeys",
    "SearchConfig",
    "StorageKeys",
    "ToolsetCommon",
]

_LATER: Final = NotYet("leave it out: this version does not read it")


def _positive(maximum: float | None = None) -> Range:
    return Range(0, maximum, is_minimum_exclusive=True)


@attrs.frozen(kw_only=True)
class PluginsConfig:
    """`plugins`: which plugins the config needs, refuses and prefers."""

    require: Annotated[
        tuple[Annotated[str, Length(1)], ...],
        Doc("distributions that must be installed, as PEP 508 requirements"),
    ] = ()
    disable: Annotated[
        tuple[Annotated[str, Length(1)], ...],
        Doc("plugins that are not even imported, by entry point or distribution"),
    ] = ()
    prefer: Annotated[
        dict[Annotated[str, Pattern(r"[a-z_]+\.[a-z][a-z0-9_]*")], Annotated[str, Length(1)]],
        Doc("`kind.type` to the distribution that wins when several offer it"),
    ] = attrs.field(factory=dict[str, str])


@attrs.frozen(kw_only=True)
class LoggerConfig:
    """`logger`."""

    level: Annotated[
        Literal["debug", "info", "warn", "warning", "error"], Doc("least level that is logged")
    ] = "info"
    format: Annotated[
        Literal["text", "json"], Doc("for people, or one JSON object for each line")
    ] = "text"
    file: Annotated[Path | None, Doc("a file instead of the standard error stream")] = None


@attrs.frozen(kw_only=True)
class DefaultsConfig:
    """`defaults`: what entries take when they name nothing."""

    llm: Annotated[str | None, Doc("the LLM of agents that name none"), Reference("llm")] = None


@attrs.frozen(kw_only=True)
class AgentSkill:
    """One skill on an agent's card."""

    id: Annotated[str, Doc("unique within the agent"), Length(1)]
    name: Annotated[str, Doc("title for people")] = ""
    description: Annotated[str, Doc("what it does")] = ""
    tags: Annotated[tuple[str, ...], Doc("words to find it by")] = ()
    examples: Annotated[tuple[str, ...], Doc("messages that make use of it")] = ()


@attrs.frozen(kw_only=True)
class AgentCommon:
    """The keys of `agents.<name>` that the kernel reads, whatever the type."""

    name: Annotated[str, Doc("title for people; absent: the entry's name")] = ""
    description: Annotated[str, Doc("what it is for, to people and to other agents")] = ""
    visibility: Annotated[
        Literal["public", "internal", "private"],
        Doc("`public`: listed and served; `internal` and `private`: for other agents only"),
    ] = "public"
    skills: Annotated[tuple[AgentSkill, ...], Doc("skills on the agent's card")] = ()
    input_modes: Annotated[
        tuple[Annotated[str, Length(1)], ...], Doc("media types it takes"), Length(1)
    ] = ("text/plain",)
    output_modes: Annotated[
        tuple[Annotated[str, Length(1)], ...], Doc("media types it gives"), Length(1)
    ] = ("text/plain",)
    context: Annotated[Any, _LATER] = attrs.field(default=None, repr=False)
    global_instruction: Annotated[Any, _LATER] = attrs.field(default=None, repr=False)
    guardrails: Annotated[Any, _LATER] = attrs.field(default=None, repr=False)
    include_context: Annotated[Any, _LATER] = attrs.field(default=None, repr=False)
    include_context_limit: Annotated[Any, _LATER] = attrs.field(default=None, repr=False)
    include_context_max_length: Annotated[Any, _LATER] = attrs.field(default=None, repr=False)
    notifications: Annotated[Any, _LATER] = attrs.field(default=None, repr=False)
    prompt: Annotated[Any, _LATER] = attrs.field(default=None, repr=False)
    search: Annotated[Any, _LATER] = attrs.field(default=None, repr=False)
    structured_output: Annotated[Any, _LATER] = attrs.field(default=None, repr=False)
    trigger: Annotated[Any, _LATER] = attrs.field(default=None, repr=False)


@attrs.frozen(kw_only=True)
class ToolsetCommon:
    """The keys of `tools.<name>` that the kernel reads, whatever the type."""

    enabled: Annotated[bool, Doc("false leaves the toolset out")] = True
    description: Annotated[str, Doc("what it is for")] = ""
    require_approval: Annotated[
        bool | None,
        Doc("a person approves every call of its tools; absent: each tool says so itself"),
    ] = None
    approval_prompt: Annotated[
        str, Doc("what the person is asked; `{argument}` stands for an argument of that name")
    ] = ""


@attrs.frozen(kw_only=True)
class SearchConfig:
    """`document_stores.<name>.search`."""

    top_k: Annotated[int, Doc("passages found at most"), Range(1, 1000)] = 10
    threshold: Annotated[float, Doc("least similarity of a passage"), Range(0, 1)] = 0.0
    enable_hyde: Annotated[Any, _LATER] = attrs.field(default=None, repr=False)
    hyde_llm: Annotated[Any, _LATER] = attrs.field(default=None, repr=False)
    enable_rerank: Annotated[Any, _LATER] = attrs.field(default=None, repr=False)
    rerank_llm: Annotated[Any, _LATER] = attrs.field(default=None, repr=False)
    rerank_max_results: Annotated[Any, _LATER] = attrs.field(default=None, repr=False)
    enable_multi_query: Annotated[Any, _LATER] = attrs.field(default=None, repr=False)
    multi_query_llm: Annotated[Any, _LATER] = attrs.field(default=None, repr=False)
    multi_query_count: Annotated[Any, _LATER] = attrs.field(default=None, repr=False)


@attrs.frozen(kw_only=True)
class IndexingConfig:
    """`document_stores.<name>.indexing`."""

    max_concurrent: Annotated[int, Doc("documents worked on at once"), Range(1, 256)] = 4
    batch_size: Annotated[int, Doc("chunks embedded and stored at once"), Range(1, 10_000)] = 64
    timeout: Annotated[
        float, Doc("how long one pass over the source may take"), Duration(), _positive()
    ] = 600.0
    retry: Annotated[Any, _LATER] = attrs.field(default=None, repr=False)


@attrs.frozen(kw_only=True)
class DocumentStoreKeys:
    """The keys of `document_stores.<name>` beside `source` and `chunking`, which providers read."""

    vector_store: Annotated[
        str,
        Doc("where the chunks are kept; absent: `default`, or the only one"),
        Reference("vector_store"),
    ] = "default"
    embedder: Annotated[
        str, Doc("makes the vectors; absent: `default`, or the only one"), Reference("embedder")
    ] = "default"
    collection: Annotated[str, Doc("collection in the vector store; absent: the entry's name")] = ""
    description: Annotated[str, Doc("what the documents are about, told to the model")] = ""
    search: Annotated[SearchConfig, Doc("how passages are found")] = attrs.field(
        factory=SearchConfig
    )
    indexing: Annotated[IndexingConfig, Doc("how documents come in")] = attrs.field(
        factory=IndexingConfig
    )
    watch: Annotated[Any, _LATER] = attrs.field(default=None, repr=False)
    incremental_indexing: Annotated[Any, _LATER] = attrs.field(default=None, repr=False)
    mcp_parsers: Annotated[Any, _LATER] = attrs.field(default=None, repr=False)


@attrs.frozen(kw_only=True)
class StorageKeys:
    """`storage`: another spelling of what stands under `server`."""

    sessions: Annotated[SessionsConfig | None, Alias("server.sessions")] = None
    tasks: Annotated[Any, _LATER] = attrs.field(default=None, repr=False)
    memory: Annotated[IndexConfig | None, Alias("server.index")] = None
    index: Annotated[IndexConfig | None, Alias("server.index")] = None
    checkpoint: Annotated[CheckpointConfig | None, Alias("server.checkpoint")] = None


@attrs.frozen(kw_only=True)
class RootKeys:
    """The keys at the root, but for the sections of components."""

    version: Annotated[str, Doc("version of this config, shown on the agents' cards")] = ""
    name: Annotated[str, Doc("name of the app, under which sessions are kept"), Length(1)] = (
        "hector"
    )
    description: Annotated[str, Doc("what the app is for")] = ""
    server: Annotated[ServerConfig, Doc("the HTTP face and the services behind it")] = attrs.field(
        factory=ServerConfig
    )
    plugins: Annotated[PluginsConfig, Doc("which plugins are needed, refused and preferred")] = (
        attrs.field(factory=PluginsConfig)
    )
    logger: Annotated[LoggerConfig, Doc("what is logged, and how")] = attrs.field(
        factory=LoggerConfig
    )
    defaults: Annotated[DefaultsConfig, Doc("what entries take when they name nothing")] = (
        attrs.field(factory=DefaultsConfig)
    )
    observability: Annotated[ObservabilityConfig | None, Alias("server.observability")] = None
    storage: Annotated[StorageKeys | None, Doc("another spelling of keys under `server`")] = None
    guardrails: Annotated[Any, _LATER] = attrs.field(default=None, repr=False)
    rate_limiting: Annotated[Any, _LATER] = attrs.field(default=None, repr=False)
