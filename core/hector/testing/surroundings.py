"""A component built alone, as the runtime would build it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import attrs

from hector.config import structure_settings
from hector.errors import ComponentNotFoundError
from hector.plugin.registry import Registry
from hector.plugin.registry_cache import RegistryCache
from hector.runtime.making import awaited, call_create
from hector.spi import Injected, Provider

__all__ = ["Surroundings", "open_component", "open_in"]


_registries = RegistryCache()


@attrs.frozen
class _AllPlugins:
    """Implements what `RegistryCache` asks of a config's `plugins` section."""

    disable: Sequence[str] = ()
    prefer: Mapping[str, str] = attrs.field(factory=dict[str, str])


def _installed() -> Registry:
    """What the installed plugins offer; the same registry as long as none comes or goes."""
    return _registries.get(_AllPlugins())


@attrs.frozen(kw_only=True)
class Surroundings:
    """Implements `hector.spi.BuildContext` for a component that is built alone.

    Attributes:
        name, description, path, config_dir, state_dir, injected: see `BuildContext`.
        components: what references resolve to, by kind and name, such as `("llm", "default")`.
        stack: closes what `create_other` builds; None refuses to build others.
    """

    config_dir: Path
    state_dir: Path
    name: str = "test"
    description: str = ""
    path: str = "tests.test"
    injected: Injected = attrs.field(factory=Injected)
    components: Mapping[tuple[str, str], Any] = attrs.field(factory=dict[tuple[str, str], Any])
    stack: AsyncExitStack | None = None

    def _component(self, kind: str, name: str) -> Any:
        found = self.components.get((kind, name))
        if found is None:
            raise ComponentNotFoundError(f"{kind}.{name}", "does not exist")
        return found

    def llm(self, name: str) -> Any:
        """See `BuildContext`."""
        return self._component("llm", name)

    def embedder(self, name: str) -> Any:
        """See `BuildContext`."""
        return self._component("embedder", name)

    def vector_store(self, name: str) -> Any:
        """See `BuildContext`."""
        return self._component("vector_store", name)

    def toolset(self, name: str) -> Any:
        """See `BuildContext`."""
        return self._component("toolset", name)

    def document_store(self, name: str) -> Any:
        """See `BuildContext`."""
        return self._component("document_store", name)

    def agent(self, name: str) -> Any:
        """See `BuildContext`."""
        return self._component("agent", name)

    def names(self, kind: str) -> Sequence[str]:
        """See `BuildContext`."""
        return [name for of, name in self.components if of == kind]

    def types(self, kind: str) -> Sequence[str]:
        """See `BuildContext`; those of the installed plugins."""
        return _installed().types(kind)

    async def create_other(self, kind: str, type: str, settings: Mapping[str, Any]) -> Any:
        """A component of an installed plugin; see `BuildContext`."""
        found = _installed().find(kind, type)
        if self.stack is None or not isinstance(found, Provider):
            raise ComponentNotFoundError(f"{kind}.{type}", "cannot be made here")
        built = structure_settings(
            found, settings, path=self.path, config_dir=self.config_dir, env={}
        )
        return await awaited(call_create(found, built, self, self.stack))


@asynccontextmanager
async def open_component(
    provider: Provider,
    settings: object,
    *,
    components: Mapping[tuple[str, str], Any] | None = None,
) -> AsyncGenerator[Any]:
    """Build what `provider` declares, from `settings`, and close it when left.

    Args:
        provider: whose `create` is called; a string is imported first.
        settings: an instance of `provider.settings`.
        components: see `Surroundings`.
    """
    with TemporaryDirectory() as folder:
        async with open_in(Path(folder), provider, settings, components=components) as component:
            yield component


@asynccontextmanager
async def open_in(
    folder: Path,
    provider: Provider,
    settings: object,
    *,
    components: Mapping[tuple[str, str], Any] | None = None,
) -> AsyncGenerator[Any]:
    """As `open_component`, in a folder that stays: a component that keeps files has them again.

    Args:
        folder: takes the place of the config's folder and of the state's.
        provider: whose `create` is called; a string is imported first.
        settings: an instance of `provider.settings`.
        components: see `Surroundings`.
    """
    async with AsyncExitStack() as stack:
        context = Surroundings(
            config_dir=folder, state_dir=folder, components=components or {}, stack=stack
        )
        yield await awaited(call_create(provider, settings, context, stack))
