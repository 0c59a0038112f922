"""One named entry of a config, checked, with what it needs."""

from __future__ import annotations

from typing import Any

import attrs

from hector.spi import Provider

__all__ = ["ComponentEntry", "ReferenceUse"]


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
        kind: `llm`, `embedder`, `vector_store`, `toolset`, `document_store`, `agent`,
            `session_backend`, and inside the settings of a document store `document_source` and
            `chunker`.
        name: the entry's name; of a source or a chunker, its document store's.
        path: where it stands, such as `llms.main`.
        type: the selected type as written, such as `openai` or `hector-plugin-openai:openai`;
            empty for a document store.
        provider: who builds it; None for a document store, which the kernel builds.
        settings: an instance of the provider's settings class, or `DocumentStoreSettings`.
        common: the kernel's own keys of the kind: `AgentCommon`, `ToolsetCommon`, else None.
        references: the components it needs, all of which exist; for a document store also those of
            its parts.
        exclusive: names of things that only one component can hold, as its provider says; for a
            document store those of its parts.
    """

    kind: str
    name: str
    path: str
    type: str
    provider: Provider | None
    settings: Any
    common: Any = None
    references: tuple[ReferenceUse, ...] = ()
    exclusive: frozenset[str] = frozenset()
