"""What a plugin declares: providers."""

from __future__ import annotations

import builtins
from collections.abc import Awaitable, Callable, Collection
from contextlib import AbstractAsyncContextManager
from functools import cache
from importlib import import_module
from typing import Any, Literal, TypeAlias

import attrs

from hector.errors import UsageError
from hector.spi.build import BuildContext

__all__ = ["KINDS", "Create", "Kind", "Provider"]

Kind: TypeAlias = Literal[
    "llm",
    "embedder",
    "vector_store",
    "toolset",
    "agent",
    "document_source",
    "document_parser",
    "chunker",
    "session_backend",
]
"""The kinds of provider that have a hook today."""

KINDS: tuple[Kind, ...] = (
    "llm",
    "embedder",
    "vector_store",
    "toolset",
    "agent",
    "document_source",
    "document_parser",
    "chunker",
    "session_backend",
)

Create: TypeAlias = Callable[
    [Any, BuildContext], Any | Awaitable[Any] | AbstractAsyncContextManager[Any]
]
"""`create(settings, context)`: the component, an awaitable of it, or an async context manager of it."""


@attrs.frozen(kw_only=True)
class Provider:
    """A declaration: what can be built, from which settings, by which function.

    Attributes:
        kind: the contract the component fulfils; see the Protocol of that name in `hector.spi`.
        type: the word users write in the config: lower case letters, digits and `_`, such as `openai`.
        declared_settings: given as `settings`: a frozen attrs class, or `"module:Class"`, imported when a config first
            names the type, so that importing a plugin with many settings takes no time. The class has every key the
            provider reads, and no other (see `hector.spi.settings`).
        create: builds the component, or `"module:function"`, imported (in a thread) when the first one is built.
            It must not do I/O before it is awaited or entered. Import heavy SDKs in here, never at the top of the
            plugin's module. What it returns decides the life cycle: a plain component is dropped when no longer
            used; an async context manager is entered once, in a task of its own, and left in that same task when
            the last generation that holds the component is gone. Cancellation of the build is delivered at any await.
        summary: one line for people.
        capabilities: words from the kind's own list, such as `tools`, `vision`, `thinking` for an LLM; what is
            claimed is tested by the conformance suites.
        exclusive: from the settings, names of the things that only one component of this process can hold at a time,
            such as `file:/absolute/path` of a folder that is locked or `port:127.0.0.1:9000`; None when there are
            none. Two components of one config that name the same are refused (H120), and a reload lets the old one
            go before the new one opens. It must be quick and free of side effects; resolve symbolic links in paths.
    """

    kind: Kind
    type: str = attrs.field(validator=attrs.validators.matches_re(r"[a-z][a-z0-9_]*"))
    declared_settings: builtins.type[Any] | str = attrs.field(alias="settings")
    create: Create | str
    summary: str = ""
    capabilities: frozenset[str] = frozenset()
    exclusive: Callable[[Any], Collection[str]] | None = None

    @property
    def settings(self) -> builtins.type[Any]:
        """The settings class.

        Raises:
            UsageError: the class that was named cannot be imported, or is none.
        """
        declared = self.declared_settings
        return _imported(declared) if isinstance(declared, str) else declared


@cache
def _imported(where: str) -> type[Any]:
    module, _, name = where.partition(":")
    try:
        found: object = getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise UsageError(f"the settings class `{where}` cannot be imported: {error}") from error
    if not isinstance(found, type):
        raise UsageError(f"the settings class `{where}` is no class")
    return found
