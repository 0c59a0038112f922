"""`server.index`: what goes together in it, and the components it names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import attrs

from hector.config.component import ComponentEntry
from hector.config.node import Node, key_problem
from hector.config.sections import RootKeys
from hector.config.server_sections import IndexConfig
from hector.errors import Diagnostic

__all__ = ["INDEX_SPELLINGS", "check_index", "index_of"]

INDEX_SPELLINGS: Final = (
    ("server", "index"),
    ("server", "memory"),
    ("storage", "memory"),
    ("storage", "index"),
)
"""Section and key, the canonical one first."""

_PARTS: Final = {
    "embedder": ("embedders", "embedder"),
    "vector_store": ("vector_stores", "vector_store"),
}
"""Key to section and kind."""


def check_index(entries: Mapping[str, Node], sections: Mapping[str, Node]) -> Iterator[Diagnostic]:
    """What the index lacks, and what has no effect in it.

    Args:
        entries: at the root.
        sections: of components, by key.
    """
    for owner, key in INDEX_SPELLINGS:
        section = entries.get(owner)
        node = section.entries.get(key) if section is not None else None
        if node is None or not isinstance(node.value, dict):
            continue
        kind = node.entries.get("type")
        is_vector = kind is not None and kind.value == "vector"
        for part, (name, _) in _PARTS.items():
            given = node.entries.get(part)
            path = f"{owner}.{key}.{part}"
            if not is_vector:
                if given is not None and isinstance(given.value, str):
                    message = "has no effect unless `type` is `vector`"
                    yield key_problem(given, "H104", path, message)
            elif (given is None or given.value is None) and _only(sections[name].entries) is None:
                hint = f"name an entry of `{name}`"
                yield key_problem(node, "H105", path, "is missing", hint=hint)


def index_of(
    root: RootKeys, components: Mapping[str, Mapping[str, ComponentEntry]]
) -> IndexConfig | None:
    """The index in whichever spelling, with its components; None when there is none."""
    server, storage = root.server, root.storage
    found = [server.index, server.memory]
    found += [storage.memory, storage.index] if storage is not None else []
    index = next((item for item in found if item is not None), None)
    if index is None or index.type != "vector":
        return index
    entries = {
        part: components[kind][getattr(index, part) or _only(components[kind]) or ""]
        for part, (_, kind) in _PARTS.items()
    }
    return attrs.evolve(
        index, embedder_entry=entries["embedder"], vector_store_entry=entries["vector_store"]
    )


def _only(entries: Mapping[str, object]) -> str | None:
    """What an omitted name means: `default` if there is one, else the only entry."""
    if "default" in entries:
        return "default"
    return next(iter(entries)) if len(entries) == 1 else None
