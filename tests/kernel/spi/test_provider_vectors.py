"""What embedders behind a network have in common."""

from __future__ import annotations

import asyncio
import math

import pytest

from hector.errors import EmbedderError, LLMUnavailableError
from hector.spi import (
    RequestSettings,
    Vector,
    VectorCalls,
    check_vectors,
    unit_vector,
    vectors_in_batches,
)


async def test_batches_are_asked_for_side_by_side_and_come_back_in_order() -> None:
    """The first answers only when the last was asked."""
    last_was_asked = asyncio.Event()

    async def embed(batch: list[int]) -> list[Vector]:
        if 5 in batch:
            last_was_asked.set()
        await last_was_asked.wait()
        return [[float(number)] for number in batch]

    vectors = await vectors_in_batches([[1, 2], [3], [4, 5]], embed)
    assert vectors == [[1.0], [2.0], [3.0], [4.0], [5.0]]
    assert await vectors_in_batches([], embed) == []
    assert await vectors_in_batches([[7]], embed) == [[7.0]]


async def test_one_batch_that_fails_ends_the_others() -> None:
    """Its error is raised as it is, with its cause."""
    was_cancelled = asyncio.Event()

    async def embed(batch: list[int]) -> list[Vector]:
        if batch == [1]:
            raise EmbedderError("no") from KeyError("why")
        try:
            await asyncio.Event().wait()
        finally:
            was_cancelled.set()
        return []

    with pytest.raises(EmbedderError, match="no") as raised:
        await vectors_in_batches([[2], [1], [3]], embed)
    assert isinstance(raised.value.__cause__, KeyError)
    assert was_cancelled.is_set()


@pytest.mark.parametrize(
    ("vectors", "message", "hint"),
    [
        (
            [[1.0, 2.0]],
            "the answer of m cannot be used: 1 vectors came for 2 texts",
            "check `base_url`",
        ),
        (
            [[1.0, 2.0], [math.inf, 0.0]],
            "the answer of m cannot be used: a vector holds a number that is not finite",
            "check `base_url`",
        ),
        (
            [[1.0, 2.0], [1.0]],
            "m returned a vector of length 1 instead of 2",
            "set `dimension` to what the model returns",
        ),
    ],
)
def test_vectors_that_do_not_fit_are_refused(
    vectors: list[Vector], message: str, hint: str
) -> None:
    with pytest.raises(EmbedderError) as raised:
        check_vectors(vectors, count=2, dimension=2, provider="p", model="m")
    error = raised.value
    assert (error.message, error.hint, error.is_retryable) == (message, hint, False)


def test_a_sum_that_overflows_is_no_vector_that_does() -> None:
    huge = [1.7e308, 1.7e308]
    check_vectors([huge], count=1, dimension=2, provider="p", model="m")
    check_vectors([[1.0]], count=1, dimension=None, provider="p", model="m")


async def test_no_more_calls_are_made_at_a_time_than_allowed() -> None:
    calls = VectorCalls(RequestSettings(), provider="p", model="m", max_concurrency=2)
    running, most, two_ran = 0, 0, asyncio.Event()

    async def attempt() -> int:
        nonlocal running, most
        running += 1
        most = max(most, running)
        if running == 2:
            two_ran.set()
        await two_ran.wait()
        running -= 1
        return running

    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        for _ in range(6):
            group.create_task(calls.call(attempt))
    assert most == 2


async def test_a_call_that_fails_is_an_error_of_the_embedder() -> None:
    calls = VectorCalls(RequestSettings(max_retries=0), provider="p", model="m", max_concurrency=1)

    async def attempt() -> None:
        raise LLMUnavailableError("down", provider="p", model="m") from KeyError("why")

    for _ in range(2):  # the place of the first is free again
        with pytest.raises(EmbedderError, match="down") as raised:
            await calls.call(attempt)
        assert isinstance(raised.value.__cause__, KeyError)


def test_a_vector_is_scaled_to_length_one_where_it_has_a_length() -> None:
    assert unit_vector([3.0, 4.0]) == pytest.approx([0.6, 0.8])
    assert unit_vector([0.0, 0.0]) == [0.0, 0.0]
