"""Building the components of a plan beside whatever runs, phase by phase."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import attrs

from hector.config import ComponentEntry, Config, structure_settings
from hector.errors import ComponentOpenError
from hector.runtime.cell import Cell, close_all
from hector.runtime.context import ComponentContext, Resolve
from hector.runtime.factories import Factories, Injections
from hector.runtime.guarded_tools import guarded
from hector.runtime.making import awaited, call_create
from hector.runtime.plan import PHASES, ComponentSpec, Plan
from hector.runtime.tasks import TaskScope, to_its_end
from hector.spi import Injected, Provider

__all__ = ["Builder", "builder_for"]


CLOSE_TIMEOUT_S = 30.0
"""How long one component may take to close before it is cancelled."""


@attrs.define(kw_only=True)
class Builder:
    """Builds plans.

    Attributes:
        group: owns the tasks of the components.
        factories, injections: what the embedding program changes.
        state_dir: where components may keep files.
        env: what `Env` markers read; None stands for the process's environment and the `.env` files.
        build_timeout_s, close_timeout_s: deadlines per component, in seconds.
        claims: by exclusive thing, the cell that claimed it last; it may be closed by now, and is not kept for this.
    """

    group: TaskScope
    factories: Factories
    injections: Injections
    state_dir: Path
    env: Mapping[str, str] | None
    build_timeout_s: float
    close_timeout_s: float = attrs.field(factory=lambda: CLOSE_TIMEOUT_S)
    claims: WeakValueDictionary[str, Cell] = attrs.field(factory=WeakValueDictionary[str, Cell])

    async def build(
        self,
        plan: Plan,
        fresh: Iterable[ComponentSpec],
        kept: Mapping[str, Cell],
        *,
        beside: Iterable[Cell] = (),
    ) -> dict[str, Cell]:
        """Open components of a plan, phase by phase, each phase at once.

        Args:
            plan: what they belong to.
            fresh: what to open.
            kept: by path, open cells of the plan that they may depend on.
            beside: those of them without which the others are of no use.

        Returns:
            The new cells by path, dependencies first.

        Raises:
            ComponentError: the first component that failed; the others that failed stand in its notes. Everything
                that was opened here is closed again, in reverse order, also when this is cancelled.
        """
        cells: dict[str, Cell] = dict(kept)
        opened: dict[str, Cell] = {}
        try:
            for phase in _phases(fresh):
                level = [Cell(spec, [cells[path] for path in spec.dependencies]) for spec in phase]
                for cell in level:
                    cells[cell.spec.path] = opened[cell.spec.path] = cell
                    self.claims.update(dict.fromkeys(cell.spec.exclusive, cell))
                await self._open(level, cells, plan)
            for cell in (*opened.values(), *beside):
                cell.check_alive()
        except BaseException:
            await self.discard(opened.values())
            raise
        return opened

    async def discard(self, cells: Iterable[Cell]) -> None:
        """Close cells that no generation will hold; returns when they are, although the caller is cancelled."""
        closing = close_all(cells, timeout_s=self.close_timeout_s)
        await to_its_end(self.group.create_task(closing, name="discard"))

    async def service(self, plan: Plan, entry: ComponentEntry) -> Cell:
        """Open a component that outlives generations and refers to no other, such as the session store.

        Raises:
            ComponentError: it did not come up.
        """
        cell = Cell(ComponentSpec(entry=entry, dependencies=(), fingerprint="", depth=0))
        await cell.open(
            lambda stack: self._make(cell.spec, {}, plan, stack),
            self.group,
            timeout_s=self.build_timeout_s,
        )
        return cell

    async def _open(self, fresh: Sequence[Cell], cells: Mapping[str, Cell], plan: Plan) -> None:
        async def one(cell: Cell) -> None:
            await cell.open(
                lambda stack: self._make(cell.spec, cells, plan, stack),
                self.group,
                timeout_s=self.build_timeout_s,
            )

        if len(fresh) == 1:
            await one(fresh[0])
            return
        try:
            async with asyncio.TaskGroup() as group:
                for cell in fresh:
                    group.create_task(one(cell))
        except BaseExceptionGroup as errors:
            first = _first(errors)
            raise first from first.__cause__  # the component's own, not the group

    def _make(
        self, spec: ComponentSpec, cells: Mapping[str, Cell], plan: Plan, stack: AsyncExitStack
    ) -> Any:
        entry = spec.entry
        context = self._context(spec, cells, plan, stack)
        if entry.kind == "document_store":
            from hector.runtime.documents import (
                open_documents,  # a config without documents does without
            )

            return open_documents(entry, context, plan.registry, stack)
        provider = entry.provider
        if provider is None:
            raise ComponentOpenError(entry.path, f"is a {entry.kind}, which no provider builds")
        factory = self.factories.of(entry.kind)
        if factory is None:
            return call_create(provider, entry.settings, context, stack)

        async def default() -> Any:
            return await awaited(call_create(provider, entry.settings, context, stack))

        return factory(context, entry.settings, default)

    def _context(
        self, spec: ComponentSpec, cells: Mapping[str, Cell], plan: Plan, stack: AsyncExitStack
    ) -> ComponentContext:
        entry = spec.entry
        # A component may keep its context for life, and be carried over from reload to reload: nothing here may hold
        # the plan, or cells that are not its own.
        components, registry = plan.config.components, plan.registry
        folder = plan.config.source.folder

        async def create_other(kind: str, type: str, settings: Mapping[str, Any]) -> Any:
            found = registry.find(kind, type)
            if not isinstance(found, Provider):
                raise ComponentOpenError(
                    entry.path, f"asked for another component: {found.message}", hint=found.hint
                )
            built = structure_settings(
                found, settings, path=entry.path, config_dir=folder, env=self.env
            )
            return await awaited(call_create(found, built, context, stack))

        context = ComponentContext(
            entry,
            resolve=_resolving(spec, [cells[path] for path in spec.dependencies]),
            names=lambda kind: tuple(components.get(kind, {})),
            types=registry.types,
            create_other=create_other,
            config_dir=folder,
            state_dir=self.state_dir,
            injected=self.injections.of(entry.name) if entry.kind == "agent" else Injected(),
        )
        return context


def builder_for(
    config: Config,
    group: TaskScope,
    factories: Factories,
    injections: Injections,
    env: Mapping[str, str] | None,
) -> Builder:
    """The builder of a runtime that opens with `config`."""
    return Builder(
        group=group,
        factories=factories,
        injections=injections,
        state_dir=config.source.folder / ".hector",
        env=env,
        build_timeout_s=config.server.build_timeout,
    )


def _resolving(spec: ComponentSpec, dependencies: Iterable[Cell]) -> Resolve:
    own = {(cell.spec.entry.kind, cell.spec.entry.name): cell for cell in dependencies}

    def resolve(kind: str, name: str) -> Any:
        if (kind, name) not in own:
            raise ComponentOpenError(
                spec.path,
                f"asked for {kind} `{name}`, which its settings do not refer to",
                hint="the plugin must mark the setting with hector.spi.Reference",
            )
        cell = own[kind, name]
        if kind == "toolset":
            return guarded(cell.component, cell.spec.entry.common)
        return cell.component

    return resolve


def _phases(specs: Iterable[ComponentSpec]) -> list[list[ComponentSpec]]:
    """Groups whose members do not depend on each other, in build order."""
    groups: dict[tuple[int, int], list[ComponentSpec]] = {}
    for spec in specs:
        groups.setdefault((PHASES.index(spec.entry.kind), spec.depth), []).append(spec)
    return [groups[key] for key in sorted(groups)]


def _first(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first error of a phase; what else failed in it goes into its notes, so that nothing stays unsaid."""
    first, *others = errors.exceptions
    for other in others:
        first.add_note(str(other))
    return first
