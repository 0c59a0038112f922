"""How long the end of a runtime takes."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Any

from reload_configs import ALWAYS, Wanted
from reload_ledger import Ledger

from hector import Runtime


def config(answer: str) -> dict[str, Any]:
    """One that gives a reload a minute to drain, and a stop no time to speak of."""
    made = Wanted(dict.fromkeys(ALWAYS, answer)).config()
    return made | {"server": {"shutdown_timeout": 0.05, "reload": {"drain_timeout": 60}}}


async def test_what_drains_since_a_reload_does_not_hold_up_a_stop(ledger: Ledger) -> None:
    """`server.shutdown_timeout` counts for every invocation under way, whatever it began on."""
    async with asyncio.timeout(10):
        async with Runtime.open(config("a"), env={}, providers=ledger.providers()) as runtime:
            events = runtime.run("root", "hi")
            await anext(events)
            await runtime.reload(config("b"))
        async with aclosing(events):
            rest = [event async for event in events]

    assert rest[-1].outcome == "canceled"
    assert rest[-1].failure is not None
    assert rest[-1].failure.code == "H502"
    assert not ledger.open
    assert ledger.faults == []
