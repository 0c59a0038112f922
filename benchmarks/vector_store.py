"""The embedded vector store beside bare NumPy: 20,000 x 384, on this machine, in this run."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from hector.spi import Equals, VectorRecord
from hector_std.chromem import ChromemSettings
from hector_std.chromem.store import Chromem, open_chromem

COUNT, DIMENSION, BATCH, QUERIES, LIMIT, GROUPS = 20_000, 384, 500, 200, 10, 10


def bare(matrix: npt.NDArray[np.float32], query: npt.NDArray[np.float32]) -> None:
    """What an exact search cannot do without: one product and one partition."""
    scores = matrix @ query
    best = np.argpartition(scores, len(scores) - LIMIT)[-LIMIT:]
    best[np.argsort(-scores[best])]


async def medians(*works: Callable[[int], Awaitable[object]]) -> list[float]:
    """Median milliseconds of one call of each, in turns, so that all see the same machine."""
    times: list[list[float]] = [[] for _ in works]
    for number in range(QUERIES):
        for work, taken in zip(works, times, strict=True):
            start = time.perf_counter()
            await work(number)
            taken.append(1000 * (time.perf_counter() - start))
    return [statistics.median(taken) for taken in times]


async def insert(store: Chromem, matrix: npt.NDArray[np.float32]) -> float:
    """Insert all in batches; returns seconds."""
    await store.create_collection("c", dimension=DIMENSION)
    start = time.perf_counter()
    for first in range(0, COUNT, BATCH):
        records = [
            VectorRecord(
                id=f"{number}",
                vector=matrix[number],  # type: ignore[arg-type]
                text=f"passage {number} " * 10,
                metadata={
                    "cat": f"c{number % GROUPS}",
                    "n": number,
                    "score": number / 7,
                    "on": True,
                },
            )
            for number in range(first, first + BATCH)
        ]
        await store.upsert("c", records)
    return time.perf_counter() - start


async def main() -> None:
    """Measure and print."""
    rng = np.random.default_rng(1)
    matrix = rng.normal(size=(COUNT, DIMENSION)).astype(np.float32)
    matrix /= np.linalg.norm(matrix, axis=1, keepdims=True)
    queries = rng.normal(size=(QUERIES, DIMENSION)).astype(np.float32)

    lists = queries.tolist()

    async def run_bare(number: int) -> None:
        bare(matrix, queries[number])

    print(f"{COUNT} x {DIMENSION}, {QUERIES} queries; 1.0x is bare NumPy matmul + argpartition")
    with tempfile.TemporaryDirectory() as folder:
        for label, path in (("memory", None), ("folder", Path(folder))):
            async with open_chromem(ChromemSettings(persist_path=path)) as store:
                seconds = await insert(store, matrix)
                start = time.perf_counter()
                await store.search("c", lists[0])
                first = time.perf_counter() - start

                def plain(number: int, store: Chromem = store) -> Awaitable[object]:
                    return store.search("c", lists[number], limit=LIMIT)

                def filtered(number: int, store: Chromem = store) -> Awaitable[object]:
                    where = Equals("cat", "c3")
                    return store.search("c", lists[number], limit=LIMIT, where=where)

                floor, all_of_it, part = await medians(run_bare, plain, filtered)
            print(
                f"{label}: insert {COUNT / seconds:,.0f}/s (one = {1000 * seconds / COUNT / floor:.3f}x),"
                f" first search {first:.2f} s, bare {floor:.2f} ms, query {all_of_it / floor:.2f}x,"
                f" filtered to 1/{GROUPS} {part / floor:.2f}x"
            )


if __name__ == "__main__":
    asyncio.run(main())
