"""Components that hold what only one can hold: they cannot be built beside the ones that run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import attrs

from hector.runtime.cell import Cell
from hector.runtime.generation import Generation
from hector.runtime.plan import ComponentSpec

__all__ = ["Contest", "find_contest"]


@attrs.frozen(kw_only=True)
class Contest:
    """What must be stopped before a plan can be built wholly.

    Attributes:
        late: specs that claim what running cells hold, and those that depend on them, dependencies first.
        stopped: the cells that hold it, and those that depend on them, in any live generation.
        agents: the agents among those, by name.
    """

    late: tuple[ComponentSpec, ...]
    stopped: tuple[Cell, ...]
    agents: frozenset[str]


def find_contest(
    fresh: Iterable[ComponentSpec],
    *,
    claims: Mapping[str, Cell],
    generations: Iterable[Generation],
) -> Contest | None:
    """Which of the components to build must wait for running ones to let go; None when none must.

    Args:
        fresh: what is to be built, dependencies first.
        claims: by exclusive thing, the cell that claimed it last.
        generations: every one that is live.
    """
    late: dict[str, ComponentSpec] = {}
    holders: dict[Cell, None] = {}
    for spec in fresh:
        claimed = [claims.get(thing) for thing in spec.exclusive]
        held = [cell for cell in claimed if cell is not None and not cell.is_closed]
        if held or any(path in late for path in spec.dependencies):
            late[spec.path] = spec
            holders.update(dict.fromkeys(held))
    if not late:
        return None
    stopped = dict(holders)
    agents: set[str] = set()
    for generation in generations:
        for cell in sorted(generation.cells.values(), key=lambda cell: cell.spec.depth):
            if cell in stopped or any(other in stopped for other in cell.dependencies):
                stopped[cell] = None
                if cell.spec.entry.kind == "agent":
                    agents.add(cell.spec.entry.name)
    return Contest(late=tuple(late.values()), stopped=tuple(stopped), agents=frozenset(agents))
