"""What `create` gets beside its settings: references resolved to open components."""

from __future__ import annotations

import difflib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from hector.config import ComponentEntry
from hector.errors import ComponentNotFoundError
from hector.spi import LLM, Agent, DocumentStore, Embedder, Injected, Toolset, VectorStore

__all__ = ["ComponentContext", "Resolve", "not_found"]

Resolve = Callable[[str, str], Any]
"""(kind, name) to the open component, or ComponentOpenError."""

CreateOther = Callable[[str, str, Mapping[str, Any]], Awaitable[Any]]


def not_found(section: str, name: str, known: Sequence[str]) -> ComponentNotFoundError:
    """The error for a name that nothing has, with the nearest one that something has."""
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean `{near[0]}`?" if near else f"there are: {', '.join(known) or 'none'}"
    return ComponentNotFoundError(f"{section}.{name}", "does not exist", hint=hint)


class ComponentContext:
    """Implements `hector.spi.BuildContext`."""

    __slots__ = (
        "_create_other",
        "_entry",
        "_names",
        "_resolve",
        "_types",
        "config_dir",
        "injected",
        "state_dir",
    )

    def __init__(
        self,
        entry: ComponentEntry,
        *,
        resolve: Resolve,
        names: Callable[[str], Sequence[str]],
        types: Callable[[str], Sequence[str]],
        create_other: CreateOther,
        config_dir: Path,
        state_dir: Path,
        injected: Injected,
    ) -> None:
        self._entry = entry
        self._resolve = resolve
        self._names = names
        self._types = types
        self._create_other = create_other
        self.config_dir = config_dir
        self.state_dir = state_dir
        self.injected = injected

    @property
    def name(self) -> str:
        return self._entry.name

    @property
    def path(self) -> str:
        return self._entry.path

    @property
    def description(self) -> str:
        return getattr(self._entry.common, "description", "") or ""

    def llm(self, name: str) -> LLM:
        """An open LLM."""
        return cast("LLM", self._resolve("llm", name))

    def embedder(self, name: str) -> Embedder:
        """An open embedder."""
        return cast("Embedder", self._resolve("embedder", name))

    def vector_store(self, name: str) -> VectorStore:
        """An open vector store."""
        return cast("VectorStore", self._resolve("vector_store", name))

    def toolset(self, name: str) -> Toolset:
        """An open toolset."""
        return cast("Toolset", self._resolve("toolset", name))

    def document_store(self, name: str) -> DocumentStore:
        """An open document store."""
        return cast("DocumentStore", self._resolve("document_store", name))

    def agent(self, name: str) -> Agent:
        """A built agent."""
        return cast("Agent", self._resolve("agent", name))

    def names(self, kind: str) -> Sequence[str]:
        """The enabled components of a kind, in config order."""
        return self._names(kind)

    def types(self, kind: str) -> Sequence[str]:
        """The types of a kind that are on offer."""
        return self._types(kind)

    async def create_other(self, kind: str, type: str, settings: Mapping[str, Any]) -> Any:
        """Another component, closed with this one."""
        return await self._create_other(kind, type, settings)
