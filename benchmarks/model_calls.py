"""What an adapter costs above the vendor's SDK: a streamed delta, and vectors for 10,000 short texts.

The transport gives canned replies at once, so that only the client's side is measured: CPU, not wall time. Deltas of
the SDK are measured twice, as its users iterate (typed events) and as plain JSON; the bar is for the second, which is
the stricter one. Where the SDK gives no plain JSON (Cohere) or is not used (Ollama), plain is bare httpx with json.
Medians of several passes, taken in turn so that a busy machine is busy for all.

    python benchmarks/model_calls.py [vendor ...]
"""

from __future__ import annotations

import asyncio
import sys
from importlib import import_module
from typing import Any

from model_call_vendors.measure import DELTA_PASSES, DELTAS, VECTOR_PASSES, Works, medians

BAR_DELTA_US = 25.0
BAR_EMBEDDING = 0.9
VENDORS = ("openai", "anthropic", "gemini", "cohere", "ollama")


async def taken(works: Works, passes: int) -> dict[str, float]:
    """CPU seconds of each."""
    typed = {} if works.typed is None else {"typed": works.typed}
    return await medians({"adapter": works.adapter, "plain": works.plain, **typed}, passes)


async def measure_deltas(vendor: str, module: Any) -> None:
    """A streamed delta."""
    async with module.deltas() as works:
        cpu_s = await taken(works, DELTA_PASSES)
    each = {name: seconds / DELTAS * 1e6 for name, seconds in cpu_s.items()}
    above = each["adapter"] - each["plain"]
    typed = f", {each['typed']:.1f} us as the SDK's users iterate" if "typed" in each else ""
    verdict = "ok" if above <= BAR_DELTA_US else "OVER"
    print(
        f"{vendor:<10} delta: {each['adapter']:.1f} us; {each['plain']:.1f} us by "
        f"{works.baseline}{typed}; above plain {above:.1f} us (bar {BAR_DELTA_US:g} us) {verdict}"
    )


async def measure_vectors(vendor: str, module: Any) -> None:
    """Vectors for short texts, in the same batches."""
    async with module.vectors() as works:
        cpu_s = await taken(works, VECTOR_PASSES)
    speed = cpu_s["plain"] / cpu_s["adapter"]
    verdict = "ok" if speed >= BAR_EMBEDDING else "UNDER"
    print(
        f"{vendor:<10} 10,000 texts: {cpu_s['adapter']:.2f} s, by {works.baseline} "
        f"{cpu_s['plain']:.2f} s: {speed:.2f} of its speed (bar {BAR_EMBEDDING:g}) {verdict}"
    )


async def main(vendors: list[str]) -> None:
    """Print both for each."""
    for vendor in vendors:
        module = import_module(f"model_call_vendors.{vendor}_calls")
        await measure_deltas(vendor, module)
        if hasattr(module, "vectors"):
            await measure_vectors(vendor, module)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:] or list(VENDORS)))
