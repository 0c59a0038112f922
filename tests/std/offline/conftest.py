"""The corpus, found as the product finds it: cut at headings, embedded, searched in chromem."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from hector.message import JSONValue
from hector.spi import VectorRecord
from hector_std.chromem import ChromemSettings
from hector_std.chromem.store import open_chromem
from hector_std.lexical.embedder import Lexical

CORPUS = Path(__file__).parent / "corpus"
_HEADING = re.compile(r"^(#{1,6}) (.*)$")


def _chunks(path: Path) -> list[dict[str, JSONValue]]:
    """One chunk per section: its text below the heading, and the headings it stands under."""
    chunks: list[dict[str, JSONValue]] = []
    trail: list[str] = []
    lines = path.read_text("utf-8").splitlines()
    starts = [number for number, line in enumerate(lines) if _HEADING.match(line)]
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        match = _HEADING.match(lines[start])
        assert match
        trail = [*trail[: len(match[1]) - 1], match[2]]
        text = "\n".join(lines[start + 1 : end]).strip()
        if text:
            place = {"start_line": start + 1, "end_line": end, "heading": " > ".join(trail)}
            chunks.append({"document": path.name, "title": trail[0], "content": text, **place})
    return chunks


async def _search(query: str) -> dict[str, JSONValue]:
    embedder = Lexical(1024)
    chunks = [chunk for path in sorted(CORPUS.glob("*.md")) for chunk in _chunks(path)]
    texts = [f"{chunk['heading']}\n{chunk['content']}" for chunk in chunks]
    vectors = await embedder.embed(texts)
    async with open_chromem(ChromemSettings()) as store:
        await store.create_collection("docs", dimension=embedder.dimension)
        records = [
            VectorRecord(id=str(number), vector=vector) for number, vector in enumerate(vectors)
        ]
        await store.upsert("docs", records)
        (vector,) = await embedder.embed([query], purpose="query")
        hits = await store.search("docs", vector, limit=6)
    results = [{**chunks[int(hit.id)], "score": hit.score, "store": "docs"} for hit in hits]
    return {"query": query, "results": results}


@pytest.fixture
def search_corpus() -> Callable[[str], Awaitable[dict[str, JSONValue]]]:
    """What the `search` tool answers for a query."""
    return _search
