"""What stands behind the references of a component that is tested alone."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from hector.message import Event, TextPart
from hector.spi import EmbedPurpose, Filter, Invocation, Passage, Vector
from hector.testing.in_memory_vectors import InMemoryVectors
from hector.testing.recording_tool import RecordingToolset
from hector.testing.scripted import ScriptedLLM

__all__ = ["AnsweringAgent", "FakeDocumentStore", "HashEmbedder", "fake_components"]

_MANY = 10_000


class HashEmbedder:
    """Implements `hector.spi.IdentifiedEmbedder`, too: a text's vector follows from its SHA-256, and means nothing.

    Attributes:
        model: its name.
        dimension: of its vectors, 1…32.
    """

    def __init__(self, dimension: int = 8, model: str = "hash") -> None:
        """Take the length of the vectors and a name."""
        self.dimension = dimension
        self.model = model

    async def embed(
        self, texts: Sequence[str], *, purpose: EmbedPurpose = "document"
    ) -> Sequence[Vector]:
        """See `Embedder.embed`; both purposes share one space."""
        return [self._vector(text) for text in texts]

    def identity(self, purpose: EmbedPurpose) -> str:
        """See `IdentifiedEmbedder.identity`."""
        return f"hash:{self.model}:{self.dimension}"

    def _vector(self, text: str) -> Vector:
        digest = hashlib.sha256(text.encode(errors="surrogatepass")).digest()
        return [byte / 127.5 - 1 for byte in digest[: self.dimension]]


class FakeDocumentStore:
    """Implements `hector.spi.DocumentStore` over a fixed list of texts: the first ones are the best.

    Attributes:
        name: its name.
        description: what is in it.
    """

    def __init__(self, name: str = "helper", texts: Sequence[str] = ("Bees make honey.",)) -> None:
        """Take what every search gives."""
        self.name = name
        self.description = "documents for a test"
        self._texts = tuple(texts)

    async def search(
        self, query: str, *, limit: int | None = None, where: Filter | None = None
    ) -> Sequence[Passage]:
        """See `DocumentStore.search`."""
        return [
            Passage(document_id=f"d{place}", text=text, score=1 / place, store=self.name)
            for place, text in enumerate(self._texts[:limit], 1)
        ]


class AnsweringAgent:
    """Implements `hector.spi.Agent`: answers with what it was asked, in one recorded message.

    Attributes:
        name: its name.
        description: what it is good for.
    """

    def __init__(self, name: str = "helper") -> None:
        """Take a name."""
        self.name = name
        self.description = "says again what it was told"

    async def run(self, invocation: Invocation) -> AsyncIterator[Event]:
        """See `Agent.run`."""
        yield invocation.event(TextPart(f"{self.name} heard: {invocation.message.text}"))


def fake_components(names: Mapping[str, Sequence[str]]) -> dict[tuple[str, str], Any]:
    """A fake for each name of each kind of reference.

    Args:
        names: kind of reference to names; a member after a dot belongs to the name before it.
            `default`, which settings name that say nothing, is always there.
    """
    found: dict[tuple[str, str], Any] = {}
    for kind, of_kind in names.items():
        for name in {"default", *(item.partition(".")[0] for item in of_kind)}:
            found[kind, name] = _fake(kind, name)
    return found


def _fake(kind: str, name: str) -> Any:
    match kind:
        case "llm":
            return ScriptedLLM(*["I am a script."] * _MANY)
        case "embedder":
            return HashEmbedder()
        case "vector_store":
            return InMemoryVectors()
        case "toolset":
            return RecordingToolset()
        case "document_store":
            return FakeDocumentStore(name)
        case "agent":
            return AnsweringAgent(name)
        case _:
            raise NotImplementedError(f"no fake stands for a reference to {kind}")
