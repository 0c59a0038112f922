"""Spans and metrics of reloads."""

from __future__ import annotations

import time

from opentelemetry import trace
from opentelemetry.metrics import MeterProvider
from opentelemetry.trace import SpanKind, Status, StatusCode, Tracer

from hector.spi import ReloadMeasure

__all__ = ["PHASE_BUCKETS_S", "ReloadInstruments", "trace_reload"]

PHASE_BUCKETS_S = (
    *(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5),
    *(1.0, 2.5, 5.0, 10.0, 30.0, 60.0),
)
"""Upper bounds in seconds: to plan takes milliseconds, to build what opens connections up to a minute."""


_REASONS = ("watch", "signal", "admin", "rollback", "program")
"""Who asks for reloads, but for what an embedding program calls itself."""


def _counts(measure: ReloadMeasure) -> dict[str, int]:
    return {
        "added": measure.added,
        "rebuilt": measure.rebuilt,
        "carried_over": measure.carried_over,
        "removed": measure.removed,
        "failed": measure.failed,
    }


class ReloadInstruments:
    """What is counted and timed of reloads. The exporter appends `_total` and `_seconds` to the names."""

    def __init__(self, provider: MeterProvider) -> None:
        meter = provider.get_meter("hector")
        self._reloads = meter.create_counter(
            "hector_reloads", description="reloads by outcome and reason"
        )
        for reason in (
            _REASONS
        ):  # or `increase()` would pass over the first failure: it needs a value before it
            self._reloads.add(0, {"outcome": "failed", "reason": reason})
        self._components = meter.create_counter(
            "hector_reload_components", description="components in reloads by what became of them"
        )
        self._phases = meter.create_histogram(
            "hector_reload_phase",
            unit="s",
            description="seconds that each phase of a reload took",
            explicit_bucket_boundaries_advisory=PHASE_BUCKETS_S,
        )

    def record(self, measure: ReloadMeasure) -> None:
        """Count one reload."""
        self._reloads.add(1, {"outcome": measure.outcome, "reason": measure.reason})
        for action, count in _counts(measure).items():
            if count:
                self._components.add(count, {"action": action})
        for phase, seconds in measure.phases.items():
            self._phases.record(seconds, {"phase": phase})


def trace_reload(tracer: Tracer, measure: ReloadMeasure) -> None:
    """Record a reload that ends now as a span `reload` with one child per phase, laid end to end from its beginning."""
    end = time.time_ns()
    start = end - _nanoseconds(measure.duration_s)
    span = tracer.start_span(
        "reload",
        kind=SpanKind.INTERNAL,
        start_time=start,
        attributes={
            "hector.generation": measure.generation,
            "hector.reload.reason": measure.reason,
            "hector.reload.outcome": measure.outcome,
            **{f"hector.reload.{action}": count for action, count in _counts(measure).items()},
        },
    )
    below = trace.set_span_in_context(span)
    begun = start
    for phase, seconds in measure.phases.items():
        child = tracer.start_span(f"reload {phase}", context=below, start_time=begun)
        begun = min(begun + _nanoseconds(seconds), end)  # clocks differ by a little
        child.end(begun)
    if measure.error_code is not None:
        span.set_attribute("error.type", measure.error_code)
    if measure.outcome == "failed":
        span.set_status(Status(StatusCode.ERROR))
    span.end(end)


def _nanoseconds(seconds: float) -> int:
    return int(seconds * 1e9)
