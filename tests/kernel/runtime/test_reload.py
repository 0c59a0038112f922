"""Reload in its plain form: build beside, swap, close after the last lease, keep the old on failure."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Any

import pytest

from hector import Runtime
from hector.errors import (
    ComponentOpenError,
    ConfigError,
    GenerationNotFoundError,
    ReloadConflictError,
)


def config(**llms: dict[str, Any]) -> dict[str, Any]:
    return {
        "llms": {name: {"provider": "diary", **settings} for name, settings in llms.items()},
        "agents": {f"agent-{name}": {"llm": name, "tools": []} for name in llms},
    }


async def answer(runtime: Runtime, agent: str) -> str:
    events = [event async for event in runtime.run(agent, "hi")]
    return "".join(event.text for event in events if event.kind == "message")


async def settle(diary: Any, line: str) -> None:
    while line not in diary.lines:
        await asyncio.sleep(0)


async def test_only_what_changed_is_built_anew(diary: Any) -> None:
    """An unchanged component is the same object; the changed one answers anew; the old one is closed."""
    async with Runtime.open(
        config(one={}, two={"answer": "old"}), providers=diary.providers()
    ) as runtime:
        one, two = runtime.llm("one"), runtime.llm("two")
        report = await runtime.reload(config(one={}, two={"answer": "new"}, three={}))
        while runtime.health().draining:
            await asyncio.sleep(0)

        assert runtime.generation == report.generation == 2
        assert runtime.llm("one") is one
        assert runtime.llm("two") is not two
        assert await answer(runtime, "agent-two") == "new"
        assert report.rebuilt == ("agents.agent-two", "llms.two")
        assert report.added == ("agents.agent-three", "llms.three")
        assert report.carried_over == 2
        assert "close llms.two" in diary.lines

    assert diary.lines.count("open llms.one") == diary.lines.count("close llms.one") == 1


@pytest.mark.parametrize("fails", ["create", "open", "wrong_type"])
async def test_a_reload_that_fails_leaves_no_trace(diary: Any, fails: str) -> None:
    """The running generation is the same object; what was built for the new one is closed again."""
    async with Runtime.open(config(one={}), providers=diary.providers()) as runtime:
        one, agent = runtime.llm("one"), runtime.agent("agent-one")
        with pytest.raises((ComponentOpenError, Exception)):
            await runtime.reload(config(one={"answer": "x"}, fine={}, bad={"fails": fails}))

        assert runtime.generation == 1
        assert runtime.llm("one") is one
        assert runtime.agent("agent-one") is agent
        assert await answer(runtime, "agent-one") == "fine"
        opened = sorted(line[5:] for line in diary.lines if line.startswith("open "))
        closed = sorted(line[6:] for line in diary.lines if line.startswith("close "))
        assert opened == sorted([*closed, "llms.one"])


async def test_a_config_that_is_wrong_changes_nothing(diary: Any) -> None:
    """Nothing is built for it at all."""
    async with Runtime.open(config(one={}), providers=diary.providers()) as runtime:
        with pytest.raises(ConfigError):
            await runtime.reload({**config(one={}), "nonsense": True})

        assert runtime.generation == 1
        assert diary.lines == ["open llms.one"]


async def test_cancelling_a_reload_leaves_no_trace(diary: Any) -> None:
    """Also when it is stopped while a component hangs."""
    async with Runtime.open(config(one={}), providers=diary.providers()) as runtime:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(runtime.reload(config(one={}, fine={}, bad={"fails": "hang"})))
            await settle(diary, "open llms.fine")
            task.cancel()

        assert task.cancelled()
        assert runtime.generation == 1
        assert diary.lines == ["open llms.one", "open llms.fine", "close llms.fine"]
        report = await runtime.reload(config(one={}, two={}))
        assert report.generation == 2


async def test_the_same_config_is_no_reload(diary: Any) -> None:
    """Unchanged settings are a no-op."""
    async with Runtime.open(config(one={}), providers=diary.providers()) as runtime:
        report = await runtime.reload(config(one={}))

        assert not report.is_changed
        assert runtime.generation == 1


async def test_an_invocation_ends_on_the_generation_it_began_on(diary: Any) -> None:
    """Its components stay open until its last event; new ones run on the new generation at once."""
    async with Runtime.open(config(one={"answer": "old"}), providers=diary.providers()) as runtime:
        async with aclosing(runtime.run("agent-one", "hi")) as events:
            first = await anext(events)
            await runtime.reload(config(one={"answer": "new"}))
            assert await answer(runtime, "agent-one") == "new"
            assert "close llms.one" not in diary.lines
            assert runtime.health().draining == {1: 1}
            rest = [event async for event in events]
        await settle(diary, "close llms.one")

        assert first.generation == 1
        assert {event.generation for event in rest} == {1}
        assert "old" in [event.text for event in rest]


async def test_an_agent_that_is_gone_from_the_config_is_gone_at_once(diary: Any) -> None:
    """Neither listed nor callable."""
    async with Runtime.open(config(one={}, two={}), providers=diary.providers()) as runtime:
        await runtime.reload(config(one={}))

        assert list(runtime.agents) == ["agent-one"]
        with pytest.raises(LookupError):
            await answer(runtime, "agent-two")


async def test_changes_that_need_a_restart_are_reported(diary: Any) -> None:
    """Port and name cannot change while it runs; sessions go on under the old name."""
    async with Runtime.open(config(one={}), providers=diary.providers()) as runtime:
        changed = {**config(one={"weight": 2}), "name": "other", "server": {"port": 9999}}
        report = await runtime.reload(changed)

        assert [need.subject for need in report.needs_restart] == ["name", "server.port"]
        assert runtime.name == "hector"


async def test_reloads_come_one_after_the_other_and_the_latest_wins(diary: Any) -> None:
    """Those that still wait when a later one comes give way to it, and are told so."""
    async with Runtime.open(config(one={}), providers=diary.providers()) as runtime:
        answers = [config(one={"answer": str(number)}) for number in range(5)]
        done = await asyncio.gather(
            *(runtime.reload(item) for item in answers), return_exceptions=True
        )

        told = (
            "[H312] a later reload (program) replaced this one while it waited for its turn\n"
            "  hint: nothing is to be done: the latest config wins"
        )
        assert [str(item) for item in done[1:4]] == [told] * 3
        assert await answer(runtime, "agent-one") == "4"
        assert [record.outcome for record in runtime.history][1:] == [
            "applied",
            *["superseded"] * 3,
            "applied",
        ]
    assert diary.lines.count("open llms.one") == diary.lines.count("close llms.one") == 3


async def test_reloads_that_wait_for_the_same_config_share_one_answer(diary: Any) -> None:
    """Ten that came while one was under way are answered by one more."""
    source = config(one={})
    async with Runtime.open(source, providers=diary.providers()) as runtime:
        source["llms"]["one"]["answer"] = "new"
        reports = await asyncio.gather(*(runtime.reload() for _ in range(11)))

        assert {report.generation for report in reports} == {2}
        assert len({id(report) for report in reports}) == 1


async def test_an_etag_that_is_not_the_running_one_is_refused(diary: Any) -> None:
    """And the right one is accepted; afterwards it is another."""
    async with Runtime.open(config(one={}), providers=diary.providers()) as runtime:
        etag = runtime.etag
        await runtime.reload(config(one={}, two={}), if_match=etag)
        with pytest.raises(ReloadConflictError) as caught:
            await runtime.reload(config(one={}), if_match=etag)

        assert (caught.value.expected, caught.value.running) == (etag, runtime.etag)
        assert runtime.generation == 2


async def test_rollback_returns_to_an_earlier_config(diary: Any) -> None:
    """To the one before, or to any that is kept; what is not kept is refused by name."""
    async with Runtime.open(
        config(one={"answer": "first"}), providers=diary.providers()
    ) as runtime:
        await runtime.reload(config(one={"answer": "second"}))
        await runtime.reload(config(one={"answer": "third"}))
        await runtime.rollback()
        assert await answer(runtime, "agent-one") == "second"
        await runtime.rollback(1)
        assert await answer(runtime, "agent-one") == "first"

        with pytest.raises(GenerationNotFoundError) as caught:
            await runtime.rollback(9)
        assert caught.value.known == (1, 2, 3, 4)
        assert runtime.generation == 5


async def test_a_file_that_was_emptied_is_refused(diary: Any, tmp_path: Any) -> None:
    """It was caught between being cut off and being written; to run nothing, a config says so."""
    import json

    file = tmp_path / "hector.json"
    file.write_text(json.dumps(config(one={})))
    yaml = tmp_path / "hector.yaml"
    yaml.write_text(" \n")
    async with Runtime.open(file, providers=diary.providers()) as runtime:
        with pytest.raises(ConfigError) as caught:
            await runtime.reload(yaml)
        assert str(caught.value.diagnostics[0]) == (
            f"{yaml}: [H101] is empty, and what runs is not\n"
            "  hint: to run nothing on purpose, write `agents: {}`"
        )
        assert list(runtime.agents) == ["agent-one"]

        yaml.write_text("agents: {}\n")
        await runtime.reload(yaml)
        assert list(runtime.agents) == []
