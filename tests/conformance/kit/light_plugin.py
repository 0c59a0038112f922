"""A good provider, as small as can be; the broken ones each change one thing of it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Annotated

import attrs

from hector.spi import BuildContext, Doc, Provider, Range, Secret

__all__ = ["PROVIDER", "GoodSettings", "open_good"]


@attrs.frozen(kw_only=True)
class GoodSettings:
    """A number and a key."""

    size: Annotated[int, Doc("how much"), Range(1, 10)] = 3
    api_key: Annotated[Secret | None, Doc("a key")] = None


class GoodToolset:
    """No tools, and a piece of work to be called with."""

    def __init__(self, settings: GoodSettings) -> None:
        self.settings = settings

    def tools(self) -> tuple[()]:
        return ()

    async def work(self) -> None:
        await asyncio.sleep(0)


@asynccontextmanager
async def open_good(settings: GoodSettings, context: BuildContext) -> AsyncGenerator[GoodToolset]:
    """Hold a descriptor for as long as it is open."""
    descriptor = os.open(os.devnull, os.O_RDONLY)
    try:
        await asyncio.sleep(0)
        yield GoodToolset(settings)
    finally:
        os.close(descriptor)


PROVIDER = Provider(
    kind="toolset",
    type="light",
    settings=GoodSettings,
    create=open_good,
    summary="does nothing, and does it well",
)
