"""A config that passed every check: values that the runtime plans from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from hector.config.reader import ConfigSource
from hector.config.sections import (
    DefaultsConfig,
    IndexingConfig,
    LoggerConfig,
    PluginsConfig,
    SearchConfig,
    ServerConfig,
)
from hector.errors import Diagnostic
from hector.spi import Provider

__all__ = ["ComponentEntry", "Config", "DocumentStoreSettings", "ReferenceUse"]


@attrs.frozen(kw_only=True)
class ReferenceUse:
    """One use of another component. Omitted references that mean all are there one by one.

    Attributes:
        kind: the kind of the component, a key of `Config.components`.
        name: its name, without the member.
        path: where the reference stands, or would stand if it had been written.
    """

    kind: str
    name: str
    path: str


@attrs.frozen(kw_only=True)
class ComponentEntry:
    """One component as the config asks for it. Nothing was created.

    Attributes:
        kind: `llm`, `embedder`, `vector_store`, `toolset`, `document_store`, `agent`, `session_backend`, and inside
            the settings of a document store `document_source` and `chunker`.
        name: the entry's name; of a source or a chunker, its document store's.
        path: where it stands, such as `llms.main`.
        type: the selected type as written, such as `openai` or `hector-plugin-openai:openai`; empty for a
            document store.
        provider: who builds it; None for a document store, which the kernel builds.
        settings: an instance of the provider's settings class, or `DocumentStoreSettings`.
        common: the kernel's own keys of the kind: `AgentCommon`, `ToolsetCommon`, else None.
        references: the components it needs, all of which exist; for a document store also those of its parts.
    """

    kind: str
    name: str
    path: str
    type: str
    provider: Provider | None
    settings: Any
    common: Any = None
    references: tuple[ReferenceUse, ...] = ()


@attrs.frozen(kw_only=True)
class DocumentStoreSettings:
    """`document_stores.<name>`.

    Attributes:
        source: where documents come from, of kind `document_source`.
        chunking: how they are cut, of kind `chunker`.
        vector_store: name of the store of the chunks.
        embedder: name of the embedder.
        collection: name of the collection in the vector store.
    """

    source: ComponentEntry
    chunking: ComponentEntry
    vector_store: str
    embedder: str
    collection: str
    description: str
    search: SearchConfig
    indexing: IndexingConfig


@attrs.frozen(kw_only=True)
class Config:
    """A valid config.

    Attributes:
        components: kind to name to entry, in the order of the config; disabled ones are left out.
        warnings: what should be changed, such as deprecated spellings.
    """

    name: str
    description: str
    version: str
    components: Mapping[str, Mapping[str, ComponentEntry]]
    server: ServerConfig
    plugins: PluginsConfig
    logger: LoggerConfig
    defaults: DefaultsConfig
    source: ConfigSource
    warnings: tuple[Diagnostic, ...] = ()

    def of_kind(self, kind: str) -> Mapping[str, ComponentEntry]:
        """The entries of a kind by name; empty when there are none."""
        return self.components.get(kind, {})
