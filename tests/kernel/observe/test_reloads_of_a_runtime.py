"""What a real runtime tells observers and plugins of its reloads."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import attrs
import pytest
from collector import collecting
from prometheus_client.parser import text_string_to_metric_families

from hector import Runtime
from hector.errors import ComponentOpenError, ConfigError, ReloadRefusedError
from hector.message import TextPart
from hector.spi import (
    GenerationChange,
    LLMChunk,
    LLMRequest,
    LLMResponse,
    Observer,
    Provider,
    ReloadMeasure,
    RuntimeGauges,
    Span,
)

SECRET = "sk-very-secret"


@attrs.frozen(kw_only=True)
class Settings:
    answer: str = "fine"
    fails: bool = False


@attrs.define
class PausingLLM:
    """Answers when the test lets it."""

    begun: asyncio.Event = attrs.field(factory=asyncio.Event)
    go: asyncio.Event = attrs.field(factory=asyncio.Event)

    provider = model = "pausing"

    async def generate(self, request: LLMRequest) -> AsyncGenerator[LLMChunk]:
        self.begun.set()
        await self.go.wait()
        yield LLMResponse(parts=(TextPart("done"),), model="pausing")


def pausing(llm: PausingLLM) -> Provider:
    def create(settings: Settings, context: object) -> PausingLLM:
        if settings.fails:
            raise RuntimeError(f"denied for {SECRET}")
        return llm

    return Provider(kind="llm", type="pausing", settings=Settings, create=create)


def config(*, observability: dict[str, Any] | None = None, **llm: Any) -> dict[str, Any]:
    return {
        "name": "shop",
        "llms": {"default": {"provider": "pausing", **llm}, "other": {"provider": "pausing"}},
        "agents": {"main": {"llm": "default"}, "still": {"llm": "other"}},
        "server": {"observability": observability or {}},
    }


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
    }


async def settled(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0)


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
        source["llms"]["default"]["answer"] = "new"
        await asyncio.gather(runtime.reload(), runtime.reload(), runtime.reload())
        found = scrape(runtime)
    assert found["hector_reload_components_total", "rebuilt"] == 2
    assert found["hector_reload_components_total", "carried_over"] == 2


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


# ------------------------------------------------------------------------------- lifecycle hooks

PLUGIN = """
from hector.plugin import hookimpl
from {module} import HOOKS

@hookimpl
async def hector_before_swap(change):
    HOOKS.before(change)

@hookimpl
async def hector_after_swap(change):
    await HOOKS.after(change)
"""


@attrs.define
class Hooks:
    """What the installed plugin does, set by each test."""

    heard: list[tuple[str, GenerationChange, int]] = attrs.field(
        factory=list[tuple[str, GenerationChange, int]]
    )
    runtime: Runtime | None = None
    refuses: str = ""
    holds: asyncio.Event | None = None

    def before(self, change: GenerationChange) -> None:
        assert self.runtime is not None
        self.heard.append(("before", change, self.runtime.generation))
        if self.refuses:
            raise RuntimeError(self.refuses)

    async def after(self, change: GenerationChange) -> None:
        assert self.runtime is not None
        self.heard.append(("after", change, self.runtime.generation))
        if self.holds is not None:
            await self.holds.wait()


HOOKS = Hooks()


@pytest.fixture
def hooks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hooks:
    """An installed plugin with lifecycle hooks and nothing else."""
    site = tmp_path / "site"
    info = site / "hector_plugin_listener-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: hector-plugin-listener\nVersion: 1.0\n"
    )
    (info / "entry_points.txt").write_text(
        "[hector.plugins]\nlistener = plugin_listener\n[hector.api]\nlistener = level_1\n"
    )
    (site / "plugin_listener.py").write_text(PLUGIN.format(module=__name__))
    monkeypatch.setattr(sys, "path", [str(site), *sys.path])
    monkeypatch.delitem(sys.modules, "plugin_listener", raising=False)
    HOOKS.__init__()
    return HOOKS


def opened(**llm: Any) -> Any:
    return Runtime.open(config(**llm), env={}, providers=[pausing(PausingLLM())])


async def test_plugins_hear_of_a_swap_before_and_after_and_of_nothing_else(hooks: Hooks) -> None:
    """Not of the start, the stop, a reload that changes nothing or one that fails before."""
    async with opened() as runtime:
        hooks.runtime = runtime
        await runtime.reload(config())
        with pytest.raises(ComponentOpenError):
            await runtime.reload(config(fails=True))
        assert hooks.heard == []
        report = await runtime.reload(config(answer="new"), reason="signal")
    change = GenerationChange(
        app="shop",
        from_generation=1,
        to_generation=2,
        reason="signal",
        etag=report.etag,
        rebuilt=("agents.main", "llms.default"),
        carried_over=2,
    )
    assert hooks.heard == [("before", change, 1), ("after", change, 2)]


async def test_a_plugin_that_refuses_leaves_everything_as_it_was(hooks: Hooks) -> None:
    async with opened() as runtime:
        hooks.runtime = runtime
        hooks.refuses = "not now"
        agent, etag = runtime.agent("main"), runtime.etag
        with pytest.raises(ReloadRefusedError) as raised:
            await runtime.reload(config(answer="new"))
        assert (runtime.generation, runtime.etag) == (1, etag)
        assert runtime.agent("main") is agent
        assert runtime.history[-1].outcome == "failed"
        hooks.refuses = ""
        assert (await runtime.reload(config(answer="new"))).generation == 2
    assert raised.value.message == (
        "plugin listener (hector-plugin-listener 1.0) refused the new config: RuntimeError: not now"
    )
    assert [moment for moment, _, _ in hooks.heard] == ["before", "before", "after"]


async def test_what_is_slow_after_the_swap_does_not_undo_the_reload(hooks: Hooks) -> None:
    """The reload's deadline ends with the swap."""
    async with opened() as runtime:
        hooks.runtime = runtime
        hooks.holds = asyncio.Event()
        new = config(answer="new")
        new["server"]["reload"] = {"timeout": "200ms"}
        async with asyncio.TaskGroup() as group:
            task = group.create_task(runtime.reload(new))
            await settled(lambda: len(hooks.heard) == 2)
            with suppress(TimeoutError):
                async with asyncio.timeout(0.3):
                    await asyncio.Event().wait()
            hooks.holds.set()
        assert task.result().generation == 2
        assert runtime.history[-1].outcome == "applied"


async def test_a_cancellation_after_the_swap_does_not_call_the_reload_canceled(
    hooks: Hooks,
) -> None:
    """The history says what runs."""
    async with opened() as runtime:
        hooks.runtime = runtime
        hooks.holds = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            task = group.create_task(runtime.reload(config(answer="new")))
            await settled(lambda: len(hooks.heard) == 2)
            task.cancel()
            hooks.holds.set()
        assert runtime.generation == 2
        await settled(lambda: len(runtime.history) == 2)
        assert runtime.history[-1].outcome == "applied"


async def test_a_config_that_disables_a_plugin_is_not_refused_by_it(hooks: Hooks) -> None:
    async with opened() as runtime:
        hooks.runtime = runtime
        hooks.refuses = "never"
        report = await runtime.reload(
            {**config(answer="new"), "plugins": {"disable": ["listener"]}}
        )
    assert report.generation == 2
    assert hooks.heard == []
