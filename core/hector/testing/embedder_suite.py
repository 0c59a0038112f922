"""The laws of an embedder, as tests to inherit."""

from __future__ import annotations

import asyncio
import math
from contextlib import AbstractAsyncContextManager

from hypothesis import given, settings
from hypothesis import strategies as st

from hector.spi import Embedder, Vector
from hector.testing.alphabet import ENCODABLE
from hector.testing.laws import law
from hector.testing.opened import SLOW_IS_FINE, Opened
from hector.testing.profiles import examples

__all__ = ["EmbedderSuite"]


class EmbedderSuite:
    """Subclass it in a test module, say how to `open` the embedder, and pytest runs its laws.

    ```python
    class TestMyEmbedder(EmbedderSuite):
        def open(self):
            return open_my_embedder(MySettings(), build_context)
    ```

    Attributes:
        max_examples: how many random inputs each law is tried on; lower it for an embedder that
            costs a request.
        tolerance: by how much components may differ where the same text is embedded twice; 0 means
            not at all.
    """

    max_examples: int = 25
    tolerance: float = 0.0

    def open(self) -> AbstractAsyncContextManager[Embedder]:
        """Give a fresh embedder as an async context manager; called once per test."""
        raise NotImplementedError

    def _check(self, opened: Opened[Embedder], texts: list[str]) -> list[Vector]:
        vectors = list(opened.run(_embed(opened.component, texts)))
        assert len(vectors) == len(texts), f"{len(texts)} texts gave {len(vectors)} vectors"
        for vector in vectors:
            assert len(vector) == opened.component.dimension
            assert all(math.isfinite(component) for component in vector)
        return vectors

    def _assert_same(self, left: Vector, right: Vector) -> None:
        assert len(left) == len(right)
        worst = max((abs(a - b) for a, b in zip(left, right, strict=True)), default=0.0)
        assert worst <= self.tolerance, f"components differ by up to {worst}"

    @law(
        "EMB-001",
        since="0.1",
        why="Collections are made with the dimension, and spans and caches go by the model.",
        fix="Set both before `create` is done; ask the service once where the length is not known.",
    )
    def test_has_a_model_and_a_dimension(self) -> None:
        """An embedder says its `model`, and its `dimension`, which is more than 0."""
        with Opened(self.open) as opened:
            assert opened.component.model
            assert opened.component.dimension > 0

    @law(
        "EMB-002",
        since="0.1",
        why="A document without chunks is none too few; many services refuse an empty list.",
        fix="Return an empty list before anything is sent.",
    )
    def test_no_texts_give_no_vectors(self) -> None:
        """No texts give no vectors, and no error."""
        with Opened(self.open) as opened:
            assert self._check(opened, []) == []

    @law(
        "EMB-003",
        since="0.1",
        why="One blank text must not take a batch of a thousand with it.",
        fix="Send something in its place where the service refuses it, such as a space, or give the zero vector.",
    )
    def test_an_empty_text_has_a_vector(self) -> None:
        """An empty text has a vector."""
        with Opened(self.open) as opened:
            self._check(opened, ["", "word", ""])

    @law(
        "EMB-004",
        since="0.1",
        why="Search compares vectors that were made in batches with one that was made alone.",
        fix="Sort by the index that the service gives, normalise each vector by itself, and set `tolerance` in the "
        "suite for a service whose numbers vary.",
    )
    def test_a_batch_is_the_map_of_its_texts(self) -> None:
        """Each text of a batch has the vector that it has alone, in the order of the texts."""

        @settings(
            max_examples=examples(self.max_examples),
            deadline=None,
            suppress_health_check=SLOW_IS_FINE,
        )
        @given(st.lists(st.text(ENCODABLE, max_size=60), max_size=6))
        def law(texts: list[str]) -> None:
            together = self._check(opened, texts)
            for text, vector in zip(texts, together, strict=True):
                self._assert_same(vector, self._check(opened, [text])[0])

        with Opened(self.open) as opened:
            law()

    @law(
        "EMB-005",
        since="0.1",
        why="What was indexed before a restart is searched after it.",
        fix="Fix seeds, and take no state of the process, such as `hash`, into a vector.",
    )
    def test_a_second_instance_agrees(self) -> None:
        """The same text has the same vector in another instance."""
        texts = ["The session keeps every event.", "Größe über alles", "top_k = 10"]
        with Opened(self.open) as first, Opened(self.open) as second:
            for left, right in zip(
                self._check(first, texts), self._check(second, texts), strict=True
            ):
                self._assert_same(left, right)

    @law(
        "EMB-006",
        since="0.1",
        why="Indexing sends what it has; a service's limit is the adapter's to know.",
        fix="Cut the texts into batches of what the service takes, and join the answers in order.",
    )
    def test_a_large_batch_keeps_its_order(self) -> None:
        """More texts than one request takes come back complete and in order."""
        texts = [f"number {number} of the batch" for number in range(300)]
        with Opened(self.open) as opened:
            vectors = self._check(opened, texts)
            for position in (0, 149, 299):
                self._assert_same(vectors[position], self._check(opened, [texts[position]])[0])

    @law(
        "EMB-007",
        since="0.1",
        why="Indexing and searching go on at once, on one instance.",
        fix="Keep what belongs to a call in local variables; guard a model that takes one call at a time.",
    )
    def test_concurrent_calls_do_not_mix(self) -> None:
        """Calls at the same time each get their own vectors."""
        texts = [f"call number {number}" for number in range(8)]

        async def together(embedder: Embedder) -> list[Vector]:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(_embed(embedder, [text])) for text in texts]
            return [task.result()[0] for task in tasks]

        with Opened(self.open) as opened:
            for text, vector in zip(texts, opened.run(together(opened.component)), strict=True):
                self._assert_same(vector, self._check(opened, [text])[0])


async def _embed(embedder: Embedder, texts: list[str]) -> list[Vector]:
    return list(await embedder.embed(texts))
