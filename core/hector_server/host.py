"""What the server needs of whatever it serves; `hector.Runtime` is one."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from hector.message import Decision, Event, Message

if TYPE_CHECKING:
    from hector import ConfigText, ReloadPlan, ReloadRecord, ReloadReport
    from hector.errors import Diagnostic
    from hector.spi import TaskPage, TaskRecord, TaskState

__all__ = [
    "AgentInfo",
    "ConfigOrigin",
    "Durable",
    "Health",
    "Host",
    "HostConfig",
    "KeptTasks",
    "PendingApproval",
    "Reloadable",
    "ReloadableConfig",
    "Skill",
]


class Skill(Protocol):
    """Something an agent says it can do, for its card."""

    @property
    def id(self) -> str:
        """Unique within the agent."""
        ...

    @property
    def name(self) -> str:
        """For people."""
        ...

    @property
    def description(self) -> str:
        """What it does, for people and for models that choose an agent."""
        ...

    @property
    def tags(self) -> Sequence[str]:
        """Keywords, possibly none."""
        ...

    @property
    def examples(self) -> Sequence[str]:
        """Requests it is good for, possibly none."""
        ...


class AgentInfo(Protocol):
    """What is known of an agent without building it."""

    @property
    def name(self) -> str:
        """The key in the config; unique."""
        ...

    @property
    def title(self) -> str:
        """The name for people; empty means `name`."""
        ...

    @property
    def description(self) -> str:
        """What it is good for; possibly empty."""
        ...

    @property
    def visibility(self) -> str:
        """`public`, `internal` or `private`; only `public` is for everybody."""
        ...

    @property
    def skills(self) -> Sequence[Skill]:
        """Possibly none."""
        ...

    @property
    def input_modes(self) -> Sequence[str]:
        """Media types it reads; `*` stands for any subtype; empty means text only."""
        ...

    @property
    def output_modes(self) -> Sequence[str]:
        """Media types it writes; empty means text only."""
        ...


class Health(Protocol):
    """How the host is."""

    @property
    def status(self) -> str:
        """`ok`, `degraded` or `closing`."""
        ...


class HostConfig(Protocol):
    """What the server wants to know of the config."""

    @property
    def version(self) -> str:
        """Of the application; empty when the config does not say."""
        ...


class Host(Protocol):
    """A running set of agents."""

    @property
    def name(self) -> str:
        """Of the application, for people."""
        ...

    @property
    def config(self) -> HostConfig:
        """What it runs on at the moment."""
        ...

    @property
    def generation(self) -> int:
        """Number of the live generation."""
        ...

    @property
    def agents(self) -> Mapping[str, AgentInfo]:
        """The live agents by name, in config order; asked for each time, as a reload swaps them."""
        ...

    def run(
        self,
        agent: str,
        message: str | Message,
        *,
        user: str = ...,
        session: str | None = ...,
        task: str | None = ...,
    ) -> AsyncIterator[Event]:
        """Run an agent: yields `started`, what happens, and last exactly one `finished`.

        Closing the iterator, or cancelling who consumes it, cancels the work. A session that does
        not exist is made. `task` is the id of the task that the run is.
        """
        ...

    def health(self) -> Health:
        """Without I/O and without waiting."""
        ...

    def metrics(self) -> tuple[bytes, str] | None:
        """What was measured and its content type, or None when metrics are off."""
        ...


class PendingApproval(Protocol):
    """A call that waits for somebody's decision."""

    @property
    def task(self) -> TaskRecord:
        """The task that it holds up."""
        ...

    @property
    def event(self) -> Event:
        """The recorded question."""
        ...


class KeptTasks(Protocol):
    """Tasks that outlive the process, and what waits in them for a person.

    `user` is whose tasks may be seen and touched. What names a task raises `TaskNotFoundError` when this user has
    none of that id, and `TaskError` when tasks are not kept or the task's state does not allow it.
    """

    @property
    def is_kept(self) -> bool:
        """Whether tasks are kept at all."""
        ...

    async def get(self, id: str, *, user: str | None = ...) -> TaskRecord:
        """The row of a task."""
        ...

    async def list(
        self,
        *,
        states: Sequence[TaskState] = ...,
        user: str | None = ...,
        session: str | None = ...,
        limit: int = ...,
        cursor: str | None = ...,
    ) -> TaskPage:
        """Tasks in the order of their ids; `limit` in 1…1000."""
        ...

    async def events(self, id: str, *, user: str | None = ..., after: int = ...) -> Sequence[Event]:
        """What a task has recorded after a place of the log, oldest first."""
        ...

    async def approvals(
        self, *, user: str | None = ..., session: str | None = ..., task: str | None = ...
    ) -> Sequence[PendingApproval]:
        """The calls that wait for a decision."""
        ...

    async def decide(self, id: str, *decisions: Decision, user: str | None = ...) -> TaskRecord:
        """Decide about calls that wait; all count, or none (`DecisionRefusedError`)."""
        ...

    async def cancel(self, id: str, *, user: str | None = ..., reason: str = ...) -> None:
        """End a task as canceled, whether it runs or waits."""
        ...

    async def cancel_call(self, id: str, call_id: str, *, user: str | None = ...) -> None:
        """End one tool call of a task that runs in this process."""
        ...

    async def let_go(self, id: str, *, reason: str = ...) -> bool:
        """Stop the work on a task in this process and leave it to whoever goes on; whether there was any."""
        ...


@runtime_checkable
class Durable(Protocol):
    """A host whose tasks can outlive the process: what the server uses beside `Host`."""

    @property
    def tasks(self) -> KeptTasks:
        """The same for the life of the host."""
        ...

    def drive_resumed(
        self, drive: Callable[[TaskRecord, AsyncGenerator[Event]], Awaitable[None]]
    ) -> None:
        """Have the events of tasks that the host takes up again read by `drive`, to the end."""
        ...


class ConfigOrigin(Protocol):
    """Where a config came from."""

    @property
    def file(self) -> Path | None:
        """The config file; None when it is no file."""
        ...

    @property
    def files(self) -> Sequence[Path]:
        """All that was read: the config file, what it extends, `.env` files."""
        ...

    @property
    def folder(self) -> Path:
        """Where its relative paths start."""
        ...


class ReloadableConfig(Protocol):
    """What the admin API wants to know of the config."""

    @property
    def source(self) -> ConfigOrigin:
        """Where it came from."""
        ...


@runtime_checkable
class Reloadable(Protocol):
    """A host whose config can be changed while it runs: what the admin API needs beside `Host`.

    Every method raises `ConfigError` for a config that cannot be used and `RuntimeClosedError` for a
    host that closes. A config that is None means: read again what the host was opened with.
    """

    @property
    def config(self) -> ReloadableConfig:
        """What it runs on at the moment."""
        ...

    @property
    def generation(self) -> int:
        """Number of the live generation."""
        ...

    @property
    def etag(self) -> str:
        """Of the running config; another one for any other bytes."""
        ...

    @property
    def history(self) -> Sequence[ReloadRecord]:
        """What was reloaded, oldest first."""
        ...

    async def check(self, config: Path | ConfigText) -> Sequence[Diagnostic]:
        """Everything that is wrong or doubtful about a config, in file order; nothing is built.

        A config that cannot be used is no error here but the answer.
        """
        ...

    async def plan(self, config: ConfigText | None = ...) -> ReloadPlan:
        """Say what a reload would do."""
        ...

    async def reload(
        self, config: ConfigText | None = ..., *, if_match: str | None = ..., reason: str = ...
    ) -> ReloadReport:
        """Let a config take over, or leave everything as it was.

        Raises:
            ReloadError: it did not happen; see its subclasses.
            ComponentError: a component did not come up.
        """
        ...

    async def rollback(
        self, generation: int | None = ..., *, if_match: str | None = ...
    ) -> ReloadReport:
        """Let the config of an earlier generation take over, None the one before; as `reload`."""
        ...
