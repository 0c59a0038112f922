"""What embedders behind a network have in common: batches side by side, and a look at what came back."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from hector.errors import EmbedderError, LLMError
from hector.spi.embedder import Vector
from hector.spi.llm_settings import RequestSettings
from hector.spi.provider_calls import ProviderCalls

__all__ = ["VectorCalls", "check_vectors", "unit_vector", "vectors_in_batches"]

Batch = TypeVar("Batch")
T = TypeVar("T")


class VectorCalls:
    """Makes the calls of one embedder, not more at a time than allowed.

    Args:
        settings: deadlines and retries.
        provider: the provider's type, for errors and the log.
        model: the model's name, for the same.
        max_concurrency: most calls at a time, >= 1; the others wait.
    """

    def __init__(
        self, settings: RequestSettings, *, provider: str, model: str, max_concurrency: int
    ) -> None:
        import asyncio

        self._calls = ProviderCalls(settings, provider=provider, model=model)
        self._free = asyncio.Semaphore(max_concurrency)

    async def call(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """Make a call, again while that may help.

        Raises:
            EmbedderError: the last attempt failed.
        """
        async with self._free:
            try:
                return await self._calls.call(attempt)
            except LLMError as error:
                raise EmbedderError.of(error) from error.__cause__


async def vectors_in_batches(
    batches: Sequence[Batch], embed: Callable[[Batch], Awaitable[Sequence[Vector]]]
) -> list[Vector]:
    """The vectors of all batches, in order; they are asked for side by side.

    Args:
        batches: any number.
        embed: gives the vectors of one batch; it keeps to the limit of requests at a time.

    Raises:
        EmbedderError: the first failure. One batch without its vectors makes the rest useless, so the others are
            cancelled.
    """
    import asyncio

    if len(batches) == 1:
        return list(await embed(batches[0]))

    async def run(batch: Batch) -> Sequence[Vector]:
        return await embed(batch)

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(run(batch)) for batch in batches]
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from failures.exceptions[0].__cause__
    return [vector for task in tasks for vector in task.result()]


def check_vectors(
    vectors: Sequence[Vector], *, count: int, dimension: int | None, provider: str, model: str
) -> None:
    """Refuse vectors that are not one for each text, of one length, of finite numbers.

    Args:
        vectors: as they came.
        count: of the texts.
        dimension: length of each vector; None where it is not known yet.
        provider: for the message.
        model: for the message.

    Raises:
        EmbedderError: another try will not help.
        TypeError: a vector is none.
    """
    told = None
    if len(vectors) != count:
        told = (
            f"the answer of {model} cannot be used: {len(vectors)} vectors came for {count} texts"
        )
    # A sum is finite if and only if its terms are, unless it overflows; it is far quicker to see.
    elif not all(math.isfinite(sum(vector)) or _is_finite(vector) for vector in vectors):
        told = f"the answer of {model} cannot be used: a vector holds a number that is not finite"
    if told is not None:
        raise EmbedderError(
            told, provider=provider, model=model, is_retryable=False, hint="check `base_url`"
        )
    for vector in vectors if dimension is not None else ():
        if len(vector) != dimension:
            raise EmbedderError(
                f"{model} returned a vector of length {len(vector)} instead of {dimension}",
                provider=provider,
                model=model,
                is_retryable=False,
                hint="set `dimension` to what the model returns",
            )


def unit_vector(vector: Vector) -> Vector:
    """The vector with length 1; what has no length is left alone."""
    length = math.hypot(*vector)
    return [number / length for number in vector] if length else vector


def _is_finite(vector: Vector) -> bool:
    return all(math.isfinite(number) for number in vector)
