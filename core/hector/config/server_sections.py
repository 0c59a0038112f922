"""The sections of `server`: the HTTP face and the services behind it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import attrs

from hector.config.component import ComponentEntry
from hector.config.shape import Alias, Resolved
from hector.spi import Doc, Duration, Length, NotYet, Pattern, Range, Reference, Secret

__all__ = [
    "AdminConfig",
    "ApprovalConfig",
    "CheckpointConfig",
    "IndexConfig",
    "MetricsConfig",
    "ObservabilityConfig",
    "RecoveryConfig",
    "ReloadConfig",
    "ServerConfig",
    "SessionsConfig",
    "TracingConfig",
]

_LATER = NotYet("leave it out: this version does not read it")


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
class RecoveryConfig:
    """`server.checkpoint.recovery`: what becomes of tasks whose process has died."""

    auto_resume: Annotated[bool, Doc("go on with them, at start and whenever one turns up")] = True
    auto_resume_hitl: Annotated[
        bool,
        Doc("at start, drive those that wait for a person once more; it approves nothing"),
    ] = False
    timeout: Annotated[
        float,
        Doc("a task that nothing happened to for so long is closed as failed"),
        Duration(),
        _positive(),
    ] = 86_400.0
    when_changed: Annotated[
        Literal["upgrade", "pin", "fail"],
        Doc("if its agent was changed: the new one goes on, it waits for the old one, or it fails"),
    ] = "upgrade"
    heartbeat: Annotated[
        float,
        Doc("how often a process says that it lives; it is given up after three times as long"),
        Duration(),
        Range(0.1, 3600),
    ] = 5.0
    max_concurrent: Annotated[int, Doc("tasks that are resumed at once"), Range(1, 10_000)] = 64
    retention: Annotated[
        float, Doc("how long ended tasks are remembered"), Duration(), Range(0)
    ] = 86_400.0


@attrs.frozen(kw_only=True)
class CheckpointConfig:
    """`server.checkpoint`: work that a crash interrupts goes on afterwards; absent: it does not."""

    enabled: Annotated[bool, Doc("false leaves checkpoints out")] = True
    strategy: Annotated[
        Literal["event", "interval", "hybrid"],
        Doc("take them at `after_tools` and `before_llm`, every `interval`, or both"),
    ] = "hybrid"
    after_tools: Annotated[bool, Doc("one with every tool result")] = True
    before_llm: Annotated[bool, Doc("one before every model call")] = False
    interval: Annotated[
        float, Doc("one with the first event after so long"), Duration(), _positive()
    ] = 30.0
    recovery: Annotated[RecoveryConfig, Doc("what happens after a crash")] = attrs.field(
        factory=RecoveryConfig
    )


@attrs.frozen(kw_only=True)
class ApprovalConfig:
    """`server.approval`: how calls of tools with `require_approval` are decided."""

    timeout: Annotated[
        float,
        Doc("how long a call waits for a decision before it counts as denied"),
        Duration(),
        _positive(),
    ] = 86_400.0
    webhook_url: Annotated[
        str | None,
        Doc("an outside system that is asked first; it may leave the decision to a person"),
        Pattern(r"https?://\S+"),
    ] = None
    webhook_timeout: Annotated[
        float, Doc("how long the outside system may take to answer"), Duration(), _positive(300)
    ] = 10.0
    webhook_secret: Annotated[
        Secret | None, Doc("signs what is sent, so that the outside system knows who asks")
    ] = None


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
    approval: Annotated[ApprovalConfig, Doc("calls that a person has to approve")] = attrs.field(
        factory=ApprovalConfig
    )
    tasks: Annotated[Any, _LATER] = attrs.field(default=None, repr=False)
    memory: Annotated[IndexConfig | None, Alias("server.index")] = None
    checkpoint: Annotated[
        CheckpointConfig | None, Doc("work that a crash interrupts goes on afterwards")
    ] = None
    rate_limiting: Annotated[Any, _LATER] = attrs.field(default=None, repr=False)
