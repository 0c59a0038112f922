"""The smallest config around one provider."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from hector.config.shape import RecordShape, Shape, record_shape
from hector.config.shape.containers import FixedListShape, ListShape, MapShape, UnionShape
from hector.config.shape.scalars import StringShape
from hector.spi import Provider

__all__ = ["DOCUMENTS", "REFERENCE_NAMES", "config_of", "place_of", "reference_kinds"]

DOCUMENTS: Final = "documents"
"""The folder, beside the config, of the documents that the config's document stores read."""

REFERENCE_NAMES: Final[Mapping[str, Sequence[str]]] = {
    **dict.fromkeys(("llm", "embedder", "vector_store", "document_store"), ("helper",)),
    "toolset": ("helper", "helper.list_files"),
    "agent": ("helper", "default"),
}
"""What a reference in the settings may name; `config_of` has an entry for each."""

_SECTIONS: Final[Mapping[str, tuple[str, str]]] = {
    "llm": ("llms", "provider"),
    "embedder": ("embedders", "provider"),
    "vector_store": ("vector_stores", "type"),
    "toolset": ("tools", "type"),
    "agent": ("agents", "type"),
    "session_backend": ("databases", "driver"),
}
_STORE: Final[Mapping[str, Any]] = {"source": {"type": "directory", "path": DOCUMENTS}}
_HELPERS: Final[Mapping[str, tuple[str, Mapping[str, Any]]]] = {
    "llm": ("llms", {"provider": "offline"}),
    "embedder": ("embedders", {"provider": "lexical"}),
    "vector_store": ("vector_stores", {"type": "chromem"}),
    "toolset": ("tools", {"type": "files", "root": DOCUMENTS}),
    "document_store": ("document_stores", _STORE),
    "agent": ("agents", {"tools": [], "document_stores": []}),
}
"""What stands behind a reference: a section and an entry that needs no key and no network."""


def place_of(provider: Provider) -> tuple[str, ...]:
    """Where the settings of a provider stand in `config_of`; empty for a parser, which no entry selects."""
    match provider.kind:
        case "document_parser":
            return ()
        case "document_source":
            return ("document_stores", "main", "source")
        case "chunker":
            return ("document_stores", "main", "chunking")
        case _:
            return (_SECTIONS[provider.kind][0], "main")


def config_of(provider: Provider, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The smallest config in which `main` is built from `settings`, with what they may refer to.

    Args:
        provider: whose settings they are.
        settings: as a user writes them, without the key that names the type.
    """
    match provider.kind:
        case "document_source":
            return {"document_stores": {"main": {"source": {"type": provider.type, **settings}}}}
        case "chunker":
            chunking = {"strategy": provider.type, **settings}
            return {"document_stores": {"main": {**_STORE, "chunking": chunking}}}
        case "document_parser":  # every store takes all parsers, which no entry selects
            return {"document_stores": {"main": dict(_STORE)}}
        case _:
            pass
    section, selector = _SECTIONS[provider.kind]
    config: dict[str, Any] = {section: {"main": {selector: provider.type, **settings}}}
    if provider.kind == "session_backend":
        config["server"] = {"sessions": {"backend": "sql", "database": "main"}}
    needed = set(reference_kinds(provider))
    if provider.kind == "agent" or "agent" in needed:
        needed |= {"agent", "llm", "toolset", "document_store"}
    for kind in sorted(needed & _HELPERS.keys()):
        place, entry = _HELPERS[kind]
        config.setdefault(place, {}).update(default=dict(entry), helper=dict(entry))
    return config


def reference_kinds(provider: Provider) -> Iterator[str]:
    """The kinds of component that the settings may name, some of them more than once."""
    yield from _kinds(record_shape(provider.settings))


def _kinds(shape: Shape) -> Iterator[str]:
    match shape:
        case RecordShape():
            for field in shape.fields.values():
                if field.not_yet is None:
                    if field.reference is not None:
                        yield field.reference.kind
                    yield from _kinds(field.shape)
        case StringShape():
            if shape.reference is not None:
                yield shape.reference.kind
        case ListShape() | MapShape():
            yield from _kinds(shape.item)
        case FixedListShape():
            for item in shape.items:
                yield from _kinds(item)
        case UnionShape():
            for member in shape.members:
                yield from _kinds(member)
        case _:
            return
