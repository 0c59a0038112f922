"""The search tool: one or several stores, merged, and honest about those that failed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any, cast

import attrs
import jsonschema
import pytest

from hector.errors import DocumentError, ToolArgumentsError, ToolError, UsageError
from hector.spi import Filter, Invocation, Passage, ToolContext
from hector_std.conformance import TestSearchOfOneStore, TestSearchOfTwoStores
from hector_std.search_tool import SearchTool

__all__ = ["TestSearchOfOneStore", "TestSearchOfTwoStores"]

CONTEXT = ToolContext(call_id="c", idempotency_key="k", invocation=cast("Invocation", None))


@attrs.define
class ListedStore:
    """A store of ready passages that remembers the limits it was asked with."""

    name: str
    texts: list[str]
    description: str = "notes"
    failure: Exception | None = None
    hangs: bool = False
    limits: list[int | None] = attrs.field(factory=list["int | None"])

    async def search(
        self, query: str, *, limit: int | None = None, where: Filter | None = None
    ) -> Sequence[Passage]:
        self.limits.append(limit)
        if self.hangs:
            await asyncio.Event().wait()
        if self.failure:
            raise self.failure
        return [
            Passage(
                document_id=f"{text}.md", text=text, score=0.91234567 - index / 10,
                store=self.name, title="T", heading="T > H", start_line=3, end_line=4,
            )
            for index, text in enumerate(self.texts[:limit])
        ]  # fmt: skip


@attrs.frozen
class OneTool:
    tool: SearchTool

    def tools(self) -> Sequence[SearchTool]:
        return [self.tool]


async def ask(tool: SearchTool, **arguments: Any) -> Any:
    return await tool.call({"query": "q", **arguments}, CONTEXT)


def contents(answer: Any) -> list[str]:
    return [result["content"] for result in answer["results"]]


async def test_the_answer_of_one_store_has_this_shape() -> None:
    answer = await ask(SearchTool([ListedStore("docs", ["a"])]))
    assert json.loads(json.dumps(answer)) == {
        "query": "q",
        "results": [
            {
                "document": "a.md",
                "store": "docs",
                "title": "T",
                "heading": "T > H",
                "start_line": 3,
                "end_line": 4,
                "score": 0.9123,
                "content": "a",
            }
        ],
    }


async def test_the_limit_is_the_models_then_the_tools_then_the_stores() -> None:
    store = ListedStore("docs", ["a", "b", "c"])
    await ask(SearchTool([store], 2), limit=1)
    await ask(SearchTool([store], 2))
    await ask(SearchTool([store]))
    assert store.limits == [1, 2, None]


async def test_several_stores_are_merged_by_rank_and_a_shared_passage_comes_first() -> None:
    tool = SearchTool([ListedStore("docs", ["a", "b", "x"]), ListedStore("wiki", ["c", "x"])])
    assert contents(await ask(tool)) == ["x", "a", "c", "b"]
    assert contents(await ask(tool, limit=2)) == ["a", "c"]
    assert contents(await ask(tool, stores=["wiki"])) == ["c", "x"]


async def test_a_store_that_fails_or_hangs_is_named_and_the_others_answer() -> None:
    tool = SearchTool(
        [
            ListedStore("docs", ["a"]),
            ListedStore("down", [], failure=DocumentError("no index")),
            ListedStore("slow", [], hangs=True),
        ],
        timeout_s=0.05,
    )
    answer = await ask(tool)
    assert contents(answer) == ["a"]
    assert answer["failed"] == {"down": "no index", "slow": "no answer in 0.05 s"}


async def test_when_every_store_fails_the_call_fails() -> None:
    tool = SearchTool([ListedStore("down", [], failure=DocumentError("no index"))])
    with pytest.raises(ToolError) as caught:
        await ask(tool)
    assert caught.value.message == "nothing could be searched. `down`: no index"


async def test_an_unknown_store_is_refused_with_those_there_are() -> None:
    tool = SearchTool([ListedStore("docs", []), ListedStore("wiki", [])])
    with pytest.raises(ToolArgumentsError, match="there is no `web`; there are: `docs`, `wiki`"):
        await ask(tool, stores=["web"])


def test_the_description_names_the_stores_and_the_schema_offers_them_only_if_several() -> None:
    one = SearchTool([ListedStore("docs", [])]).spec
    two = SearchTool([ListedStore("docs", []), ListedStore("wiki", [], description="")]).spec
    assert list(cast("Any", one.parameters["properties"])) == ["query", "limit"]
    assert two.description.endswith("Searched are:\n- docs: notes\n- wiki")
    schema = jsonschema.Draft202012Validator(two.parameters)
    assert schema.is_valid({"query": "q", "stores": ["wiki"]})  # pyright: ignore[reportUnknownMemberType]
    assert not schema.is_valid({"query": "q", "stores": ["web"]})  # pyright: ignore[reportUnknownMemberType]


def test_stores_of_one_name_and_limits_out_of_range_are_refused() -> None:
    with pytest.raises(UsageError):
        SearchTool([ListedStore("docs", []), ListedStore("docs", [])])
    with pytest.raises(UsageError, match="limit must be from 1 to 50, not 51"):
        SearchTool([ListedStore("docs", [])], 51)
