"""For each law of all providers, one that breaks it and keeps all others."""

from __future__ import annotations

import asyncio
import itertools
import os
import warnings
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Annotated, Any, Literal

import attrs
from law_runs import broken_ones
from light_plugin import PROVIDER, GoodSettings, GoodToolset, open_good

from hector.errors import UsageError
from hector.spi import BuildContext, Doc, Range
from hector.testing import ProviderSuite

__all__ = ["BROKEN", "GOOD"]


class GoodProvider(ProviderSuite):
    """Keeps all laws."""

    provider = PROVIDER
    module = "light_plugin"
    cycles = 4

    async def exercise(self, component: GoodToolset) -> None:
        await component.work()


def broken(**changes: Any) -> type[ProviderSuite]:
    """The good provider with something else in its declaration."""

    class Broken(GoodProvider):
        provider = attrs.evolve(PROVIDER, **changes)

    return Broken


# ------------------------------------------------------------------------------ settings


@attrs.define(kw_only=True)
class ChangeableSettings:
    size: Annotated[int, Doc("how much"), Range(1, 10)] = 3


@attrs.frozen(kw_only=True)
class ShownSettings:
    api_key: Annotated[str | None, Doc("a key")] = None


@attrs.frozen(kw_only=True)
class UnbuildableSettings:
    is_loud: Annotated[bool | None, Doc("cannot be served")] = None


@asynccontextmanager
async def open_unless_loud(
    settings: UnbuildableSettings, context: BuildContext
) -> AsyncGenerator[GoodToolset]:
    if settings.is_loud is not None:
        raise UsageError("it is never loud")
    yield GoodToolset(GoodSettings())


class BuildsOnlySome(GoodProvider):
    provider = attrs.evolve(PROVIDER, settings=UnbuildableSettings, create=open_unless_loud)
    settings_examples = 20


@attrs.frozen(kw_only=True)
class ClashingSettings:
    """The kernel reads `description` of every toolset itself."""

    description: Annotated[Literal["short", "long"], Doc("how it is described")] = "short"


class ReportsTwice(GoodProvider):
    provider = attrs.evolve(PROVIDER, settings=ClashingSettings)
    mistake_examples = 40


# ------------------------------------------------------------------------------ life


def create_at_once(settings: GoodSettings, context: BuildContext) -> GoodToolset:
    (context.config_dir / "created").write_text("too early")
    return GoodToolset(settings)


class Opened(GoodToolset):
    """Notes whether it was opened and closed."""

    is_used = False
    is_closed = False

    async def __aenter__(self) -> GoodToolset:
        self.is_used = True
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.is_used = True
        self.is_closed = True


class Complaining(Opened):
    def __del__(self) -> None:
        if not self.is_used:
            warnings.warn("it was never opened", ResourceWarning, stacklevel=1)


class ClosedOnce(Opened):
    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.is_closed:
            raise RuntimeError("it is closed already")
        self.is_closed = True


def create_complaining(settings: GoodSettings, context: BuildContext) -> GoodToolset:
    return Complaining(settings)


def create_closed_once(settings: GoodSettings, context: BuildContext) -> GoodToolset:
    return ClosedOnce(settings)


@asynccontextmanager
async def open_without_care(
    settings: GoodSettings, context: BuildContext
) -> AsyncGenerator[GoodToolset]:
    descriptor = os.open(os.devnull, os.O_RDONLY)
    await asyncio.sleep(0)  # cancelled here, it is not closed
    try:
        yield GoodToolset(settings)
    finally:
        os.close(descriptor)


class Careless(GoodToolset):
    async def work(self) -> None:
        descriptor = os.open(os.devnull, os.O_RDONLY)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        os.close(descriptor)


@asynccontextmanager
async def open_careless(
    settings: GoodSettings, context: BuildContext
) -> AsyncGenerator[GoodToolset]:
    yield Careless(settings)


class LeaksWhenCancelled(GoodProvider):
    provider = attrs.evolve(PROVIDER, create=open_careless)
    histories = 30


KEPT: list[GoodToolset] = []


@asynccontextmanager
async def open_and_keep(
    settings: GoodSettings, context: BuildContext
) -> AsyncGenerator[GoodToolset]:
    KEPT.append(GoodToolset(settings))
    yield KEPT[-1]


# ------------------------------------------------------------------------------ what it shows


class Talkative(GoodToolset):
    def __repr__(self) -> str:
        key = self.settings.api_key
        return f"Talkative({key.reveal() if key else None})"


@asynccontextmanager
async def open_talkative(
    settings: GoodSettings, context: BuildContext
) -> AsyncGenerator[GoodToolset]:
    yield Talkative(settings)


class ImportsItsSdk(GoodProvider):
    module = "heavy_plugin"


_numbers = itertools.count()


def never_the_same(settings: GoodSettings) -> tuple[str, ...]:
    return (f"file:/somewhere/{next(_numbers)}",)


@asynccontextmanager
async def open_any(settings: Any, context: BuildContext) -> AsyncGenerator[GoodToolset]:
    async with open_good(GoodSettings(), context) as made:
        yield made


GOOD = (GoodProvider,)

BROKEN = broken_ones(
    {
        "PLG-001": broken(summary=""),
        "PLG-002": broken(settings=ChangeableSettings, create=open_any),
        "PLG-003": broken(settings=ShownSettings, create=open_any),
        "PLG-004": BuildsOnlySome,
        "PLG-005": ReportsTwice,
        "PLG-006": broken(create=create_at_once),
        "PLG-007": broken(create=create_complaining),
        "PLG-008": broken(create=create_closed_once),
        "PLG-009": broken(create=open_without_care),
        "PLG-010": LeaksWhenCancelled,
        "PLG-011": broken(create=open_talkative),
        "PLG-012": broken(create=open_and_keep),
        "PLG-013": ImportsItsSdk,
        "PLG-014": broken(exclusive=never_the_same),
    }
)
