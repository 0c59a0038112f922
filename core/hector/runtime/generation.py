"""A generation: an immutable set of open components built from one plan."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from hector.config import ComponentEntry
from hector.runtime.cell import Cell
from hector.runtime.lease import Lease
from hector.runtime.plan import Plan
from hector.runtime.report import AgentInfo, agent_info
from hector.spi import Agent

__all__ = ["Generation"]


class Generation:
    """Keeps its cells open until it is retired and its last lease is given back.

    Attributes:
        number: 1, 2, 3, … within a runtime.
        plan: what it was built from; replaced by an equal one when bytes of the config changed that mean nothing.
        cells: by path.
        infos: what is known about each agent without running it, in config order.
    """

    __slots__ = ("_by_kind", "_leases", "_waiting", "cells", "infos", "number", "plan")

    def __init__(self, number: int, plan: Plan, cells: Mapping[str, Cell]) -> None:
        self.number = number
        self.plan = plan
        self.cells = cells
        self.infos: Mapping[str, AgentInfo] = _AgentInfos(plan.config.of_kind("agent"))
        self._leases: set[Lease] = set()
        self._waiting: list[asyncio.Event] = []
        self._by_kind: dict[str, Mapping[str, Any]] = {}

    def components(self, kind: str) -> Mapping[str, Any]:
        """The open components of a kind, by name."""
        found = self._by_kind.get(kind)
        if found is None:
            entries = self.plan.config.of_kind(kind)
            found = {
                name: self.cells[entry.path].component
                for name, entry in entries.items()
                if entry.path in self.cells
            }
            self._by_kind[kind] = found
        return found

    def agent(self, name: str) -> Agent | None:
        """An agent by its name in the config."""
        cell = self.agent_cell(name)
        return None if cell is None else cell.component

    def agent_cell(self, name: str) -> Cell | None:
        """The cell of an agent by its name in the config."""
        entry = self.plan.config.of_kind("agent").get(name)
        return None if entry is None else self.cells[entry.path]

    # Leases

    @property
    def leases(self) -> int:
        """How many invocations run on it."""
        return len(self._leases)

    def lease(self, agent: str) -> Lease:
        """Keep the components open for an invocation of `agent`."""
        lease = Lease(agent, self._give_back)
        self._leases.add(lease)
        return lease

    def leases_of(self, agents: Collection[str] | None) -> list[Lease]:
        """The leases under way, of all agents or of some."""
        return [lease for lease in self._leases if agents is None or lease.agent in agents]

    def _give_back(self, lease: Lease) -> None:
        self._leases.discard(lease)
        for waiting in self._waiting:
            waiting.set()

    async def wait_until_idle(
        self, timeout_s: float, agents: Collection[str] | None = None
    ) -> bool:
        """Wait for the last lease (of `agents`); whether it came back before `timeout_s` seconds were over."""
        if not self.leases_of(agents):
            return True
        changed = asyncio.Event()
        self._waiting.append(changed)
        try:
            async with asyncio.timeout(timeout_s):
                while self.leases_of(agents):
                    changed.clear()
                    await changed.wait()
        except TimeoutError:
            return not self.leases_of(agents)
        finally:
            self._waiting.remove(changed)
        return True


class _AgentInfos(Mapping[str, AgentInfo]):
    """Made when asked for: most of the many agents of a config are not asked about between two reloads."""

    __slots__ = ("_entries", "_infos")

    def __init__(self, entries: Mapping[str, ComponentEntry]) -> None:
        self._entries = entries
        self._infos: dict[str, AgentInfo] = {}

    def __getitem__(self, name: str) -> AgentInfo:
        info = self._infos.get(name)
        if info is None:
            info = self._infos[name] = agent_info(self._entries[name])
        return info

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)
