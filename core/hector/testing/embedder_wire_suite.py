"""The laws of an embedder behind a network, as tests to inherit."""

from __future__ import annotations

import math
import random
import traceback
from collections.abc import AsyncGenerator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import attrs
import pytest

from hector.errors import EmbedderError
from hector.spi import Embedder, Provider, Vector
from hector.testing.embedder_suite import EmbedderSuite
from hector.testing.laws import law
from hector.testing.llm_deadline_laws import SHORT_S
from hector.testing.llm_fault_laws import FAULTS, PASSING
from hector.testing.llm_wire_stage import AT_ONCE
from hector.testing.opened import Opened
from hector.testing.surroundings import open_component
from hector.testing.wire_protocol import EmbeddingWire, WireFault
from hector.testing.wire_server import WireReply, WireRequest, WireServer

__all__ = ["EmbedderWireSuite"]


@attrs.frozen
class _Stage:
    server: WireServer
    embedder: Embedder


class EmbedderWireSuite(EmbedderSuite):
    """All laws of `EmbedderSuite`, and those of the wire: batches, counts, faults, retries, deadlines, secrets.

    Subclass it, and say which provider it is, how its API is spoken, and its settings.

    Attributes:
        provider: its declaration.
        wire: its API.
        secret: the key that `settings` uses.
        dimension: length of the vectors that the server gives; `settings` must agree.
        batch_size: what `settings` says, when it may be said; small, so that there are several batches.
        max_concurrency: the same, of requests at a time.
    """

    provider: Provider
    wire: EmbeddingWire
    secret: str = "sk-wire-0123456789-very-secret"  # noqa: S105 - made up
    dimension: int = 8
    is_in_process: bool = False
    batch_size: int = 3
    max_concurrency: int = 2

    def settings(self, base_url: str, **keys: Any) -> object:
        """Settings of the provider for a server at `base_url`; as of `LLMWireSuite`, with `RequestSettings` keys."""
        raise NotImplementedError

    def open(self) -> AbstractAsyncContextManager[Embedder]:
        """See `EmbedderSuite.open`."""
        return self._open()

    @asynccontextmanager
    async def _open(self) -> AsyncGenerator[Embedder]:
        async with self._stage({}) as stage:
            yield stage.embedder

    def stage(self, **keys: Any) -> Opened[_Stage]:
        """Open server and embedder on one loop; without retries unless `keys` say so."""
        return Opened(lambda: self._stage(keys))

    @asynccontextmanager
    async def _stage(self, keys: dict[str, Any]) -> AsyncGenerator[_Stage]:
        given: dict[str, Any] = {"max_retries": 0, "retry": AT_ONCE, "timeout": 10.0, **keys}
        async with WireServer().running() as server:
            server.answer = self._answer
            settings = self.settings(f"{server.url}{self.wire.path}", **given)
            async with open_component(self.provider, settings) as embedder:
                server.requests.clear()
                yield _Stage(server, embedder)

    def _answer(self, request: WireRequest) -> WireReply:
        vectors = [self.vector(text) for text in self.wire.texts(request)]
        return self.wire.vectors(vectors, request)

    def vector(self, text: str) -> Sequence[float]:
        """What the server says of a text: the same each time, another for another text, of length 1."""
        drawn = random.Random(text.encode(errors="replace"))  # noqa: S311 - no secret hangs on it
        numbers = [drawn.uniform(-1, 1) for _ in range(self.dimension)]
        norm = math.sqrt(sum(number * number for number in numbers))
        return [number / norm for number in numbers]

    @law(
        "EMBW-001",
        since="0.1",
        why="Beyond either limit services refuse the whole of it.",
        fix="Cut by `batch_size`, bound the requests in flight by `max_concurrency`, and join by position.",
    )
    def test_many_texts_go_in_batches_and_come_back_in_order(self) -> None:
        """Texts go in batches no larger, and no more at a time, than allowed, and come back in order."""
        texts = [f"text {number}" for number in range(5 * self.batch_size + 1)]
        with self.stage() as opened:
            vectors = opened.run(_embed(opened.component, texts))
            server = opened.component.server
            sizes = [len(self.wire.texts(request)) for request in server.requests]
            assert server.most_in_flight <= self.max_concurrency
        assert max(sizes) <= self.batch_size
        assert sum(sizes) == len(texts)
        for text, vector in zip(texts, vectors, strict=True):
            assert list(vector) == pytest.approx(self.vector(text), abs=1e-6)

    @law(
        "EMBW-002",
        since="0.1",
        why="A vector under the wrong text is found for ever after, and nobody sees why.",
        fix="Check number, length and numbers of every reply, and raise `EmbedderError` with `is_retryable=False`.",
    )
    @pytest.mark.parametrize("wrong", ["fewer", "more", "shorter", "not finite"])
    def test_vectors_that_do_not_fit_the_texts_are_an_error(self, wrong: str) -> None:
        """Vectors that are too few, too many, too short or not finite are an error that no retry mends."""
        right = [self.vector("a"), self.vector("b")]
        vectors: dict[str, list[Sequence[float]]] = {
            "fewer": right[:1],
            "more": [*right, right[0]],
            "shorter": [right[0], right[1][:-1]],
            "not finite": [right[0], [math.nan, *right[1][1:]]],
        }
        with self.stage(max_retries=2) as opened:
            stage = opened.component
            stage.server.answer = lambda request: self.wire.vectors(vectors[wrong], request)
            with pytest.raises(EmbedderError) as raised:
                opened.run(_embed(stage, ["a", "b"]))
        assert not raised.value.is_retryable

    @law(
        "EMBW-003",
        since="0.1",
        why="Indexing goes on or stops by it.",
        fix="Make it from the same `ProviderFailure` as for a model.",
    )
    @pytest.mark.parametrize("fault", FAULTS)
    def test_a_refusal_says_what_an_llm_error_says(self, fault: WireFault) -> None:
        """A refusal is an `EmbedderError` with provider, model, status, wait and whether it may pass."""
        reply = self.wire.refuse(fault, "Something is wrong", {"retry-after": "7"})
        with self.stage() as opened:
            stage = opened.component
            stage.server.say(reply)
            with pytest.raises(EmbedderError) as raised:
                opened.run(_embed(stage, ["a"]))
            error, model = raised.value, stage.embedder.model
        assert (error.provider, error.model) == (self.provider.type, model)
        assert error.status == reply.status
        assert error.is_retryable == (fault in PASSING)
        assert error.retry_after_s == 7
        assert "Something is wrong" in error.message

    @law(
        "EMBW-004",
        since="0.1",
        why="Indexing a large folder meets a busy service for certain.",
        fix="Make the attempts through `ProviderCalls` of `hector.spi`, and turn the SDK's own retries off.",
    )
    @pytest.mark.parametrize("fault", PASSING)
    def test_what_may_pass_is_tried_again(self, fault: WireFault) -> None:
        """What may pass is tried again, and then the vectors come."""
        with self.stage(max_retries=2) as opened:
            stage = opened.component
            stage.server.say(*[self.wire.refuse(fault, "Not now", {"retry-after-ms": "1"})] * 2)
            assert len(opened.run(_embed(stage, ["a"]))) == 1
            assert len(stage.server.requests) == 3

    @law(
        "EMBW-005",
        since="0.1",
        why="Indexing runs where nobody watches; one dead connection would stop it for good.",
        fix="Give `timeout` to the client and `response_timeout` to `ProviderCalls`.",
    )
    def test_silence_has_a_deadline(self) -> None:
        """Silence has a deadline, and so has the whole call with its retries."""
        for keys in ({"timeout": SHORT_S}, {"response_timeout": SHORT_S, "max_retries": 5}):
            with self.stage(**keys) as opened:
                opened.component.server.answer = lambda _: WireReply(is_silent=True)
                with pytest.raises(EmbedderError) as raised:
                    opened.run(_embed(opened.component, ["a"]))
                assert raised.value.is_retryable

    @law(
        "EMBW-006",
        since="0.1",
        why="Errors of indexing are logged, and logs go to places where keys must not be.",
        fix="Pass what a provider says through `Redaction` of `hector.spi`, and keep keys as `Secret`.",
    )
    def test_no_secret_shows(self) -> None:
        """No secret shows in errors, tracebacks or reprs, whatever a provider repeats."""
        shown: list[str] = []
        with self.stage() as opened:
            stage = opened.component
            for fault in FAULTS:
                stage.server.say(self.wire.refuse(fault, f"You sent {self.secret}", {}))
                with pytest.raises(EmbedderError) as raised:
                    opened.run(_embed(stage, ["a"]))
                shown += traceback.format_exception(raised.value)
            shown += [repr(stage.embedder), str(stage.embedder)]
            sent = [value for it in stage.server.requests for value in it.headers.values()]
        assert any(self.secret in value for value in sent), "the key was not even sent"
        assert [text for text in shown if self.secret in text] == []


async def _embed(stage: _Stage, texts: list[str]) -> list[Vector]:
    return list(await stage.embedder.embed(texts))
