"""A component built alone, as the runtime would build it."""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NoReturn, cast

import attrs

from hector.errors import ComponentNotFoundError
from hector.spi import Injected, Provider

__all__ = ["Surroundings", "open_component"]


@attrs.frozen(kw_only=True)
class Surroundings:
    """Implements `hector.spi.BuildContext` for a component that refers to no other.

    Attributes:
        name, description, path, config_dir, state_dir, injected: see `BuildContext`.
        components: what references resolve to, by kind and name, such as `("llm", "default")`.
    """

    config_dir: Path
    state_dir: Path
    name: str = "test"
    description: str = ""
    path: str = "tests.test"
    injected: Injected = attrs.field(factory=Injected)
    components: Mapping[tuple[str, str], Any] = attrs.field(factory=dict[tuple[str, str], Any])

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
        """See `BuildContext`; there is no registry here."""
        return ()

    async def create_other(self, kind: str, type: str, settings: Mapping[str, Any]) -> NoReturn:
        """There is no registry here to make one from."""
        raise ComponentNotFoundError(f"{kind}.{type}", "cannot be made outside of a runtime")


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
    create = provider.create
    if isinstance(create, str):
        module, _, function = create.partition(":")
        create = getattr(import_module(module), function)
    with TemporaryDirectory() as folder:
        place = Path(folder)
        context = Surroundings(config_dir=place, state_dir=place, components=components or {})
        made: Any = create(settings, context)
        if inspect.isawaitable(made):
            made = await made
        if isinstance(made, AbstractAsyncContextManager):
            manager = cast("AbstractAsyncContextManager[Any]", made)
            async with manager as component:
                yield component
        else:
            yield made
