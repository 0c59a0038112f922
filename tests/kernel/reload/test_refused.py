"""What a reload does not do: it says so in full, and what ran before runs on."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import pytest
from reload_configs import ALWAYS, Wanted
from reload_exclusive import exclusive_provider
from reload_ledger import Ledger

from hector import Runtime
from hector.errors import (
    ComponentTimeoutError,
    ConfigError,
    ReloadConflictError,
    ReloadTimeoutError,
    UsageError,
)

ANSWERS = dict.fromkeys((*ALWAYS, "agents.sub"), "a")


def config(**changes: Any) -> dict[str, Any]:
    """A root agent and its sub-agent, with other keys at the root."""
    return {**Wanted(ANSWERS).config(), **changes}


def agents(**changes: Any) -> dict[str, Any]:
    """The same with other agents."""
    return config(agents={**config()["agents"], **changes})


@pytest.fixture
async def runtime(ledger: Ledger) -> AsyncGenerator[Runtime]:
    """A runtime of that config; at the end it has done nothing wrong and holds nothing."""
    async with Runtime.open(config(), env={}, providers=ledger.providers()) as runtime:
        yield runtime
    assert ledger.faults == []
    assert not ledger.open


async def still_serves(runtime: Runtime, ledger: Ledger) -> None:
    """Generation 1 answers, and nothing of another is open."""
    assert runtime.generation == 1
    assert runtime.health().status == "ok"
    assert len(ledger.open) == len(ANSWERS)
    events = [event async for event in runtime.run("root", "hi")]
    assert events[-1].outcome == "completed"
    assert {event.generation for event in events} == {1}


def findings(error: ConfigError) -> list[tuple[str, str, str]]:
    """Code, path and message of each."""
    return [(item.code, item.path, item.message) for item in error.diagnostics]


async def test_a_dependency_cycle_is_refused(runtime: Runtime, ledger: Ledger) -> None:
    """With the circle written out."""
    circle = {"type": "ledger", "sub_agents": ["root"]}
    with pytest.raises(ConfigError) as caught:
        await runtime.reload(agents(sub=circle))

    assert findings(caught.value) == [
        (
            "H109",
            "agents.sub.sub_agents[0]",
            "circular reference: agents.root → agents.sub → agents.root",
        )
    ]
    await still_serves(runtime, ledger)


async def test_a_reference_to_what_was_removed_is_refused(runtime: Runtime, ledger: Ledger) -> None:
    """An agent that others use cannot just go."""
    changed = config()
    del changed["agents"]["sub"]
    with pytest.raises(ConfigError) as caught:
        await runtime.reload(changed)

    [(code, path, message)] = findings(caught.value)
    assert (code, path) == ("H108", "agents.root.sub_agents[0]")
    assert "`sub`" in message
    await still_serves(runtime, ledger)


async def test_an_agent_that_something_is_injected_into_stays(ledger: Ledger) -> None:
    """Whoever embeds the runtime relies on it."""
    changed = config()
    del changed["agents"]["sub"]
    changed["agents"]["root"].pop("sub_agents")
    async with Runtime.open(
        config(), env={}, providers=ledger.providers(), direct_tools={"sub": ()}
    ) as runtime:
        with pytest.raises(UsageError) as caught:
            await runtime.reload(changed)
        assert caught.value.message == (
            "something is injected into agent `sub`, which the config does not have"
        )
        await still_serves(runtime, ledger)


async def test_what_only_a_restart_can_change_is_reported(runtime: Runtime, ledger: Ledger) -> None:
    """Host, port, name of the app and the sessions' place; the rest of the config is applied."""
    server = {**config()["server"], "host": "127.0.0.2", "port": 9999}
    report = await runtime.reload(config(name="other", description="new", server=server))

    assert [need.subject for need in report.needs_restart] == ["name", "server.host", "server.port"]
    assert runtime.name == "hector"
    assert runtime.config.description == "new"
    events = [event async for event in runtime.run("root", "hi", session="s")]
    assert events[-1].outcome == "completed"
    assert ledger.faults == []


async def test_a_component_that_hangs_is_given_up_at_its_deadline(
    runtime: Runtime, ledger: Ledger
) -> None:
    """The deadline is that of the new config."""
    changed = Wanted({**ANSWERS, "llms.default": "b"}, "llms.default", "hang").config()
    changed["server"]["build_timeout"] = 0.05
    with pytest.raises(ComponentTimeoutError) as caught:
        await runtime.reload(changed)

    assert caught.value.message == "`llms.default` did not open within 0.05 s"
    assert not ledger.hanging
    await still_serves(runtime, ledger)


async def test_a_reload_that_takes_too_long_is_given_up_as_a_whole(
    runtime: Runtime, ledger: Ledger
) -> None:
    """Whatever it waits for."""
    changed = Wanted({**ANSWERS, "llms.default": "b"}, "llms.default", "hang").config()
    changed["server"]["reload"]["timeout"] = 0.3
    with pytest.raises(ReloadTimeoutError) as caught:
        await runtime.reload(changed)

    assert caught.value.message == "the reload took longer than 0.3 s"
    assert not ledger.hanging
    await still_serves(runtime, ledger)


async def test_an_etag_that_is_not_the_running_ones_is_refused(
    runtime: Runtime, ledger: Ledger
) -> None:
    """Somebody else was faster; with the right one it is applied."""
    changed = Wanted({**ANSWERS, "llms.default": "b"}).config()
    with pytest.raises(ReloadConflictError) as caught:
        await runtime.reload(changed, if_match="0" * 32)
    assert caught.value.message == (
        f"the running config has etag `{runtime.etag}`, not `{'0' * 32}`: somebody changed it meanwhile"
    )
    await still_serves(runtime, ledger)

    report = await runtime.reload(changed, if_match=runtime.etag)
    assert report.etag == runtime.etag
    assert runtime.generation == 2


# ------------------------------------------------------------------------------------ exclusive things


def locking(answer: str, *, fails: str = "no", file: str = "one", **others: Any) -> dict[str, Any]:
    """A config whose LLM holds a file."""
    llm = {"provider": "locked", "file": file, "answer": answer, "fails": fails}
    return config(llms={"default": llm, **others})


async def test_two_components_at_one_exclusive_thing_are_refused(ledger: Ledger) -> None:
    """The config names both."""
    providers = (*ledger.providers(), exclusive_provider(ledger, set()))
    async with Runtime.open(locking("a"), env={}, providers=providers) as runtime:
        second = {"provider": "locked", "answer": "b"}
        with pytest.raises(ConfigError) as caught:
            await runtime.reload(locking("a", second=second))
        [(code, path, message)] = findings(caught.value)
        assert (code, path) == ("H120", "llms.second")
        assert "llms.default" in message
        await still_serves(runtime, ledger)


async def test_an_exclusive_thing_changes_hands(ledger: Ledger) -> None:
    """The old one lets go first, once the invocations that use it have ended; new ones wait meanwhile."""
    locks = set[str]()
    providers = (*ledger.providers(), exclusive_provider(ledger, locks))
    async with Runtime.open(locking("a"), env={}, providers=providers) as runtime:
        report = await runtime.reload(locking("b"))
        assert report.changes["llms.default"].is_exclusive
        events = [event async for event in runtime.run("root", "hi")]
        assert events[-1].outcome == "completed"
        assert {part.answer for part in ledger.open if part.path == "llms.default"} == {"b"}
        report = await runtime.reload(locking("b", file="two"))
        assert not report.changes["llms.default"].is_exclusive
        assert locks >= {"two"}
    assert locks == set()
    assert ledger.faults == []


@pytest.mark.parametrize("fails", ["create", "open"])
async def test_an_exclusive_thing_goes_back_when_the_new_one_fails(
    ledger: Ledger, fails: str
) -> None:
    """The old config is built again, and answers."""
    locks = set[str]()
    providers = (*ledger.providers(), exclusive_provider(ledger, locks))
    async with Runtime.open(locking("a"), env={}, providers=providers) as runtime:
        with pytest.raises(Exception, match=r"llms\.default"):
            await runtime.reload(locking("b", fails=fails))
        assert runtime.health().status == "ok"
        events = [event async for event in runtime.run("root", "hi")]
        assert events[-1].outcome == "completed"
        assert {part.answer for part in ledger.open} == {"a"}
        assert len(ledger.open) == len(ANSWERS)
    assert locks == set()
    assert ledger.faults == []


async def test_going_back_after_a_failed_hand_over_skips_what_runs_again(ledger: Ledger) -> None:
    """The old config runs as a generation of its own: the one before it says the same."""
    providers = (*ledger.providers(), exclusive_provider(ledger, set()))
    async with Runtime.open(locking("a"), env={}, providers=providers) as runtime:
        await runtime.reload(locking("b"))
        with pytest.raises(Exception, match=r"llms\.default"):
            await runtime.reload(locking("c", fails="open"))
        assert runtime.generation == 3
        assert [item.generation for item in runtime.history if item.can_return] == [1, 2]

        report = await runtime.rollback()
        assert report.generation == 4
        assert runtime.llm("default").model == "a"
    assert ledger.faults == []


async def test_the_renamed_app_keeps_its_sessions(runtime: Runtime) -> None:
    """They go on under the name the runtime was opened with."""
    async with aclosing(runtime.run("root", "hi", session="s")) as events:
        async for _ in events:
            pass
    await runtime.reload(config(name="other"))
    events = [event async for event in runtime.run("root", "again", session="s")]
    assert events[0].sequence is not None
    assert events[0].sequence > 1
