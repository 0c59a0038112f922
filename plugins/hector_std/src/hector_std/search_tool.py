"""The tool `search`: document stores as a model asks them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import attrs

from hector.errors import HectorError, ToolArgumentsError, ToolError, UsageError
from hector.message import JSONObject, JSONValue
from hector.spi import (
    Doc,
    DocumentStore,
    Length,
    Passage,
    Range,
    Tool,
    ToolContext,
    ToolOutput,
    ToolSpec,
    function_tool,
)

__all__ = ["SearchTool"]

MOST_RESULTS = 50
_RANK_OFFSET = 60  # reciprocal-rank fusion: Cormack, Clarke and Büttcher, SIGIR 2009


class SearchTool:
    """Searches one or several document stores at once.

    The answer is JSON: `query`; `results`, best first, each with `document`, `store`, `title`,
    `heading`, `start_line`, `end_line`, `score` and `content`; and `failed`, from store to reason,
    when some stores could not be searched. Scores of different stores do not compare, so results of
    several stores are merged by their ranks (reciprocal-rank fusion).
    """

    def __init__(
        self, stores: Sequence[DocumentStore], limit: int | None = None, *, timeout_s: float = 30
    ) -> None:
        """Make the tool.

        Args:
            stores: at least one; their names differ.
            limit: results when the model names no number, 1 to 50; None takes each store's own
                number, and at most 10 where several are merged.
            timeout_s: how long one store may take before it counts as failed.
        """
        names = [store.name for store in stores]
        if not stores or len(set(names)) < len(names):
            raise UsageError(f"`search` needs stores with names of their own, not {names}")
        if limit is not None and not 1 <= limit <= MOST_RESULTS:
            raise UsageError(f"limit must be from 1 to {MOST_RESULTS}, not {limit}")
        self._stores: Mapping[str, DocumentStore] = {store.name: store for store in stores}
        self._limit = limit
        self._timeout_s = timeout_s
        several = len(stores) > 1
        self._tool: Tool = function_tool(
            self._search_some if several else self._search_all,
            name="search",
            description=_description(stores),
            effect="pure",
        )
        self._spec = self._with_names(self._tool.spec) if several else self._tool.spec

    @property
    def spec(self) -> ToolSpec:
        """See `Tool`."""
        return self._spec

    async def call(self, arguments: JSONObject, context: ToolContext) -> ToolOutput | JSONValue:
        """See `Tool`."""
        return await self._tool.call(arguments, context)

    async def _search_all(
        self,
        query: Annotated[str, Doc("what to look for, in words"), Length(1)],
        limit: Annotated[int | None, Doc("most results"), Range(1, MOST_RESULTS)] = None,
    ) -> JSONObject:
        return await self._search(query, list(self._stores), limit)

    async def _search_some(
        self,
        query: Annotated[str, Doc("what to look for, in words"), Length(1)],
        stores: Annotated[list[str] | None, Doc("the stores to search; all if omitted")] = None,
        limit: Annotated[int | None, Doc("most results"), Range(1, MOST_RESULTS)] = None,
    ) -> JSONObject:
        wanted = list(dict.fromkeys(stores or self._stores))
        if unknown := [name for name in wanted if name not in self._stores]:
            raise ToolArgumentsError(
                f"`search` was not called. argument `stores`: there is no {_quoted(unknown)}; "
                f"there are: {_quoted(self._stores)}"
            )
        return await self._search(query, wanted, limit)

    def _with_names(self, spec: ToolSpec) -> ToolSpec:
        properties: Any = spec.parameters["properties"]
        names: JSONValue = {"type": "array", "items": {"enum": list(self._stores)}}
        stores = {**properties["stores"], "anyOf": [names, {"type": "null"}]}
        parameters = {**spec.parameters, "properties": {**properties, "stores": stores}}
        return attrs.evolve(spec, parameters=parameters)

    async def _search(self, query: str, names: list[str], limit: int | None) -> JSONObject:
        limit = limit or self._limit
        async with asyncio.TaskGroup() as group:
            tasks = {
                name: group.create_task(self._ask(self._stores[name], query, limit))
                for name in names
            }
        answers = {name: task.result() for name, task in tasks.items()}
        failed = {name: answer for name, answer in answers.items() if isinstance(answer, str)}
        found = [answer for answer in answers.values() if not isinstance(answer, str)]
        if not found:
            reasons = "; ".join(f"`{name}`: {reason}" for name, reason in failed.items())
            raise ToolError(f"nothing could be searched. {reasons}")
        merged = list(found[0]) if len(names) == 1 else _merged(found)[: limit or 10]
        results: list[JSONValue] = [_shown(passage) for passage in merged]
        answer: dict[str, JSONValue] = {"query": query, "results": results}
        return {**answer, "failed": failed} if failed else answer

    async def _ask(
        self, store: DocumentStore, query: str, limit: int | None
    ) -> Sequence[Passage] | str:
        """The passages, or why there are none."""
        try:
            async with asyncio.timeout(self._timeout_s):
                return await store.search(query, limit=limit)
        except TimeoutError:
            return f"no answer in {self._timeout_s:g} s"
        except HectorError as error:
            return error.message


def _description(stores: Sequence[DocumentStore]) -> str:
    """Made of what does not change between calls, so that prompt caches hold."""
    known = "\n".join(
        f"- {store.name}: {store.description}" if store.description else f"- {store.name}"
        for store in stores
    )
    return (
        "Search documents for passages about a question. Search before you answer from memory, "
        f"and name the documents you used.\n\nSearched are:\n{known}"
    )


def _quoted(names: Sequence[str] | Mapping[str, object]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _merged(answers: Sequence[Sequence[Passage]]) -> list[Passage]:
    """Reciprocal-rank fusion; the same passage out of two stores counts as one."""
    scores: dict[tuple[str, str, int], float] = {}
    passages: dict[tuple[str, str, int], Passage] = {}
    for answer in answers:
        for rank, passage in enumerate(answer, 1):
            key = (passage.document_id, passage.text, passage.start_line)
            scores[key] = scores.get(key, 0.0) + 1 / (_RANK_OFFSET + rank)
            passages.setdefault(key, passage)
    return [passages[key] for key in sorted(scores, key=lambda key: -scores[key])]


def _shown(passage: Passage) -> JSONObject:
    return {
        "document": passage.document_id,
        "store": passage.store,
        "title": passage.title,
        "heading": passage.heading,
        "start_line": passage.start_line,
        "end_line": passage.end_line,
        "score": round(passage.score, 4),
        "content": passage.text,
    }
