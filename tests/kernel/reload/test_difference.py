"""A reload costs what changed: everything else is the same object, process, connection and index."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import attrs
import pytest
from reload_configs import ALWAYS, OPTIONAL, Wanted
from reload_ledger import Ledger, part_of

from hector import Runtime
from hector.message import Event, JSONObject, TextPart
from hector.spi import LLM, BuildContext, Invocation, Provider, Secret, ToolContext, ToolSpec

MCP_SERVER = Path(__file__).parents[2] / "plugins" / "mcp" / "programs" / "plain_server.py"
FULL = dict.fromkeys((*ALWAYS, *OPTIONAL), "a")


@pytest.mark.parametrize(
    ("changed", "rebuilt"),
    [
        ("llms.other", {"llms.other", "agents.sub", "agents.root"}),
        ("tools.say", {"tools.say", "agents.helper", "agents.root"}),
        ("embedders.default", {"embedders.default", "document_stores.docs", "agents.root"}),
        ("agents.helper", {"agents.helper", "agents.root"}),
        ("agents.root", {"agents.root"}),
    ],
)
async def test_only_what_changed_and_what_uses_it_is_rebuilt(
    ledger: Ledger, changed: str, rebuilt: set[str]
) -> None:
    """With the key that caused it; nothing else opens, closes or is indexed."""
    async with Runtime.open(Wanted(FULL).config(), env={}, providers=ledger.providers()) as runtime:
        await runtime.document_store("docs").search("what is it?")
        opened = len(ledger.parts)
        report = await runtime.reload(Wanted({**FULL, changed: "b"}).config())

        assert set(report.rebuilt) == rebuilt
        assert report.carried_over == len(FULL) - len(rebuilt)
        assert report.added == report.removed == ()
        key = f"{changed}.answer"
        assert report.changes[changed].causes == (key,)
        assert {part.path for part in ledger.parts[opened:]} == rebuilt
        await runtime.document_store("docs").search("what is it?")
        passes = 2 if "document_stores.docs" in rebuilt else 1
        assert len(ledger.passes) == passes


async def test_a_rotated_variable_rebuilds_exactly_its_users(tmp_path: Path) -> None:
    """A key in `.env` is rotated: the two that read it are new, the rest is not; its value is nowhere."""
    built: list[str] = []

    @attrs.frozen(kw_only=True)
    class KeySettings:
        """Two ways to a key."""

        key: Secret | None = None
        text: str = ""

    def create(settings: KeySettings, context: BuildContext) -> LLM:
        built.append(context.name)
        return part_free_llm()

    providers = [Provider(kind="llm", type="keyed", settings=KeySettings, create=create)]
    (tmp_path / ".env").write_text("ONE=first\nTWO=second\n")
    file = tmp_path / "hector.yaml"
    entries = {
        "a": {"key": "${ONE}"},
        "b": {"text": "with ${ONE} inside"},
        "c": {"key": "${TWO}"},
        "d": {"text": "none"},
    }
    llms = {name: {"provider": "keyed", **entry} for name, entry in entries.items()}
    agents = {f"by_{name}": {"llm": name} for name in entries}
    file.write_text(json.dumps({"llms": llms, "agents": agents}))
    async with Runtime.open(file, providers=providers) as runtime:
        before = {name: runtime.llm(name) for name in entries}
        built.clear()
        (tmp_path / ".env").write_text("ONE=rotated\nTWO=second\n")
        report = await runtime.reload()

        assert sorted(built) == ["a", "b"]
        assert report.rebuilt == ("agents.by_a", "agents.by_b", "llms.a", "llms.b")
        assert runtime.llm("c") is before["c"]
        assert runtime.llm("d") is before["d"]
        assert report.changes["llms.a"].causes == ("llms.a.key",)
        assert "rotated" not in repr((report, runtime.history))
        assert not (await runtime.reload()).is_changed


def part_free_llm() -> LLM:
    """An LLM that needs nothing."""
    from hector.testing import ScriptedLLM

    return ScriptedLLM("fine")


async def test_an_mcp_server_is_not_restarted_unless_it_changed(tmp_path: Path) -> None:
    """Its process is the same over other reloads; its own change starts another and ends the first."""

    def config(instruction: str, journal: str = "one") -> dict[str, Any]:
        args = [str(MCP_SERVER), str(tmp_path / journal)]
        return {
            "llms": {"default": {"provider": "offline"}},
            "tools": {"box": {"type": "mcp", "command": sys.executable, "args": args}},
            "agents": {"root": {"instruction": instruction, "tools": ["box"]}},
        }

    def children() -> set[int]:
        path = Path(f"/proc/self/task/{os.getpid()}/children")
        return {int(word) for word in path.read_text().split()}

    if sys.platform != "linux":
        pytest.skip("reads /proc")
    others = children()
    async with Runtime.open(config("a"), env=dict(os.environ)) as runtime:
        toolset = runtime.toolset("box")
        processes = children() - others
        assert len(processes) == 1
        for instruction in "bcd":
            report = await runtime.reload(config(instruction))
            assert report.rebuilt == ("agents.root",)
        assert runtime.toolset("box") is toolset
        assert children() - others == processes
        assert toolset.tools()

        await runtime.reload(config("d", "two"))
        async with asyncio.timeout(10):
            while runtime.health().draining or children() - others >= processes:
                await asyncio.sleep(0.01)
        assert len(children() - others) == 1
        assert runtime.toolset("box").tools()
    assert children() - others == set()


class Echo:
    """A tool that the program adds."""

    spec = ToolSpec(name="echo", description="echoes", effect="pure")

    async def call(self, arguments: JSONObject, context: ToolContext) -> str:
        return "echo"


@attrs.frozen
class Guest:
    """An agent that the program adds."""

    name: str
    description: str = "a guest"

    async def run(self, invocation: Invocation) -> AsyncGenerator[Event]:
        yield invocation.event(TextPart(f"{self.name} was here"))


async def test_what_the_program_adds_survives_every_reload(ledger: Ledger) -> None:
    """Sub-agents, agent tools, direct tools and factories: the same objects, twenty generations on."""
    given: list[tuple[str, Any]] = []
    wrapped: list[str] = []

    @attrs.frozen(kw_only=True)
    class HostSettings:
        """A version."""

        version: int = 0

    def host(settings: HostSettings, context: BuildContext) -> Guest:
        given.append((context.name, context.injected))
        return Guest(context.name)

    async def factory(context: BuildContext, settings: Any, default: Any) -> LLM:
        wrapped.append(context.name)
        llm: LLM = await default()
        return llm

    guest, helper, echo = Guest("guest"), Guest("helper"), Echo()
    providers = (
        *ledger.providers(),
        Provider(kind="agent", type="host", settings=HostSettings, create=host),
    )

    def config(version: int) -> dict[str, Any]:
        return {
            "llms": {"default": {"provider": "ledger", "answer": str(version)}},
            "agents": {"root": {"type": "host", "version": version}},
        }

    async with Runtime.open(
        config(0),
        env={},
        providers=providers,
        llm_factory=factory,
        sub_agents={"root": [guest]},
        agent_tools={"root": [helper]},
        direct_tools={"root": [echo]},
    ) as runtime:
        for version in range(1, 21):
            await runtime.reload(config(version))
            assert part_of(runtime.llm("default")).answer == str(version)
        assert runtime.generation == 21
    assert wrapped == ["default"] * 21
    assert len(given) == 21
    for name, injected in given:
        assert name == "root"
        assert injected.sub_agents == (guest,)
        assert injected.agent_tools == (helper,)
        assert injected.tools == (echo,)
    assert all(injected.sub_agents[0] is guest for _, injected in given)
    assert ledger.faults == []
