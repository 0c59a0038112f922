"""The sections of the config that the kernel and the server read themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final, Literal

import attrs

from hector.config.component import ComponentEntry
from hector.config.shape import Alias, Resolved
from hector.spi import Doc, Duration, Length, NotYet, Pattern, Range, Reference

__all__ = [
    "AdminConfig",
    "AgentCommon",
    "AgentSkill",
    "DefaultsConfig",
    "DocumentStoreKeys",
    "IndexConfig",
    "IndexingConfig",
    "LoggerConfig",
    "MetricsConfig",
    "ObservabilityConfig",
    "PluginsConfig",
    "ReloadConfig",
    "RootKeys",
    "SearchConfig",
    "ServerConfig",
    "SessionsConfig",
    "StorageKeys",
    "ToolsetCommon",
    "TracingConfig",
]

_LATER: Final = NotYet("leave it out: this version does not read it")


def _positive(maximum: float | None = None) -> Range:
    return Range(0, maximum, is_minimum_exclusive=True)


@attrs.frozen(kw_only=True)
class SessionsConfig:
    """`server.sessions`: where the events of every conversation are kept.

    Attributes:
        entry: the database, of kind `session_backend`, when `backend` is `sql`; no key of the
            config.
    """

    backend: Annotated[
        Literal["inmemory", "sql"],
        Doc("`inmemory` forgets at exit, `sql` keeps them in a database"),
    ] = "inmemory"
    database: Annotated[
        str | None,
        Doc("of `databases`; absent: `default`, the only one, or a SQLite file"),
        Reference("database"),
    ] = None
    entry: Annotated[ComponentEntry | None, Resolved()] = None


@attrs.frozen(kw_only=True)
class IndexConfig:
    """`server.index`: the search over what was said in sessions.

    Attributes:
        embedder_entry, vector_store_entry: what `embedder` and `vector_store` name, when `type` is
            `vector`; no keys of the config.
    """

    type: Annotated[
        Literal["keyword", "vector"],
        Doc("`keyword` finds words and ranks by BM25, `vector` finds what means alike"),
    ] = "keyword"
    embedder: Annotated[
        str | None,
        Doc("makes the vectors; absent: `default`, or the only one"),
        Reference("embedder"),
    ] = None
    vector_store: Annotated[
        str | None,
        Doc("where the vectors are kept; absent: `default`, or the only one"),
        Reference("vector_store"),
    ] = None
    batch_size: Annotated[int, Doc("texts embedded at once"), Range(1, 10_000)] = 64
    embedder_entry: Annotated[ComponentEntry | None, Resolved()] = None
    vector_store_entry: Annotated[ComponentEntry | None, Resolved()] = None


@attrs.frozen(kw_only=True)
class TracingConfig:
    """`server.observability.tracing`: OpenTelemetry spans."""

    enabled: Annotated[bool, Doc("record and export spans")] = False
    exporter: Annotated[Literal["otlp", "stdout"], Doc("where spans go")] = "otlp"
    endpoint: Annotated[
        str | None, Doc("address of the collector; absent: the exporter's own default")
    ] = None
    sampling_rate: Annotated[float, Doc("share of invocations that are traced"), Range(0, 1)] = 1.0
    service_name: Annotated[str, Doc("`service.name` of every span"), Length(1)] = "hector"
    service_version: Annotated[Any, _LATER] = attrs.field(default=None, repr=False)
    insecure: Annotated[Any, _LATER] = attrs.field(default=None, repr=False)
    headers: Annotated[Any, _LATER] = attrs.field(default=None, repr=False)
    capture_payloads: Annotated[Any, _LATER] = attrs.field(default=None, repr=False)
    debug_exporter: Annotated[Any, _LATER] = attrs.field(default=None, repr=False)
    timeout: Annotated[Any, _LATER] = attrs.field(default=None, repr=False)


@attrs.frozen(kw_only=True)
class MetricsConfig:
    """`server.observability.metrics`: counters and histograms for Prometheus."""

    enabled: Annotated[bool, Doc("measure, and serve what was measured")] = False
    endpoint: Annotated[str, Doc("path on the server"), Pattern(r"/[^\s?#]*")] = "/metrics"
    namespace: Annotated[Any, _LATER] = attrs.field(default=None, repr=False)
    subsystem: Annotated[Any, _LATER] = attrs.field(default=None, repr=False)
    const_labels: Annotated[Any, _LATER] = attrs.field(default=None, repr=False)


@attrs.frozen(kw_only=True)
class ObservabilityConfig:
    """`server.observability`."""

    tracing: Annotated[TracingConfig, Doc("spans")] = attrs.field(factory=TracingConfig)
    metrics: Annotated[MetricsConfig, Doc("metrics")] = attrs.field(factory=MetricsConfig)


@attrs.frozen(kw_only=True)
class ReloadConfig:
    """`server.reload`."""

    drain_timeout: Annotated[
        float,
        Doc("how long invocations may go on that began before a reload"),
        Duration(),
        Range(0),
    ] = 300.0
    timeout: Annotated[
        float, Doc("how long a reload may take as a whole"), Duration(), _positive()
    ] = 300.0
    max_draining: Annotated[
        int,
        Doc("earlier generations that may still drain; a further reload waits for the oldest"),
        Range(1, 100),
    ] = 4
    history: Annotated[int, Doc("earlier configs kept in memory, to return to"), Range(0, 1000)] = (
        10
    )
    debounce: Annotated[
        float,
        Doc("how long watched files must be quiet before they are read"),
        Duration(),
        Range(0, 60),
    ] = 0.2


@attrs.frozen(kw_only=True)
class AdminConfig:
    """`server.admin`: the admin API, off unless there is a token."""

    token_hash: Annotated[
        str | None,
        Doc("hash of the admin token, as `hector token` prints it; absent: HECTOR_ADMIN_TOKEN"),
        Pattern(r"sha256:[0-9a-f]{64}"),
    ] = None


@attrs.frozen(kw_only=True)
class ServerConfig:
    """`server`: the HTTP face and the services behind it."""

    host: Annotated[str, Doc("address to listen on"), Length(1)] = "127.0.0.1"
    port: Annotated[int, Doc("port to listen on; 0 takes a free one"), Range(0, 65535)] = 8080
    public_url: Annotated[
        str | None,
        Doc("the address that clients reach the server by, for the agent cards"),
        Pattern(r"https?://\S+"),
    ] = None
    build_timeout: Annotated[
        float, Doc("how long one component may take to come up"), Duration(), _positive()
    ] = 60.0
    shutdown_timeout: Annotated[
        float,
        Doc("how long invocations may go on when the server stops, or what they use must stop"),
        Duration(),
        Range(0),
    ] = 30.0
    sessions: Annotated[SessionsConfig, Doc("where conversations are kept")] = attrs.field(
        factory=SessionsConfig
    )
    index: Annotated[
        IndexConfig | None, Doc("search over what was said; absent: agents cannot search it")
    ] = None
    observability: Annotated[ObservabilityConfig, Doc("spans and metrics")] = attrs.field(
        factory=ObservabilityConfig
    )
    reload: Annotated[ReloadConfig, Doc("how a changed config takes over")] = attrs.field(
        factory=ReloadConfig
    )
    admin: Annotated[AdminConfig, Doc("changing the config over HTTP")] = attrs.field(
        factory=AdminConfig
    )
    grpc_port: Annotated[Any, _LATER] = attrs.field(default=None, repr=False)
    transport: Annotated[Any, _LATER] = attrs.field(default=None, repr=False)
    tls: Annotated[Any, _LATER] = attrs.field(default=None, repr=False)
    cors: Annotated[Any, _LATER] = attrs.field(default=None, repr=False)
    auth: Annotated[Any, _LATER] = attrs.field(default=None, repr=False)
    studio: Annotated[Any, _LATER] = attrs.field(default=None, repr=False)
    approval: Annotated[Any, _LATER] = attrs.field(default=None, repr=False)
    tasks: Annotated[Any, _LATER] = attrs.field(default=None, repr=False)
    memory: Annotated[IndexConfig | None, Alias("server.index")] = None
    checkpoint: Annotated[Any, _LATER] = attrs.field(default=None, repr=False)
    rate_limiting: Annotated[Any, _LATER] = attrs.field(default=None, repr=False)


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
    require_approval: Annotated[Any, _LATER] = attrs.field(default=None, repr=False)
    approval_prompt: Annotated[Any, _LATER] = attrs.field(default=None, repr=False)


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
    checkpoint: Annotated[Any, _LATER] = attrs.field(default=None, repr=False)


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
