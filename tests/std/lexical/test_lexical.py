"""The lexical embedder: its laws, what it finds, and that every process agrees."""

from __future__ import annotations

import asyncio
import json
import math
import subprocess
import sys
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hector_std.conformance import TestLexical
from hector_std.lexical.embedder import Lexical
from hector_std.lexical.features import Features

__all__ = ["TestLexical"]

PASSAGES = {
    "sessions": "A session keeps the log of a conversation. Every event is appended to the log before"
    " its effect happens, so a crash loses nothing that was acknowledged.",
    "reload": "When the config file changes, a new generation of components is built beside the running"
    " one. Requests that are under way finish on the old generation.",
    "plugins": "A plugin is an installed distribution with an entry point in the group hector.plugins."
    " It declares providers; nothing of it is imported until a config asks for it.",
    "chunking": "The semantic chunker cuts a Markdown document along its headings and keeps lists, tables"
    " and code blocks in one piece.",
    "embedders": "An embedder turns texts into vectors. The lexical embedder hashes words and character"
    " n-grams and needs no download.",
    "tools": "A function tool is made from a typed Python function: the schema comes from the signature"
    " and the descriptions from the docstring.",
    "secrets": "API keys are read from environment variables. A secret never appears in logs, traces or"
    " error messages.",
    "limits": "The agent stops after max_iterations model calls. The default is 10; reaching it is an"
    " error that names the agent.",
    "vectors": "The embedded vector store compares the query with every stored vector and returns the"
    " nearest by cosine similarity.",
    "parallel": "A parallel agent runs its sub-agents at the same time and waits for all of them.",
    "german": "Der Server bindet an die Adresse 127.0.0.1. Andere Adressen müssen in der Konfiguration"
    " ausdrücklich angegeben werden.",
    "licence": "Hector is free software under the MIT licence.",
}

QUESTIONS = {
    "What happens to a session's events when the process crashes?": "sessions",
    "Are running requests finished after the config was changed?": "reload",
    "Which entry point group does a plugin need?": "plugins",
    "How are Markdown headings used for cutting documents?": "chunking",
    "Which embedder works without downloading anything?": "embedders",
    "How do I make a tool from a Python function?": "tools",
    "Do api keys show up in the logs?": "secrets",
    "How many iterations may an agent make?": "limits",
    "How does the vector store find the nearest vectors?": "vectors",
    "Can sub-agents run in parallel?": "parallel",
    "An welche Adresse bindet der Server?": "german",
    "Under which license is Hector published?": "licence",
    "max iterations default": "limits",
    "docstring description of a function": "tools",
    "cosine": "vectors",
    "crashed conversations": "sessions",
}


def _cosine(left: Sequence[float], right: Sequence[float]) -> float:
    return sum(a * b for a, b in zip(left, right, strict=True))


async def test_finds_the_passage_that_answers() -> None:
    """Of 16 labelled questions over 12 passages, so many have theirs first, and among three."""
    embedder = Lexical(1024)
    names = list(PASSAGES)
    vectors = await embedder.embed(list(PASSAGES.values()))
    ranks: dict[str, int] = {}
    for question, wanted in QUESTIONS.items():
        (query,) = await embedder.embed([question], purpose="query")
        order = sorted(names, key=lambda name: -_cosine(query, vectors[names.index(name)]))
        ranks[question] = order.index(wanted) + 1
    assert sum(rank == 1 for rank in ranks.values()) == 16, ranks
    assert sum(rank <= 3 for rank in ranks.values()) == 16, ranks


@given(st.text(max_size=80))
def test_a_vector_has_length_one_or_zero(text: str) -> None:
    """Blank texts have the zero vector; anything else has length 1 unless its hashes cancel out."""
    (vector,) = asyncio.run(Lexical(1024).embed([text]))
    length = math.hypot(*vector)
    assert length == pytest.approx(0 if not text.strip() else 1, abs=1e-5)


def test_every_process_makes_the_same_vector() -> None:
    """The hash does not depend on the process, whatever its hash seed."""
    program = (
        "import asyncio, json; from hector_std.lexical.embedder import Lexical;"
        "print(json.dumps(list(asyncio.run(Lexical(128).embed(['Größe of a café']))[0])))"
    )
    results = [
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
            timeout=30,
        ).stdout
        for seed in ("1", "2")
    ]
    here = list(asyncio.run(Lexical(128).embed(["Größe of a café"]))[0])
    assert [json.loads(result) for result in results] == [here, here]


def test_inflections_meet_through_their_grams() -> None:
    """Two forms of a word are nearer than two words."""

    async def nearness(left: str, right: str) -> float:
        first, second = await Lexical(1024).embed([left, right])
        return _cosine(first, second)

    assert asyncio.run(nearness("configuration", "configured")) > 0.3
    assert asyncio.run(nearness("Vektoren", "Vektor")) > 0.3
    assert abs(asyncio.run(nearness("configuration", "sessions"))) < 0.15


def test_the_cache_of_words_is_bounded() -> None:
    """More different words than it holds do not change what comes out."""
    features = Features(64)
    before = features.vector("first word")
    features.vector(" ".join(f"word{number}" for number in range(9000)))
    assert features.vector("first word") == before
    assert features.known_words <= 8192


def test_declaring_it_imports_no_numpy() -> None:
    """Collecting the providers of the models and the store stays light."""
    program = (
        "import sys, hector_std.lexical, hector_std.chromem;"
        "print(sorted({'numpy', 'sqlite3', 'httpx'} & set(sys.modules)))"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=True, timeout=30, text=True
    )
    assert result.stdout.strip() == "[]"
