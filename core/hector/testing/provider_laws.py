"""How the laws of providers get settings, and what they build with them."""

from __future__ import annotations

import asyncio
import copy
import tempfile
from collections.abc import AsyncGenerator, Coroutine, Generator, Mapping, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any, ClassVar, TypeAlias
from weakref import WeakKeyDictionary, WeakSet

from hypothesis import Phase, find, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from hector.config import structure_settings
from hector.errors import HectorError
from hector.spi import Provider
from hector.testing.exercise import exercise
from hector.testing.fakes import fake_components
from hector.testing.opened import SLOW_IS_FINE
from hector.testing.provider_config import DOCUMENTS, REFERENCE_NAMES, config_of
from hector.testing.settings_strategies import settings_strategy
from hector.testing.surroundings import open_in

__all__ = ["TIMEOUT_S", "ProviderLaws", "SettingsKeys"]

TIMEOUT_S = 30.0
"""How long anything that a law waits for may take, in seconds."""

SettingsKeys: TypeAlias = Mapping[str, SearchStrategy[Any] | None]
"""For keys of the settings, what to draw instead of any value of their type; None leaves the key out."""


_smallest: WeakKeyDictionary[type, dict[str, Any]] = WeakKeyDictionary()
"""By suite, for each law asks for them and they are looked for."""

_warmed_up: WeakSet[type] = WeakSet()
"""Suites of which one component was opened in this process: what is imported is imported once."""


class ProviderLaws:
    """What an author says about a provider; see `ProviderSuite`."""

    provider: ClassVar[Provider]
    names: ClassVar[Mapping[str, Sequence[str]]] = REFERENCE_NAMES
    settings_examples: ClassVar[int] = 20
    mistake_examples: ClassVar[int] = 15
    cut_offs: ClassVar[int] = 18
    histories: ClassVar[int] = 5
    cycles: ClassVar[int] = 10

    # -------------------------------------------------------------------------------- to override

    def setups(self) -> Sequence[SettingsKeys]:
        """Ways to fill in the settings, so that the provider can be built; each is tried."""
        return ({},)

    def world(self, folder: Path) -> AbstractContextManager[object]:
        """Make what the settings refer to, in the folder of the config, and clear it away again."""
        return _documents(folder)

    def config(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """A config whose entry `main` is built from these settings."""
        return config_of(self.provider, values)

    def components(self) -> Mapping[tuple[str, str], Any]:
        """What references in the settings resolve to when the component is built alone."""
        return fake_components(self.names)

    def before_opening(self, values: Mapping[str, Any]) -> None:
        """Skip the law with `pytest.skip` where what these settings stand on, such as a server, cannot be had.

        It is called before a law opens the first component, and then stands in the report as `not run`, with the
        reason that is given.
        """

    async def exercise(self, component: Any) -> None:
        """Call an open component; the errors of Hector's tree are let pass, any other is a failure.

        A suite whose component wants other calls overrides it: several may run at the same time, and be cancelled.
        """
        await exercise(self.provider.kind, component)

    async def exercised(self, component: Any) -> None:
        """Call `exercise`. An error of Hector's tree is an answer, too: what is behind the component may be away."""
        with suppress(HectorError):
            await self.exercise(component)

    # -------------------------------------------------------------------------------- settings

    def valid_settings(self) -> SearchStrategy[dict[str, Any]]:
        """Any valid settings, as a user writes them."""
        return st.one_of(*(self._drawn(keys) for keys in self.setups()))

    def smallest_settings(self, keys: SettingsKeys | None = None) -> dict[str, Any]:
        """The smallest valid settings that there are; the same ones at each call.

        Args:
            keys: more keys for the first setup.
        """
        if keys is None and type(self) in _smallest:
            return copy.deepcopy(_smallest[type(self)])
        drawn = self._drawn({**self.setups()[0], **(keys or {})})
        found = find(
            drawn,
            lambda _: True,
            settings=settings(
                database=None,
                derandomize=True,
                max_examples=200,
                phases=[Phase.generate, Phase.shrink],
                suppress_health_check=SLOW_IS_FINE,
            ),
        )
        if keys is None:
            _smallest[type(self)] = copy.deepcopy(found)
        return found

    def _drawn(self, keys: SettingsKeys) -> SearchStrategy[dict[str, Any]]:
        return settings_strategy(self.provider.settings, keys=keys, names=self.names)

    def structured(self, values: Mapping[str, Any], folder: Path) -> Any:
        """An instance of the settings class."""
        return structure_settings(self.provider, values, path="main", config_dir=folder, env={})

    # -------------------------------------------------------------------------------- components

    @contextmanager
    def folder(self) -> Generator[Path]:
        """A folder with everything in it that the settings refer to."""
        with tempfile.TemporaryDirectory() as place, self.world(Path(place)):
            yield Path(place)

    @asynccontextmanager
    async def opened(
        self, folder: Path, values: Mapping[str, Any] | None = None
    ) -> AsyncGenerator[Any]:
        """A component, alone; built from the smallest settings when none are given."""
        built = self.structured(self.smallest_settings() if values is None else values, folder)
        async with open_in(folder, self.provider, built, components=self.components()) as component:
            yield component

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run a coroutine on a loop of its own, within the deadline of the laws."""

        async def limited() -> Any:
            async with asyncio.timeout(TIMEOUT_S):
                return await work

        return asyncio.run(limited())

    def warm_up(self) -> dict[str, Any]:
        """Build, use and close one, the first time: a module that is imported may keep things for good.

        Returns:
            The smallest settings.
        """
        values = self.smallest_settings()
        self.before_opening(values)
        if type(self) in _warmed_up:
            return values

        async def once(folder: Path) -> None:
            async with self.opened(folder, values) as component:
                await self.exercised(component)

        with self.folder() as folder:
            self.run(once(folder))
        _warmed_up.add(type(self))
        return values


@contextmanager
def _documents(folder: Path) -> Generator[None]:
    (folder / DOCUMENTS).mkdir(exist_ok=True)
    (folder / DOCUMENTS / "bees.md").write_text("# Bees\n\nBees make honey.\n")
    yield
