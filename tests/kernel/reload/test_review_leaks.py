"""What is gone is gone: nothing that goes on keeps components of earlier generations in memory."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Annotated, Any

import attrs
import pytest

from hector import Runtime
from hector.errors import ComponentOpenError
from hector.spi import BuildContext, Provider, Reference


@attrs.frozen(kw_only=True)
class Settings:
    """Where the component is kept, if only one can be there; whether it opens; what it needs."""

    place: str = ""
    fails: bool = False
    needs: Annotated[tuple[str, ...], Reference("toolset")] = ()
    asks: str = ""


class Tools:
    """A toolset without a tool, which keeps its context for life as many plugins' do."""

    def __init__(self, context: BuildContext) -> None:
        self.context = context

    def tools(self) -> tuple[()]:
        """None."""
        return ()


@asynccontextmanager
async def create(settings: Settings, context: BuildContext) -> AsyncGenerator[Tools]:
    """Open one."""
    tools = Tools(context)
    if settings.asks:
        context.toolset(settings.asks)
    if settings.fails:
        raise ConnectionError("no route to host")
    yield tools


PROVIDER = Provider(
    kind="toolset",
    type="kept",
    settings=Settings,
    create=create,
    exclusive=lambda settings: {settings.place} if settings.place else (),
)


def config(**tools: dict[str, Any]) -> dict[str, Any]:
    """Toolsets and an agent without a model of its own."""
    return {
        "llms": {"default": {"provider": "offline"}},
        "tools": {name: {"type": "kept", **entry} for name, entry in tools.items()},
        "agents": {"root": {"llm": "default", "tools": list(tools)}},
    }


async def gone(runtime: Runtime, old: weakref.ref[Any]) -> bool:
    """Whether nothing refers to it once earlier generations are closed."""
    async with asyncio.timeout(10):
        while runtime.health().draining:
            await asyncio.sleep(0)
    for _ in range(3):  # for the tasks that closed it
        await asyncio.sleep(0)
    gc.collect()
    return old() is None


async def test_what_is_carried_over_keeps_nothing_of_its_first_generation() -> None:
    """A component holds its context; the context holds what the component refers to, and no more."""
    async with Runtime.open(config(stays={}, goes={}), env={}, providers=[PROVIDER]) as runtime:
        old = weakref.ref(runtime.toolset("goes"))
        await runtime.reload(config(stays={}, goes={"needs": ["stays"]}))

        assert await gone(runtime, old)


async def test_a_component_gets_only_what_it_refers_to() -> None:
    """Anything else could be closed under its hands."""
    with pytest.raises(ComponentOpenError, match="which its settings do not refer to"):
        async with Runtime.open(
            config(a={}, b={"needs": [], "asks": "a"}), env={}, providers=[PROVIDER]
        ):
            pass


async def test_what_claimed_an_exclusive_thing_is_forgotten() -> None:
    """Who held it last is not remembered beyond its end."""
    held = config(one={"place": "file:/one"})
    async with Runtime.open(held, env={}, providers=[PROVIDER]) as runtime:
        old = weakref.ref(runtime.toolset("one"))
        await runtime.reload(config())

        assert await gone(runtime, old)


async def test_an_error_that_was_told_keeps_nothing() -> None:
    """Its traceback knows every object that the reload touched."""
    made: list[weakref.ref[Any]] = []

    @asynccontextmanager
    async def noted(settings: Settings, context: BuildContext) -> AsyncGenerator[Tools]:
        async with create(settings, context) as tools:
            made.append(weakref.ref(tools))
            yield tools

    provider = attrs.evolve(PROVIDER, create=noted)
    async with Runtime.open(config(), env={}, providers=[provider]) as runtime:
        with pytest.raises(ComponentOpenError):
            await runtime.reload(config(fine={}, bad={"fails": True, "needs": ["fine"]}))

        [fine] = made
        assert await gone(runtime, fine)
