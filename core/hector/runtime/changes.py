"""What a reload changed, and what it cannot change."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from hector.config import Config
from hector.runtime.cell import Cell
from hector.runtime.generation import Generation
from hector.runtime.reload_report import ReloadReport, RestartNeed

__all__ = ["is_same", "reload_report"]


def is_same(cells: Mapping[str, Cell], config: Config, old: Generation) -> bool:
    """Whether a build gave exactly what a generation has already."""
    if len(cells) != len(old.cells) or any(
        cells.get(path) is not cell for path, cell in old.cells.items()
    ):
        return False
    return bool(_kernel_keys(config) == _kernel_keys(old.plan.config))


def _kernel_keys(config: Config) -> Any:
    """What of a config can change without any component changing: names, cards, visibility, draining."""
    agents = config.components.get("agent", {})
    return (
        config.name,
        config.description,
        config.version,
        config.server.reload,
        {name: entry.common for name, entry in agents.items()},
    )


def _restart_keys(old: Config, new: Config) -> tuple[str, ...]:
    """Keys that only a restart can change."""
    changed = [
        name
        for name in ("host", "port", "public_url", "sessions", "observability")
        if _of(old, name) != _of(new, name)
    ]
    paths = [f"server.{name}" for name in changed]
    paths += [name for name in ("name", "logger") if getattr(old, name) != getattr(new, name)]
    return tuple(sorted(paths))


def _of(config: Config, name: str) -> Any:
    return getattr(config.server, name)


def reload_report(
    old: Generation, new: Generation, config: Config, *, started: float
) -> ReloadReport:
    """Compare two generations.

    Args:
        old: the one that was current.
        new: the one that is current now; `old` itself when nothing changed.
        config: what was loaded; that of `new`, or one that only a restart can bring about.
        started: when the reload began, by `time.perf_counter`.
    """
    before, after = old.cells, new.cells
    carried = {path for path, cell in after.items() if before.get(path) is cell}
    return ReloadReport(
        generation=new.number,
        is_changed=new is not old,
        added=tuple(sorted(after.keys() - before.keys())),
        rebuilt=tuple(sorted((after.keys() & before.keys()) - carried)),
        carried_over=tuple(sorted(carried)),
        removed=tuple(sorted(before.keys() - after.keys())),
        needs_restart=tuple(
            RestartNeed(subject=subject, reason="changed")
            for subject in _restart_keys(old.plan.config, config)
        ),
        duration_s=time.perf_counter() - started,
    )
