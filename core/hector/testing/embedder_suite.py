"""The laws of an embedder, as tests to inherit."""

from __future__ import annotations

import asyncio
import json
import math
import os
import pickle
import subprocess
import sys
from contextlib import AbstractAsyncContextManager
from typing import get_args

from hypothesis import given, settings
from hypothesis import strategies as st

from hector.spi import Embedder, EmbedPurpose, IdentifiedEmbedder, Vector
from hector.testing.alphabet import ENCODABLE
from hector.testing.laws import law, unsupported
from hector.testing.opened import SLOW_IS_FINE, Opened
from hector.testing.profiles import examples
from hector.testing.watched_calls import LONGEST_HOLD_S, ends_when_cancelled, holds_up

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
        is_in_process: whether the vectors are computed here, so that another process must compute the same; false for
            those of a service.
    """

    max_examples: int = 25
    tolerance: float = 0.0
    is_in_process: bool = True

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
        with Opened(self.open) as first, Opened(self.open) as second:
            for left, right in zip(
                self._check(first, _TEXTS), self._check(second, _TEXTS), strict=True
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

    @law(
        "EMB-008",
        since="0.1",
        why="Vectors are kept under the identity, and used again by whoever has the same one.",
        fix="Make the name from the provider, the server, the model and the settings that decide a vector, and from"
        " nothing of the instance.",
    )
    def test_the_identity_is_that_of_every_instance(self) -> None:
        """An embedder that says its `identity` says the same one in another instance."""
        if not self.is_in_process:
            unsupported("an identity that stays: each test has a server of its own")
        names: list[list[str]] = []
        for _ in range(2):
            with Opened(self.open) as opened:
                embedder = opened.component
                if not isinstance(embedder, IdentifiedEmbedder):
                    unsupported("vectors that are kept: it has no `identity`")
                names.append([embedder.identity(purpose) for purpose in get_args(EmbedPurpose)])
        assert names[0] == names[1]

    @law(
        "EMB-009",
        since="0.1",
        why="What one process indexed, others search, today and after each restart.",
        fix="Take nothing of the process into a vector: no `hash` of a string, no seed that is not fixed, no order of"
        " a set.",
    )
    def test_another_process_agrees(self) -> None:
        """The same text has the same vector in another process."""
        if not self.is_in_process:
            unsupported("vectors of its own: they come from a service")
        elsewhere = "another process: the suite stands where that cannot import it"
        if "<locals>" in type(self).__qualname__:
            unsupported(elsewhere)
        with Opened(self.open) as opened:
            vectors = self._check(opened, _TEXTS)
        command = [sys.executable, "-c", _ELSEWHERE, type(self).__module__, type(self).__qualname__]
        done = subprocess.run(
            command,
            input=json.dumps([sys.path, _TEXTS, pickle.dumps(vars(self)).hex()]),
            env={**os.environ, "PYTHONHASHSEED": "1234"},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        if done.returncode == _NOT_THERE:
            unsupported(elsewhere)
        assert done.returncode == 0, f"the other process failed: {done.stderr[-2000:]}"
        others = json.loads(done.stdout.splitlines()[-1])
        for left, right in zip(vectors, others, strict=True):
            self._assert_same(left, right)

    @law(
        "EMB-010",
        since="0.1",
        why="While one call computes, no other session is served.",
        fix="Run what computes with `asyncio.to_thread`, or await what can be awaited.",
    )
    def test_embedding_does_not_hold_up_the_loop(self) -> None:
        """Embedding leaves the event loop to others at least twice a second."""
        with Opened(self.open) as opened:
            held_s = opened.run(holds_up(lambda: _embed(opened.component, _TEXTS * 4)))
        assert held_s < LONGEST_HOLD_S, f"it held the loop up for {held_s:.1f} s"

    @law(
        "EMB-011",
        since="0.1",
        why="Who cancels waits for the end; vectors that come all the same are those of nothing.",
        fix="Let `CancelledError` through.",
    )
    def test_a_call_that_is_cancelled_ends(self) -> None:
        """A call that is cancelled ends as cancelled within a second, at whatever step."""
        with Opened(self.open) as opened:
            opened.run(ends_when_cancelled("embed", lambda: _embed(opened.component, _TEXTS)))


_TEXTS = ["The session keeps every event.", "Größe über alles", "top_k = 10"]

_NOT_THERE = 3
"""What the process below ends with where it cannot import the suite."""

_ELSEWHERE = """\
import asyncio, json, pickle, sys
from importlib import import_module

sys.path[:], texts, fixed = json.loads(sys.stdin.read())
try:
    suite = import_module(sys.argv[1])
except ModuleNotFoundError as error:
    if not f"{sys.argv[1]}.".startswith(f"{error.name}."):
        raise
    sys.exit(3)
for name in sys.argv[2].split("."):
    suite = getattr(suite, name)
suite = suite()
vars(suite).update(pickle.loads(bytes.fromhex(fixed)))  # what its fixtures have set

async def embed():
    async with suite.open() as embedder:
        return [list(map(float, vector)) for vector in await embedder.embed(texts)]

print(json.dumps(asyncio.run(embed())))
"""


async def _embed(embedder: Embedder, texts: list[str]) -> list[Vector]:
    return list(await embedder.embed(texts))
