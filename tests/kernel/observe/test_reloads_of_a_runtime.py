"""What a real runtime tells observers of its reloads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import attrs
import pytest
from collector import collecting
from pausing import SECRET, PausingLLM, config, pausing, settled
from prometheus_client.parser import text_string_to_metric_families

from hector import Runtime
from hector.errors import ComponentOpenError, ConfigError
from hector.spi import Observer, ReloadMeasure, RuntimeGauges, Span


def scrape(runtime: Runtime) -> dict[tuple[str, ...], float]:
    made = runtime.metrics()
    assert made is not None
    return {
        (
            sample.name,
            *(value for key, value in sorted(sample.labels.items()) if "otel" not in key),
        ): (sample.value)
        for family in text_string_to_metric_families(made[0].decode())
        for sample in family.samples
        if sample.name.startswith("hector_")
        and (sample.value or sample.name != "hector_reloads_total")
    }


# ------------------------------------------------------------------------------------ metrics


async def test_metrics_follow_reloads_and_leases() -> None:
    """A lease on an earlier generation is seen as long as it lasts, and no longer."""
    llm = PausingLLM()
    metrics = {"metrics": {"enabled": True}}
    async with Runtime.open(
        config(observability=metrics), env={}, providers=[pausing(llm)]
    ) as runtime:
        assert scrape(runtime) == {
            ("hector_generation",): 1,
            ("hector_generations_live",): 1,
            ("hector_generation_leases", "1"): 0,
            ("hector_components", "ok"): 4,
            ("hector_components", "down"): 0,
        }
        async with asyncio.TaskGroup() as group:

            async def talk() -> None:
                async for _ in runtime.run("main", "hello"):
                    pass

            group.create_task(talk())
            await llm.begun.wait()
            await runtime.reload(config(observability=metrics, answer="new"), reason="watch")
            found = scrape(runtime)
            assert found["hector_generation",] == 2
            assert found["hector_generations_live",] == 2
            assert found["hector_generation_leases", "1"] == 1
            assert found["hector_generation_leases", "2"] == 0
            llm.go.set()
        await settled(lambda: not runtime.health().draining)
        await runtime.reload(config(observability=metrics, answer="new"))
        with pytest.raises(ComponentOpenError):
            await runtime.reload(config(observability=metrics, fails=True))
        with pytest.raises(ConfigError):
            await runtime.reload({"agents": {"main": {"instructions": "?"}}}, reason="admin")
        found = scrape(runtime)
    leases = [key for key in found if key[0] == "hector_generation_leases"]
    assert leases == [("hector_generation_leases", "2")]
    assert found["hector_generations_live",] == 1
    assert {key[1:]: value for key, value in found.items() if key[0] == "hector_reloads_total"} == {
        ("applied", "watch"): 1,
        ("unchanged", "program"): 1,
        ("failed", "program"): 1,
        ("failed", "admin"): 1,
    }
    assert {
        key[1]: value for key, value in found.items() if key[0] == "hector_reload_components_total"
    } == {"rebuilt": 2, "carried_over": 2, "failed": 1}
    phases = {key[1] for key in found if key[0] == "hector_reload_phase_seconds_count"}
    assert {"wait", "read", "structure", "plan", "build", "swap"} <= phases


async def test_reloads_that_are_answered_together_count_their_components_once() -> None:
    llm = PausingLLM()
    metrics = {"metrics": {"enabled": True}}
    source = config(observability=metrics)
    async with Runtime.open(source, env={}, providers=[pausing(llm)]) as runtime:
        async with asyncio.TaskGroup() as group:
            source["llms"]["default"]["answer"] = "slow"
            group.create_task(runtime.reload())
            await llm.begun.wait()
            source["llms"]["default"]["answer"] = "new"
            together = [group.create_task(runtime.reload()) for _ in range(3)]
            await asyncio.sleep(0)
            llm.go.set()
        found = scrape(runtime)
    assert [task.result().generation for task in together] == [3, 3, 3]
    assert found["hector_reloads_total", "applied", "program"] == 4
    assert found["hector_reload_components_total", "rebuilt"] == 2 + 2
    assert found["hector_reload_components_total", "carried_over"] == 2 + 2
    assert found["hector_reload_phase_seconds_count", "build"] == 2


async def test_spans_of_real_reloads_hold_codes_and_no_text() -> None:
    with collecting() as collector:
        tracing = {"tracing": {"enabled": True, "endpoint": collector.url}}
        async with Runtime.open(
            config(observability=tracing), env={}, providers=[pausing(PausingLLM())]
        ) as runtime:
            await runtime.reload(config(observability=tracing, answer="new"))
            with pytest.raises(ComponentOpenError) as raised:
                await runtime.reload(config(observability=tracing, fails=True))
    roots = [span for span in collector.spans if span.name == "reload"]
    assert [
        (span.attributes["hector.reload.outcome"], span.attributes.get("error.type"))
        for span in roots
    ] == [("applied", None), ("failed", raised.value.code)]
    ids = {span.id: span for span in roots}
    phases = [span for span in collector.spans if span.name.startswith("reload ")]
    assert {"reload read", "reload build", "reload swap"} <= {span.name for span in phases}
    for span in phases:
        root = ids[span.parent]
        assert root.start <= span.start <= span.end <= root.end
    assert SECRET.encode() not in collector.raw


# ---------------------------------------------------------------------------------- own observer


class Quiet:
    def child(self, operation: str, name: str) -> Span:
        return self

    def end(self, **known: object) -> None:
        pass


class Book(Observer):
    """Leaves out `metrics`."""

    def __init__(self) -> None:
        self.reads: list[Callable[[], RuntimeGauges]] = []
        self.measures: list[ReloadMeasure] = []

    def invocation(self, **known: object) -> Span:
        return Quiet()

    def watch_runtime(self, read: Callable[[], RuntimeGauges]) -> None:
        self.reads.append(read)

    def reload_ended(self, measure: ReloadMeasure) -> None:
        self.measures.append(measure)


async def test_an_own_observer_is_told_of_every_reload() -> None:
    book = Book()
    async with Runtime.open(
        config(), env={}, providers=[pausing(PausingLLM())], observer=book
    ) as runtime:
        (read,) = book.reads
        assert read() == RuntimeGauges(generation=1, leases={1: 0}, components={"ok": 4, "down": 0})
        report = await runtime.reload(config(answer="new"), reason="by hand")
        assert read().generation == 2
        with pytest.raises(ComponentOpenError) as raised:
            await runtime.reload(config(fails=True))
        assert runtime.metrics() is None
    applied, failed = book.measures
    assert applied.phases == report.phases
    assert attrs.evolve(applied, phases={}, duration_s=0) == ReloadMeasure(
        reason="by hand", outcome="applied", generation=2, duration_s=0, rebuilt=2, carried_over=2
    )
    assert applied.duration_s >= sum(applied.phases.values())
    assert attrs.evolve(failed, phases={}, duration_s=0) == ReloadMeasure(
        reason="program",
        outcome="failed",
        generation=2,
        duration_s=0,
        failed=1,
        error_code=raised.value.code,
    )


class Idle(Observer):
    """Implements no more than it must."""

    def invocation(self, **known: object) -> Span:
        return Quiet()


async def test_an_own_observer_may_leave_out_what_it_has_no_use_for() -> None:
    async with Runtime.open(
        config(), env={}, providers=[pausing(PausingLLM())], observer=Idle()
    ) as runtime:
        await runtime.reload(config(answer="new"))
        assert runtime.metrics() is None
