"""The plan: what will be built, in which order, from a config and a registry. A pure value, no I/O."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from graphlib import TopologicalSorter

import attrs

from hector.config import ComponentEntry, Config, fingerprint, give_way
from hector.plugin.registry import Registry

__all__ = ["PHASES", "ComponentSpec", "Plan", "make_plan"]

PHASES = ("llm", "embedder", "vector_store", "toolset", "document_store", "agent")
"""Build order; components of one phase build at the same time, those that refer to each other level by level."""


@attrs.frozen(kw_only=True)
class ComponentSpec:
    """One component to be.

    Attributes:
        entry: its config entry.
        dependencies: paths of the components it holds.
        fingerprint: equal for two specs if and only if they would build the same thing from the same things.
        depth: 0 without dependencies, else one more than the deepest of them.
    """

    entry: ComponentEntry
    dependencies: tuple[str, ...]
    fingerprint: str
    depth: int = 0

    @property
    def exclusive(self) -> frozenset[str]:
        """Names of the things that only one component can hold, as the entry's provider says."""
        return self.entry.exclusive

    @property
    def path(self) -> str:
        """Where it stands in the config, such as `llms.main`."""
        return self.entry.path


@attrs.frozen(kw_only=True)
class Plan:
    """The graph of components.

    Attributes:
        config: what it was made from.
        registry: the providers it was made with.
        specs: by path, dependencies before dependants.
    """

    config: Config
    registry: Registry
    specs: Mapping[str, ComponentSpec]

    def phases(self) -> Iterator[list[ComponentSpec]]:
        """Groups whose members do not depend on each other, in build order."""
        for kind in PHASES:
            specs = [spec for spec in self.specs.values() if spec.entry.kind == kind]
            yield from _levels(specs)


def _levels(specs: list[ComponentSpec]) -> Iterator[list[ComponentSpec]]:
    level: dict[str, int] = {}
    groups: list[list[ComponentSpec]] = []
    for spec in specs:  # dependencies come first in a plan
        depth = 1 + max((level.get(path, -1) for path in spec.dependencies), default=-1)
        level[spec.path] = depth
        while len(groups) <= depth:
            groups.append([])
        groups[depth].append(spec)
    yield from groups


def _ordered(config: Config) -> Iterator[ComponentEntry]:
    for kind in PHASES:
        entries = config.components.get(kind, {})
        graph = {
            name: [use.name for use in entry.references if use.kind == kind]
            for name, entry in entries.items()
        }
        if not any(graph.values()):
            yield from entries.values()
            continue
        yield from (entries[name] for name in TopologicalSorter(graph).static_order())


def make_plan(config: Config, registry: Registry, previous: Plan | None = None) -> Plan:
    """Order the components and fingerprint them.

    Args:
        config: structured and free of errors: references exist and are not circular.
        registry: the providers the config was structured with.
        previous: an earlier plan; the specs of entries that are the same objects, and depend on the same specs, are
            taken from it.
    """
    known: Mapping[str, ComponentSpec] = previous.specs if previous is not None else {}
    specs: dict[str, ComponentSpec] = {}
    for entry in _in_order(config, known):
        give_way()
        earlier = known.get(entry.path)
        if (
            earlier is not None
            and earlier.entry is entry
            and all(specs[path] is known.get(path) for path in earlier.dependencies)
        ):
            specs[entry.path] = earlier
        else:
            specs[entry.path] = _same_or(earlier, _spec(entry, config, specs))
    return Plan(config=config, registry=registry, specs=specs)


def _in_order(config: Config, known: Mapping[str, ComponentSpec]) -> Iterator[ComponentEntry]:
    """As `_ordered` has it; without sorting anew when only settings changed."""
    entries: dict[str, ComponentEntry] = {}
    for kind in PHASES:
        for entry in config.components.get(kind, {}).values():
            give_way()
            entries[entry.path] = entry
    if len(entries) != len(known) or entries.keys() != known.keys():
        return _ordered(config)
    for path, entry in entries.items():
        give_way()
        earlier = known[path].entry
        if earlier is not entry and earlier.references != entry.references:
            return _ordered(config)
    return (entries[path] for path in known)


def _spec(
    entry: ComponentEntry, config: Config, specs: Mapping[str, ComponentSpec]
) -> ComponentSpec:
    uses = {
        config.components[use.kind][use.name].path for use in entry.references if use.kind in PHASES
    }
    dependencies = tuple(sorted(uses))
    marks = [specs[path].fingerprint for path in dependencies]
    return ComponentSpec(
        entry=entry,
        dependencies=dependencies,
        fingerprint=fingerprint(entry, marks),
        depth=1 + max((specs[path].depth for path in dependencies), default=-1),
    )


def _same_or(earlier: ComponentSpec | None, spec: ComponentSpec) -> ComponentSpec:
    """The earlier one if a dependency was only written down differently."""
    if (
        earlier is not None
        and earlier.entry is spec.entry
        and earlier.dependencies == spec.dependencies
        and earlier.fingerprint == spec.fingerprint
        and earlier.depth == spec.depth
    ):
        return earlier
    return spec
