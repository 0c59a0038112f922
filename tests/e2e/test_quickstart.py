"""The quickstart as a newcomer meets it: the real command, the real documents, every layer."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator, Generator
from pathlib import Path

import httpx
import pytest
from a2a.client import ClientConfig, create_client
from a2a.helpers import new_text_message
from a2a.types import a2a_pb2

ROOT = Path(__file__).parents[2]
HECTOR = (sys.executable, "-m", "hector")


@pytest.fixture(scope="module")
def quickstart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example beside a copy of the documents, as in the repository; returns its config."""
    root = tmp_path_factory.mktemp("repository")
    shutil.copytree(ROOT / "docs", root / "docs")
    ignored = shutil.ignore_patterns(".hector")
    shutil.copytree(
        ROOT / "examples" / "quickstart", root / "examples" / "quickstart", ignore=ignored
    )
    return root / "examples" / "quickstart" / "config.yaml"


def hector(*args: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*HECTOR, *map(str, args)], capture_output=True, text=True, timeout=60, check=False
    )


def test_the_config_is_valid(quickstart: Path) -> None:
    """Without a warning, too."""
    done = hector("validate", "--strict", quickstart)

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("question", "sentence", "source"),
    [
        (
            "What is a lease?",
            "A lease is what an invocation holds on a generation while it runs.",
            "concepts.md",
        ),
        (
            "What is a generation?",
            "A generation is an immutable set of live components built from one plan.",
            "concepts.md",
        ),
    ],
)
def test_a_question_is_answered_from_the_documents_with_its_source(
    quickstart: Path, question: str, sentence: str, source: str
) -> None:
    """Document store, chunker, embedder, vector store, search tool, model and session, in one command."""
    done = hector("run", question, "--config", quickstart)

    assert done.returncode == 0, done.stderr
    assert sentence in done.stdout
    assert source in done.stdout
    assert "calls search" in done.stderr


def test_a_question_the_documents_do_not_answer_is_not_answered(quickstart: Path) -> None:
    """It says so, and how to get a real model."""
    done = hector("run", "Who won the world cup in 1954?", "--config", quickstart)

    assert done.returncode == 0
    assert "found nothing that answers it" in done.stdout
    assert "OPENAI_API_KEY" in done.stdout


def test_json_prints_one_event_per_line(quickstart: Path) -> None:
    """From `started` to `finished`, through the tool; the deltas joined are the answer."""
    done = hector("run", "What is a lease?", "--json", "--config", quickstart)

    events = [json.loads(line) for line in done.stdout.splitlines()]
    kinds = [event["kind"] for event in events]
    assert kinds[0] == "started"
    assert kinds[-1] == "finished"
    assert {"tool_intent", "tool_result", "delta", "message"} <= set(kinds)
    pieces = [event["parts"][0]["text"] for event in events if event["kind"] == "delta"]
    answer = next(event for event in reversed(events) if event["kind"] == "message")
    assert len(pieces) > 10
    assert "".join(pieces) == answer["parts"][0]["text"]


def test_unchanged_documents_are_not_indexed_again(quickstart: Path) -> None:
    """The second start finds its index."""
    hector("run", "What is a lease?", "--config", quickstart)
    vectors = quickstart.parent / ".hector" / "vectors"
    before = {path: path.stat().st_mtime_ns for path in vectors.glob("*.sqlite3")}

    hector("run", "What is a lease?", "--config", quickstart)

    assert before
    assert {path: path.stat().st_mtime_ns for path in vectors.glob("*.sqlite3")} == before


@pytest.fixture(scope="module")
def server(quickstart: Path) -> Generator[str]:
    """`hector serve` on the quickstart; gives its address and ends it with SIGTERM, which must be clean."""
    process = subprocess.Popen(
        [*HECTOR, "serve", "--config", str(quickstart), "--port", "0"],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "NO_COLOR": "1"},
    )
    assert process.stderr is not None
    try:
        for line in process.stderr:
            if found := re.search(r"ready at (http://\S+)", line):
                yield found.group(1)
                break
        else:
            pytest.fail("the server ended before it was ready")
    finally:
        process.send_signal(signal.SIGTERM)
        _, rest = process.communicate(timeout=30)
    assert process.returncode == 0, rest


async def stream(address: str, question: str) -> AsyncGenerator[a2a_pb2.StreamResponse]:
    async with httpx.AsyncClient(timeout=30) as http:
        client = await create_client(
            f"{address}/agents/hector", ClientConfig(streaming=True, httpx_client=http)
        )
        message = new_text_message(question, role=a2a_pb2.ROLE_USER)
        request = a2a_pb2.SendMessageRequest(message=message)
        async for event in client.send_message(request):
            yield event


async def test_the_official_client_streams_an_answer(server: str) -> None:
    """Discovery by the card, then an answer in many pieces, once, to a completed task."""
    pieces: list[str] = []
    states: list[int] = []
    async for event in stream(server, "What is a lease?"):
        if event.HasField("artifact_update"):
            pieces += [part.text for part in event.artifact_update.artifact.parts if part.text]
        if event.HasField("status_update"):
            states.append(event.status_update.status.state)

    answer = "".join(pieces)
    assert len(pieces) > 5
    assert answer.count("A lease is what an invocation holds on a generation while it runs.") == 1
    assert states[-1] == a2a_pb2.TASK_STATE_COMPLETED


def test_the_server_tells_of_itself(server: str) -> None:
    """Health, the list of agents, and the card."""
    health = httpx.get(f"{server}/health").json()
    agents = httpx.get(f"{server}/agents").json()
    card = httpx.get(f"{server}/.well-known/agent-card.json").json()

    assert (health["status"], health["agents"], health["generation"]) == ("ok", 1, 1)
    assert [agent["name"] for agent in agents["agents"]] == ["Hector's guide"]
    assert card["name"] == "Hector's guide"
