"""A folder of Markdown, through every layer, to the answer of the search tool."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, cast

import pytest

from hector.rag import Pipeline, open_document_store, pipeline_fingerprint
from hector.spi import Invocation, ToolContext
from hector_std.chromem import ChromemSettings
from hector_std.chromem.store import open_chromem
from hector_std.chunkers.by_structure import SemanticChunker
from hector_std.directory import DirectorySettings
from hector_std.directory_source import DirectorySource
from hector_std.lexical import LexicalSettings
from hector_std.lexical.embedder import create_lexical
from hector_std.search_tool import SearchTool
from hector_std.text_parsers import HtmlParser, MarkdownParser, TextParser

PAGES = {
    "install.md": "# Installation\n\n## With make\n\nRun `make run` in a fresh clone. It needs "
    "Python 3.11 or newer.\n\n## With pip\n\nInstall the wheel with `pip install hector`.\n",
    "config.md": "---\ntitle: Configuration\n---\n\n"
    "A config file names models, tools, documents and agents.\n\n"
    "## Interpolation\n\n`${NAME}` is replaced by the environment variable of that name.\n\n"
    "```yaml\nllms:\n  main:\n    provider: openai\n```\n",
    "guide/sessions.md": "# Sessions\n\nThe event log is kept in SQLite, so that a conversation "
    "survives a restart.\n\n## Forking\n\nA session can be forked at any event.\n",
    "guide/page.html": "<title>Servers</title><nav>Home</nav><h1>Servers</h1>"
    "<p>The server binds to the loopback address by default.</p>",
    "notes.txt": "Lunch is at noon on Tuesdays.\n",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in PAGES.items():
        path = tmp_path / "docs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "docs" / "logo.json").write_bytes(b"\x00\x01\x02")
    return tmp_path / "docs"


def built(folder: Path, vectors: Any) -> Pipeline:
    embedder = create_lexical(LexicalSettings())
    return Pipeline(
        source=DirectorySource(DirectorySettings(path=folder)),
        parsers=(MarkdownParser(), HtmlParser(), TextParser()),
        chunker=SemanticChunker(400, 40),
        embedder=embedder,
        vector_store=vectors,
        fingerprint=pipeline_fingerprint(
            embedder=embedder, chunking={"size": 400}, parsers=["markdown", "html", "text"]
        ),
        collection="docs",
    )


async def ask(tool: SearchTool, query: str) -> Any:
    context = ToolContext(call_id="c", idempotency_key="k", invocation=cast("Invocation", None))
    return await tool.call({"query": query, "limit": 1}, context)


@pytest.mark.parametrize(
    ("query", "document", "heading", "text"),
    [
        ("Which Python version is needed?", "install.md", "Installation", "3.11"),
        ("How do I use an environment variable?", "config.md", "Interpolation", "${NAME}"),
        ("does a conversation survive a restart", "guide/sessions.md", "Sessions", "SQLite"),
        ("which address does the server bind to", "guide/page.html", "Servers", "loopback"),
        ("when is lunch", "notes.txt", "", "noon"),
    ],
)
async def test_a_question_finds_the_passage_that_answers_it(
    folder: Path, query: str, document: str, heading: str, text: str
) -> None:
    async with (
        open_chromem(ChromemSettings()) as vectors,
        open_document_store("docs", built(folder, vectors)) as store,
    ):
        answer = await ask(SearchTool([store]), query)
        result = answer["results"][0]
        assert result["document"] == document
        assert heading in result["heading"]
        assert text in result["content"]
        if document.endswith(".md"):
            lines = (folder / document).read_text().split("\n")
            shown = "\n".join(lines[result["start_line"] - 1 : result["end_line"]])
            assert result["content"] == shown


async def test_an_edited_folder_is_searched_as_it_is_now_after_a_restart(folder: Path) -> None:
    storage = ChromemSettings(persist_path=folder.parent / "vectors")
    async with (
        open_chromem(storage) as vectors,
        open_document_store("docs", built(folder, vectors)) as store,
    ):
        await store.search("lunch")
        assert store.status.indexed == len(PAGES)
        assert [failure.id for failure in store.status.failed] == ["logo.json"]

    (folder / "notes.txt").write_text("Dinner is at eight.\n")
    (folder / "install.md").unlink()
    async with (
        open_chromem(storage) as vectors,
        open_document_store("docs", built(folder, vectors)) as store,
    ):
        texts = [passage.text for passage in await store.search("lunch or dinner", limit=50)]
        assert (store.status.indexed, store.status.skipped) == (1, len(PAGES) - 2)
        assert "Dinner is at eight." in texts
        assert not [text for text in texts if "Lunch" in text or "make run" in text]


async def test_many_documents_are_indexed_while_the_loop_stays_responsive(tmp_path: Path) -> None:
    for number in range(200):
        page = f"# Page {number}\n\n" + f"Words about topic{number} in a sentence.\n\n" * 20
        (tmp_path / f"{number:03}.md").write_text(page)
    async with (
        open_chromem(ChromemSettings()) as vectors,
        open_document_store("docs", built(tmp_path, vectors)) as store,
    ):
        ticks = 0
        while store.status.state in ("waiting", "indexing"):
            await asyncio.sleep(0)
            ticks += 1
        assert ticks > 200
        assert store.status.indexed == 200
        assert (await store.search("topic42"))[0].document_id == "042.md"
