"""A config that passed every check: values that the runtime plans from."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from hector.config.component import ComponentEntry
from hector.config.sections import (
    DefaultsConfig,
    IndexingConfig,
    LoggerConfig,
    PluginsConfig,
    SearchConfig,
)
from hector.config.server_sections import ServerConfig
from hector.config.source import ConfigSource
from hector.errors import Diagnostic

__all__ = ["Config", "DocumentStoreSettings"]


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
