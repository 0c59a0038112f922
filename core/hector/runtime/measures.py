"""The state of a runtime at this moment, for probes and gauges."""

from __future__ import annotations

from collections import Counter

from hector.runtime.generation import Generation
from hector.runtime.report import Health
from hector.runtime.retirement import Retirement
from hector.spi import RuntimeGauges

__all__ = ["gauges_of", "health_of"]


def health_of(current: Generation, retirement: Retirement, *, is_closing: bool) -> Health:
    """What `Runtime.health` says."""
    states = {path: cell.is_usable for path, cell in current.cells.items()}
    is_degraded = not all(states.values())
    return Health(
        status="closing" if is_closing else "degraded" if is_degraded else "ok",
        generation=current.number,
        components={path: "ok" if is_ok else "down" for path, is_ok in states.items()},
        leases=current.leases,
        draining={
            **dict.fromkeys(retirement.closing, 0),
            **{number: item.leases for number, item in retirement.draining.items()},
        },
    )


def gauges_of(health: Health) -> RuntimeGauges:
    """Health in numbers."""
    states = Counter(health.components.values())
    return RuntimeGauges(
        generation=health.generation,
        leases={health.generation: health.leases, **health.draining},
        components={"ok": states["ok"], "down": states["down"]},
    )
