"""Reloads at `/metrics` and in traces: names, labels, what is gone, what stays out."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# (prometheus_client leaves its OpenMetrics side without types)

from __future__ import annotations

import itertools
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager

import attrs
import pytest
from collector import Collector, collecting
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_strictly
from prometheus_client.parser import text_string_to_metric_families

from hector.config import ObservabilityConfig
from hector.config.server_sections import MetricsConfig, TracingConfig
from hector.observe import open_observer
from hector.observe.gauges import GaugeCollector
from hector.observe.reloads import PHASE_BUCKETS_S
from hector.spi import Observer, ReloadMeasure, RuntimeGauges

OK, ERROR = 0, 2  # status codes of OTLP: unset, error
APPLIED = ReloadMeasure(
    reason="watch",
    outcome="applied",
    generation=2,
    duration_s=0.75,
    phases={"read": 0.02, "build": 0.7, "swap": 0.0004},
    added=1,
    rebuilt=2,
    carried_over=30,
)
FAILED = ReloadMeasure(
    reason="admin",
    outcome="failed",
    generation=2,
    duration_s=0.5,
    phases={"read": 0.1, "build": 0.4},
    failed=1,
    error_code="H301",
)


START = RuntimeGauges(generation=1, leases={1: 0}, components={"ok": 3})


@attrs.define
class Running:
    """Stands where a runtime would: its state changes between scrapes."""

    now: RuntimeGauges = START
    reads: int = 0

    def read(self) -> RuntimeGauges:
        self.reads += 1
        return self.now


@asynccontextmanager
async def observing(
    *, metrics: bool = False, collector: Collector | None = None
) -> AsyncGenerator[Observer]:
    config = ObservabilityConfig(
        metrics=MetricsConfig(enabled=metrics),
        tracing=TracingConfig(
            enabled=collector is not None, endpoint=collector.url if collector else None
        ),
    )
    async with open_observer(config) as observer:
        assert observer is not None
        yield observer


def scrape(observer: Observer) -> dict[tuple[str, ...], float]:
    """Every sample of ours but for reloads that never were: its name and labels' values to its value."""
    made = observer.metrics()
    assert made is not None
    return {
        (
            sample.name,
            *(sample.labels[key] for key in sorted(sample.labels) if "otel" not in key),
        ): sample.value
        for family in text_string_to_metric_families(made[0].decode())
        for sample in family.samples
        if sample.name.startswith("hector_")
        and (sample.value or sample.name != "hector_reloads_total")
    }


# ------------------------------------------------------------------------------------ gauges


async def test_gauges_are_read_at_each_scrape() -> None:
    running = Running()
    async with observing(metrics=True) as observer:
        observer.watch_runtime(running.read)
        assert running.reads == 0
        assert scrape(observer) == {
            ("hector_generation",): 1,
            ("hector_generations_live",): 1,
            ("hector_generation_leases", "1"): 0,
            ("hector_components", "ok"): 3,
            ("hector_components", "down"): 0,
        }
        running.now = RuntimeGauges(
            generation=12, leases={9: 1, 12: 5, 10: 2}, components={"ok": 3, "down": 1}
        )
        assert scrape(observer) == {
            ("hector_generation",): 12,
            ("hector_generations_live",): 3,
            ("hector_generation_leases", "9"): 1,
            ("hector_generation_leases", "10"): 2,
            ("hector_generation_leases", "12"): 5,
            ("hector_components", "ok"): 3,
            ("hector_components", "down"): 1,
        }
        assert running.reads == 2


async def test_a_generation_that_is_gone_has_no_leases_any_more() -> None:
    """Not even after more generations than OpenTelemetry would keep sets of attributes for."""
    running = Running()
    async with observing(metrics=True) as observer:
        observer.watch_runtime(running.read)
        for number in range(1, 2200):
            running.now = RuntimeGauges(
                generation=number, leases={number - 1: 1, number: 0}, components={"ok": 3}
            )
            observer.metrics()
        found = {key: value for key, value in scrape(observer).items() if "leases" in key[0]}
    assert found == {
        ("hector_generation_leases", "2198"): 1,
        ("hector_generation_leases", "2199"): 0,
    }


async def test_before_a_runtime_is_watched_there_are_no_gauges() -> None:
    async with observing(metrics=True) as observer:
        assert scrape(observer) == {}


gauges = st.builds(
    RuntimeGauges,
    generation=st.integers(1, 10**6),
    leases=st.dictionaries(st.integers(1, 10**6), st.integers(0, 10**6), max_size=8),
    components=st.dictionaries(st.sampled_from(["ok", "down"]), st.integers(0, 10**4)),
)


@given(gauges)
def test_what_a_scrape_tells_is_what_the_runtime_told(told: RuntimeGauges) -> None:
    """Whatever it was, in both of Prometheus's formats."""
    registry = CollectorRegistry()
    registry.register(GaugeCollector(lambda: told))
    for families in (
        list(text_string_to_metric_families(generate_latest(registry).decode())),
        list(parse_strictly(generate_openmetrics(registry).decode())),
    ):
        samples = {family.name: family.samples for family in families}
        assert {family.type for family in families} == {"gauge"}
        assert [sample.value for sample in samples["hector_generation"]] == [told.generation]
        assert [sample.value for sample in samples["hector_generations_live"]] == [len(told.leases)]
        assert {
            int(sample.labels["generation"]): sample.value
            for sample in samples["hector_generation_leases"]
        } == told.leases
        assert {
            sample.labels["status"]: sample.value for sample in samples["hector_components"]
        } == {"ok": 0, "down": 0, **told.components}


# ---------------------------------------------------------------------------------- counters


async def test_reloads_and_their_components_are_counted() -> None:
    superseded = ReloadMeasure(
        reason="watch", outcome="superseded", generation=3, duration_s=0.1, error_code="H312"
    )
    async with observing(metrics=True) as observer:
        for measure in (APPLIED, attrs.evolve(APPLIED, removed=4), FAILED, superseded):
            observer.reload_ended(measure)
        found = {
            key: value
            for key, value in scrape(observer).items()
            if key[0].startswith(("hector_reloads", "hector_reload_comp"))
        }
    assert found == {
        ("hector_reloads_total", "applied", "watch"): 2,
        ("hector_reloads_total", "failed", "admin"): 1,
        ("hector_reloads_total", "superseded", "watch"): 1,
        ("hector_reload_components_total", "added"): 2,
        ("hector_reload_components_total", "rebuilt"): 4,
        ("hector_reload_components_total", "carried_over"): 60,
        ("hector_reload_components_total", "removed"): 4,
        ("hector_reload_components_total", "failed"): 1,
    }


async def test_failures_are_counted_from_zero() -> None:
    """An alert on `increase()` sees the first one only if there was a value before it."""
    async with observing(metrics=True) as observer:
        made = observer.metrics()
        assert made is not None
        before = {
            (sample.labels["outcome"], sample.labels["reason"]): sample.value
            for family in text_string_to_metric_families(made[0].decode())
            for sample in family.samples
            if sample.name == "hector_reloads_total"
        }
        observer.reload_ended(FAILED)
        after = scrape(observer)
    reasons = ("watch", "signal", "admin", "rollback", "program")
    assert before == {("failed", reason): 0 for reason in reasons}
    assert after["hector_reloads_total", "failed", "admin"] == 1


async def test_phases_are_a_histogram_of_seconds_from_a_millisecond_to_a_minute() -> None:
    async with observing(metrics=True) as observer:
        observer.reload_ended(APPLIED)
        observer.reload_ended(FAILED)
        found = scrape(observer)
    assert found["hector_reload_phase_seconds_count", "build"] == 2
    assert found["hector_reload_phase_seconds_sum", "build"] == pytest.approx(1.1)
    assert found["hector_reload_phase_seconds_count", "swap"] == 1
    bounds = [key[1] for key in found if key[0].endswith("_bucket") and key[2] == "swap"]
    assert [float(bound) for bound in bounds] == [*PHASE_BUCKETS_S, float("inf")]
    assert (PHASE_BUCKETS_S[0], PHASE_BUCKETS_S[-1]) == (0.001, 60)
    assert found["hector_reload_phase_seconds_bucket", "0.001", "swap"] == 1
    assert found["hector_reload_phase_seconds_bucket", "0.25", "build"] == 0
    assert found["hector_reload_phase_seconds_bucket", "0.5", "build"] == 1
    assert found["hector_reload_phase_seconds_bucket", "1.0", "build"] == 2


async def test_every_name_is_as_documented_with_its_suffix_once_and_its_help() -> None:
    async with observing(metrics=True) as observer:
        observer.watch_runtime(Running().read)
        observer.reload_ended(APPLIED)
        made = observer.metrics()
    assert made is not None
    lines = made[0].decode().splitlines()
    types = dict(line.split()[2:] for line in lines if line.startswith("# TYPE hector_"))
    assert types == {
        "hector_generation": "gauge",
        "hector_generations_live": "gauge",
        "hector_generation_leases": "gauge",
        "hector_components": "gauge",
        "hector_reloads_total": "counter",
        "hector_reload_components_total": "counter",
        "hector_reload_phase_seconds": "histogram",
    }
    helped = {line.split()[2] for line in lines if line.startswith("# HELP ") and line.split()[3:]}
    assert types.keys() <= helped


# ------------------------------------------------------------------------------------- spans


async def test_a_reload_is_a_span_with_a_child_per_phase_laid_end_to_end() -> None:
    with collecting() as collector:
        async with observing(collector=collector) as observer:
            observer.reload_ended(APPLIED)
    assert collector.tree() == {
        "reload": "",
        "reload read": "reload",
        "reload build": "reload",
        "reload swap": "reload",
    }
    spans = {span.name: span for span in collector.spans}
    root = spans["reload"]
    assert (root.end - root.start) / 1e9 == pytest.approx(0.75)
    phases = [spans[f"reload {phase}"] for phase in APPLIED.phases]
    assert phases[0].start == root.start
    assert phases[-1].end <= root.end
    assert all(left.end == right.start for left, right in itertools.pairwise(phases))
    assert [(span.end - span.start) / 1e9 for span in phases] == pytest.approx(
        list(APPLIED.phases.values())
    )
    assert {span.status for span in collector.spans} == {OK}
    assert root.attributes == {
        "hector.generation": 2,
        "hector.reload.reason": "watch",
        "hector.reload.outcome": "applied",
        "hector.reload.added": 1,
        "hector.reload.rebuilt": 2,
        "hector.reload.carried_over": 30,
        "hector.reload.removed": 0,
        "hector.reload.failed": 0,
    }


async def test_a_failed_reload_is_marked_with_its_code() -> None:
    with collecting() as collector:
        async with observing(collector=collector) as observer:
            observer.reload_ended(FAILED)
    marks = {
        span.name: (span.status, span.attributes.get("error.type")) for span in collector.spans
    }
    assert marks == {
        "reload": (ERROR, "H301"),
        "reload read": (OK, None),
        "reload build": (OK, None),
    }


@pytest.mark.parametrize(
    ("outcome", "error_code"),
    [("superseded", "H312"), ("canceled", "CancelledError"), ("unchanged", None)],
)
async def test_a_reload_that_nobody_wanted_any_more_is_no_error(
    outcome: str, error_code: str | None
) -> None:
    with collecting() as collector:
        async with observing(collector=collector) as observer:
            observer.reload_ended(
                attrs.evolve(FAILED, outcome=outcome, error_code=error_code, failed=0)
            )
    root = collector.spans[-1]
    assert {span.status for span in collector.spans} == {OK}
    assert root.attributes["hector.reload.outcome"] == outcome
    assert root.attributes.get("error.type") == error_code


async def test_phases_that_sum_to_more_than_the_whole_stay_within_it() -> None:
    """Each is measured by itself; and a reload may end before its first phase."""
    odd = attrs.evolve(APPLIED, duration_s=0.01)
    with collecting() as collector:
        async with observing(collector=collector) as observer:
            observer.reload_ended(odd)
            observer.reload_ended(attrs.evolve(odd, phases={}))
    roots = {span.id: span for span in collector.spans if not span.parent}
    below = [span for span in collector.spans if span.parent]
    assert (len(roots), len(below)) == (2, 3)
    for span in below:
        root = roots[span.parent]
        assert root.start <= span.start <= span.end <= root.end


# ----------------------------------------------------------------------------- combinations


@pytest.mark.parametrize("metrics", [True, False])
@pytest.mark.parametrize("tracing", [True, False])
async def test_each_of_metrics_and_tracing_works_without_the_other(
    metrics: bool, tracing: bool
) -> None:
    running = Running()
    with collecting() as collector:
        async with AsyncExitStack() as stack:
            config = ObservabilityConfig(
                metrics=MetricsConfig(enabled=metrics),
                tracing=TracingConfig(enabled=tracing, endpoint=collector.url),
            )
            observer = await stack.enter_async_context(open_observer(config))
            assert (observer is not None) == (metrics or tracing)
            if observer is not None:
                observer.watch_runtime(running.read)
                observer.reload_ended(APPLIED)
                assert (observer.metrics() is not None) == metrics
    assert running.reads == int(metrics)
    assert len(collector.spans) == (4 if tracing else 0)


async def test_two_observers_do_not_mix() -> None:
    one, other = Running(), Running(RuntimeGauges(generation=7, leases={7: 1}, components={}))
    async with observing(metrics=True) as first, observing(metrics=True) as second:
        first.watch_runtime(one.read)
        second.watch_runtime(other.read)
        first.reload_ended(APPLIED)
        assert scrape(first)["hector_generation",] == 1
        assert scrape(second)["hector_generation",] == 7
        assert not [key for key in scrape(second) if "reload" in key[0]]


async def test_an_observer_that_closed_still_answers() -> None:
    """A last scrape while the server stops is no error."""
    async with observing(metrics=True) as observer:
        observer.watch_runtime(Running().read)
        observer.reload_ended(APPLIED)
    assert scrape(observer)["hector_generation",] == 1
