"""The memory index of a runtime: agents search it, reloads leave it alone, restarts find it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from hector import Runtime
from hector.errors import ComponentOpenError, ConfigError, MemoryIndexError
from hector.message import DataPart, Event, TextPart, ToolCall, ToolResult
from hector.spi import LLMRequest, MemoryHit, MemoryIndex, MemoryStatus, Provider, SessionKey
from hector.testing import Reply, ScriptedLLM, scripted_provider
from hector_std.lexical import LexicalSettings
from hector_std.lexical.embedder import create_lexical

KEYWORD: dict[str, Any] = {"type": "keyword"}
VECTOR: dict[str, Any] = {"type": "vector", "embedder": "words", "vector_store": "kept"}


def config(folder: Path, index: dict[str, Any] | None, **keys: Any) -> dict[str, Any]:
    server: dict[str, Any] = {"sessions": {"backend": "sql", "database": "main"}}
    if index is not None:
        server["index"] = index
    return {
        "name": "shop",
        "llms": {"default": {"provider": "scripted"}},
        "embedders": {"words": {"provider": "lexical", "dimension": 256}},
        "vector_stores": {"kept": {"type": "chromem", "persist_path": str(folder / "vectors")}},
        "databases": {"main": {"driver": "sqlite", "database": str(folder / "sessions.db")}},
        "server": server,
        "tools": {"memory": {"type": "memory"}},
        "agents": {"main": {"tools": ["memory"]}},
        **keys,
    }


def answer(request: LLMRequest) -> str | ToolCall:
    """Look up what a user asks for with `find …`; say something else to anything else."""
    last = request.messages[-1]
    if last.role == "user" and last.text.startswith("find "):
        return ToolCall(
            id=f"c{len(request.messages)}",
            name="search_memory",
            arguments={"query": last.text.removeprefix("find "), "limit": 5},
        )
    return "noted"


@asynccontextmanager
async def opened(
    config: dict[str, Any], *replies: Reply, index: MemoryIndex | None = None
) -> AsyncGenerator[Runtime]:
    llm = ScriptedLLM(*(replies or [answer] * 200))
    async with (
        asyncio.timeout(30),
        Runtime.open(config, env={}, providers=[scripted_provider(llm)], index=index) as runtime,
    ):
        yield runtime


async def say(runtime: Runtime, text: str, *, user: str = "ann", session: str = "s") -> list[Event]:
    events = [event async for event in runtime.run("main", text, user=user, session=session)]
    assert events[-1].outcome == "completed", events[-1].failure
    return events


async def look_up(runtime: Runtime, query: str, **whose: str) -> ToolResult:
    if runtime.memory is not None:
        await runtime.memory.catch_up()
    events = await say(runtime, f"find {query}", **whose)
    (result,) = [part for event in events for part in event.parts if isinstance(part, ToolResult)]
    return result


async def found(runtime: Runtime, query: str, **whose: str) -> list[dict[str, Any]]:
    result = await look_up(runtime, query, **whose)
    assert not result.is_error
    (content,) = result.content
    assert isinstance(content, TextPart | DataPart)
    value: Any = content.value if isinstance(content, DataPart) else json.loads(content.text)
    assert value["query"] == query
    results: list[dict[str, Any]] = value["results"]
    return results


def texts(results: list[dict[str, Any]]) -> list[str]:
    """Without what was asked for earlier."""
    return [item["text"] for item in results if not item["text"].startswith("find ")]


@pytest.mark.parametrize("index", [KEYWORD, VECTOR], ids=["keyword", "vector"])
async def test_an_agent_finds_what_its_user_said_and_nobody_elses(
    tmp_path: Path, index: dict[str, Any]
) -> None:
    """In other sessions and after a restart; what another user said is not there at all."""
    async with opened(config(tmp_path, index)) as runtime:
        await say(runtime, "my bicycle is green", session="old")
        await say(runtime, "my bicycle was stolen", user="bob")
        (hit, *_) = await found(runtime, "bicycle", session="new")
        assert (hit["session"], hit["author"], hit["text"]) == (
            "old",
            "user",
            "my bicycle is green",
        )
        assert hit["time"].endswith("+00:00")
    async with opened(config(tmp_path, index)) as runtime:
        assert "my bicycle is green" in texts(await found(runtime, "bicycle"))
        assert "my bicycle was stolen" not in texts(await found(runtime, "bicycle", session="x"))
        assert texts(await found(runtime, "bicycle", user="bob"))[0] == "my bicycle was stolen"
        await runtime.sessions.delete(SessionKey("shop", "ann", "old"))
        assert "my bicycle is green" not in texts(await found(runtime, "bicycle"))


async def test_the_index_survives_reloads(tmp_path: Path) -> None:
    """The same object goes on; a changed index waits for a restart, and the report says so."""
    async with opened(config(tmp_path, KEYWORD)) as runtime:
        memory = runtime.memory
        await say(runtime, "my bicycle is green", session="old")
        changed = config(tmp_path, VECTOR, description="new")
        report = await runtime.reload(changed)
        assert report.is_changed
        assert [need.subject for need in report.needs_restart] == ["server.index"]
        assert runtime.memory is memory
        assert texts(await found(runtime, "bicycle")) == ["my bicycle is green"]


async def test_an_embedder_that_changes_is_told_to_need_a_restart(tmp_path: Path) -> None:
    """Its vectors do not mix with those of the other; after the restart all are made again."""
    other = {"words": {"provider": "lexical", "dimension": 128}}
    async with opened(config(tmp_path, VECTOR)) as runtime:
        await say(runtime, "my bicycle is green", session="old")
        report = await runtime.reload(config(tmp_path, VECTOR, embedders=other))
        (need,) = report.needs_restart
        assert (need.subject, need.reason) == ("server.index", "changed: embedders.words.dimension")
        assert "my bicycle is green" in texts(await found(runtime, "bicycle"))
    async with opened(config(tmp_path, VECTOR, embedders=other)) as runtime:
        assert "my bicycle is green" in texts(await found(runtime, "bicycle"))


async def test_without_an_index_the_agent_is_told(tmp_path: Path) -> None:
    async with opened(config(tmp_path, None)) as runtime:
        assert runtime.memory is None
        result = await look_up(runtime, "bicycle")
        assert result.is_error
        assert result.content == (
            TextPart("the memory could not be searched: there is no memory index to search"),
        )


async def test_sessions_in_memory_have_an_index_in_memory(tmp_path: Path) -> None:
    plain = config(tmp_path, KEYWORD)
    del plain["server"]["sessions"]
    async with opened(plain) as runtime:
        await say(runtime, "my bicycle is green", session="old")
        assert texts(await found(runtime, "bicycle")) == ["my bicycle is green"]
    assert not list(tmp_path.glob("*.db"))


class Elsewhere:
    """An index of the embedding program."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, str, int]] = []

    async def search(
        self, app: str, user: str, query: str, *, limit: int = 10
    ) -> Sequence[MemoryHit]:
        self.asked.append((app, user, query, limit))
        key = SessionKey(app, user, "far")
        return [
            MemoryHit(
                key=key,
                sequence=1,
                event_id="e",
                author="user",
                timestamp=float("inf"),
                text="x" * 3000,
                score=1.0,
            )
        ]

    async def catch_up(self) -> None:
        return None

    async def rebuild(self) -> None:
        raise MemoryIndexError("nobody asks for this")

    def status(self) -> MemoryStatus:
        return MemoryStatus(state="current")


async def test_an_index_that_was_handed_over_takes_its_place(tmp_path: Path) -> None:
    """It is asked for the user of the invocation; long texts are cut, and no time is no error."""
    index = Elsewhere()
    async with opened(config(tmp_path, KEYWORD), index=index) as runtime:
        assert runtime.memory is index
        assert await found(runtime, "bicycle") == [
            {"session": "far", "time": None, "author": "user", "text": "x" * 2000 + "…"}
        ]
    assert index.asked == [("shop", "ann", "bicycle", 7)]  # two of them may be of this invocation
    assert not (tmp_path / "sessions.memory.db").exists()


@pytest.mark.parametrize("spelling", ["server.memory", "storage.memory", "storage.index"])
async def test_later_spellings_mean_the_same(tmp_path: Path, spelling: str) -> None:
    section, key = spelling.split(".")
    spelt = config(tmp_path, None)
    spelt.setdefault(section, {})[key] = VECTOR
    async with opened(spelt) as runtime:
        assert [(item.code, item.path) for item in runtime.config.warnings] == [("H111", spelling)]
        await say(runtime, "my bicycle is green", session="old")
        assert "my bicycle is green" in texts(await found(runtime, "bicycle"))


@pytest.mark.parametrize(
    ("index", "path", "message"),
    [
        ({"type": "keyword", "embedder": "words"}, "embedder", "has no effect unless `type` is `vector`"),
        ({"vector_store": "kept"}, "vector_store", "has no effect unless `type` is `vector`"),
        ({"type": "vector", "embedder": "wrods"}, "embedder", "there is no embedder `wrods`"),
        ({"type": "vectors"}, "type", "`vectors` is not allowed here"),
    ],
)  # fmt: skip
async def test_what_does_not_go_together_is_refused(
    tmp_path: Path, index: dict[str, Any], path: str, message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        await opened(config(tmp_path, index)).__aenter__()
    assert [(item.path, item.message) for item in caught.value.diagnostics] == [
        (f"server.index.{path}", message)
    ]


async def test_an_embedder_that_only_one_can_hold_is_refused(tmp_path: Path) -> None:
    """The generations have it already."""
    provider = Provider(
        kind="embedder",
        type="held",
        settings=LexicalSettings,
        create=lambda settings, _context: create_lexical(settings),
        exclusive=lambda _settings: ["port:127.0.0.1:9000"],
    )
    held = config(tmp_path, VECTOR, embedders={"words": {"provider": "held"}})
    llm = scripted_provider(ScriptedLLM("noted"))
    with pytest.raises(ComponentOpenError) as caught:
        await Runtime.open(held, env={}, providers=[llm, provider]).__aenter__()
    assert caught.value.component == "embedders.words"
    assert caught.value.hint == "name another one under `server.index`"


async def test_a_vector_index_needs_to_know_its_parts(tmp_path: Path) -> None:
    """Which is clear when there is only one of each, or one that is called `default`."""
    two = {"a": {"provider": "lexical"}, "b": {"provider": "lexical"}}
    with pytest.raises(ConfigError) as caught:
        await opened(config(tmp_path, {"type": "vector"}, embedders=two)).__aenter__()
    (problem,) = caught.value.diagnostics
    assert (problem.code, problem.path, problem.message) == (
        "H105",
        "server.index.embedder",
        "is missing",
    )
    three = {**two, "default": {"provider": "lexical", "dimension": 64}}
    async with opened(config(tmp_path, {"type": "vector"}, embedders=three)) as runtime:
        entry = runtime.config.server.index
        assert entry is not None
        assert entry.embedder_entry is not None
        assert entry.embedder_entry.path == "embedders.default"
