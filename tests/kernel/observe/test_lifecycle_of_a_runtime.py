"""What plugins hear of a real runtime's reloads, and what they can do about them."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import attrs
import pytest
from pausing import PausingLLM, config, pausing, settled

from hector import Runtime
from hector.errors import ComponentOpenError, ReloadRefusedError
from hector.spi import GenerationChange

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
def hooks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hooks]:
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
    HOOKS.__init__()
    yield HOOKS
    sys.modules.pop("plugin_listener", None)  # else it counts as removed while its code runs


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
