"""A generation: an immutable set of open components built from one plan."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from hector.runtime.cell import Cell
from hector.runtime.plan import Plan
from hector.runtime.report import AgentInfo, agent_info
from hector.spi import Agent

__all__ = ["Generation"]


class Generation:
    """Holds its cells until it is retired and its last lease is given back.

    Attributes:
        number: 1, 2, 3, … within a runtime.
        plan: what it was built from.
        cells: by path, in build order.
        agents: every agent by name.
        infos: what is known about each agent without running it.
        leases: how many invocations run on it.
    """

    __slots__ = ("_by_kind", "_idle", "agents", "cells", "infos", "leases", "number", "plan")

    def __init__(self, number: int, plan: Plan, cells: Mapping[str, Cell]) -> None:
        self.number = number
        self.plan = plan
        self.cells = cells
        self.leases = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._by_kind: dict[str, dict[str, Any]] = {}
        for cell in cells.values():
            cell.holders += 1
            entry = cell.spec.entry
            self._by_kind.setdefault(entry.kind, {})[entry.name] = cell.component
        config_order = plan.config.components.get("agent", {})
        built = self._by_kind.get("agent", {})
        self.agents: Mapping[str, Agent] = {name: built[name] for name in config_order}
        self.infos: Mapping[str, AgentInfo] = {
            name: agent_info(config_order[name]) for name in config_order
        }

    def components(self, kind: str) -> Mapping[str, Any]:
        """The open components of a kind, by name."""
        return self._by_kind.get(kind, {})

    def lease(self) -> None:
        """Keep the components open; every lease is given back exactly once."""
        self.leases += 1
        self._idle.clear()

    def give_back(self) -> None:
        """End a lease."""
        self.leases -= 1
        if not self.leases:
            self._idle.set()

    def abandon_leases(self) -> None:
        """Count the leases as given back, whoever still has one: the runtime must close."""
        self._idle.set()

    async def wait_until_idle(self, timeout_s: float | None) -> bool:
        """Wait for the last lease; whether it came back before `timeout_s` seconds were over."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._idle.wait()
        except TimeoutError:
            return False
        return True

    async def release(self, *, timeout_s: float) -> None:
        """Let go of the cells and close those that no other generation holds, dependants first.

        A cell is held until its dependants here have closed: another generation may be released at the same time.
        """
        for cell in reversed(tuple(self.cells.values())):
            cell.holders -= 1
            if not cell.holders:
                await cell.close(timeout_s=timeout_s)
