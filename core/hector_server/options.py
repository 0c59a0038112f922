"""How the server listens and what it allows."""

from __future__ import annotations

import attrs

__all__ = ["ServerOptions"]


@attrs.frozen(kw_only=True)
class ServerOptions:
    """Limits and addresses; the defaults suit one machine.

    Attributes:
        public_url: where clients reach the server, such as `https://agents.example.com/hector`;
            empty takes scheme and host of each request.
        allowed_hosts: values of the `Host` header that are served, without port; `*` allows all.
            Empty means: on a loopback address only loopback names (and `public_url`'s), else all.
        default_agent: whose card stands at the root; empty means the first public one.
        metrics_path: where the metrics are.
        max_body_bytes: of a request; more is answered with 413.
        body_timeout_s: how long a request may take to arrive.
        max_connections: open at a time; more are answered with 503.
        max_running_tasks: at a time; more are answered with 503.
        max_kept_tasks: that ended or wait for input; the oldest are forgotten first.
        max_kept_bytes: what those may weigh together, roughly.
        max_task_bytes: what one task may weigh, roughly; a task that grows beyond fails.
        max_subscribers: of one task at a time.
        max_queued_updates: that a subscriber may lag behind before it is dropped.
        task_timeout_s: how long one run of a task may take; it fails then.
        follow_interval_s: how often the log is read of a task that has readers here and runs elsewhere.
        cancel_timeout_s: how long `CancelTask` waits for the work to stop.
        keep_alive_s: between comments on a silent stream.
        idle_timeout_s: how long a connection is kept open for a next request, > 0. Longer than clients keep theirs
            (5 s for httpx, 60 s for usual proxies): who closes first must be the client, or its request is lost.
        card_max_age_s: how long a card may be cached without asking again.
        admin_token_hash: of the admin token, as `hector token` prints it; empty: no admin API.
        max_config_bytes: of a config that is sent to the admin API; more is answered with 413.
    """

    public_url: str = ""
    allowed_hosts: tuple[str, ...] = ()
    default_agent: str = ""
    metrics_path: str = "/metrics"
    max_body_bytes: int = 10 * 1024 * 1024
    body_timeout_s: float = 30.0
    max_connections: int = 2_000
    max_running_tasks: int = 1_000
    max_kept_tasks: int = 1_000
    max_kept_bytes: int = 64 * 1024 * 1024
    max_task_bytes: int = 32 * 1024 * 1024
    max_subscribers: int = 64
    max_queued_updates: int = 1_024
    task_timeout_s: float = 3_600.0
    follow_interval_s: float = 1.0
    cancel_timeout_s: float = 10.0
    keep_alive_s: float = 15.0
    idle_timeout_s: int = 75
    card_max_age_s: int = 60
    admin_token_hash: str = attrs.field(default="", repr=False)
    max_config_bytes: int = 4 * 1024 * 1024
