"""What lives across generations and invocations use: sessions, tasks, the memory index."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from hector.checkpoint import Checkpointing, CheckpointPolicy, RecoveryPolicy
from hector.config import CheckpointConfig, Config
from hector.errors import ComponentOpenError
from hector.runtime.approver import ConfiguredApprover
from hector.runtime.borrowed import Lender
from hector.runtime.build import Builder
from hector.runtime.memory import open_store_and_memory
from hector.runtime.plan import Plan
from hector.runtime.start import Services, new_id
from hector.spi import MemoryIndex, Observer, Sessions, TaskSource

__all__ = ["checkpointing_of", "open_services"]


@asynccontextmanager
async def open_services(
    plan: Plan,
    builder: Builder,
    *,
    sessions: Sessions | None,
    index: MemoryIndex | None,
    observer: Observer | None,
    checkpoints: Checkpointing | None,
) -> AsyncGenerator[tuple[Services, Lender]]:
    """What was handed over, or else what the config says; see `open_memory`.

    Raises:
        ComponentError: the database did not come up, or keeps no tasks although checkpoints are configured.
    """
    config = plan.config
    async with open_store_and_memory(plan, builder, sessions, index) as (store, memory, lender):
        tasks = store.tasks if isinstance(store, TaskSource) else None
        manager = checkpoints or checkpointing_of(config)
        if tasks is None and manager.recovery is not None:
            raise ComponentOpenError(
                "server.checkpoint",
                "needs a session store that keeps tasks, and this one does not",
                hint="use one that does, such as SQLite, or leave `server.checkpoint` out",
            )
        yield (
            Services(
                sessions=store,
                tasks=tasks,
                checkpoints=manager,
                memory=memory,
                observer=observer,
                approver=ConfiguredApprover(config.server.approval),
                executor=new_id(),
            ),
            lender,
        )


def checkpointing_of(config: Config) -> Checkpointing:
    """What `server.checkpoint` says; without it rows are made only for tasks that wait for a decision."""
    chosen = config.server.checkpoint
    if chosen is None or not chosen.enabled:
        return Checkpointing()
    return Checkpointing(_checkpoints(chosen), _recovery(chosen))


def _checkpoints(chosen: CheckpointConfig) -> CheckpointPolicy:
    return CheckpointPolicy(
        strategy=chosen.strategy,
        after_tools=chosen.after_tools,
        before_llm=chosen.before_llm,
        interval_s=chosen.interval,
    )


def _recovery(chosen: CheckpointConfig) -> RecoveryPolicy:
    recovery = chosen.recovery
    return RecoveryPolicy(
        auto_resume=recovery.auto_resume,
        auto_resume_hitl=recovery.auto_resume_hitl,
        timeout_s=recovery.timeout,
        when_changed=recovery.when_changed,
        heartbeat_s=recovery.heartbeat,
        max_concurrent=recovery.max_concurrent,
        retention_s=recovery.retention,
    )
