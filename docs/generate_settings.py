"""The page of every key that can be written in a config, from the settings classes; `generate.py` writes it."""  # noqa: INP001 - a script's part

from __future__ import annotations

import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

from hector.config.sections import AgentCommon, DocumentStoreKeys, RootKeys, ToolsetCommon
from hector.config.shape import Alias, Resolved
from hector.plugin.registry import build_registry
from hector.spi import (
    KINDS,
    Advice,
    Doc,
    Duration,
    Env,
    Length,
    NotYet,
    Pattern,
    Provider,
    Range,
    Reference,
    Secret,
)

FIRST_PARTY = (
    "hector",
    "hector-plugin-anthropic",
    "hector-plugin-cohere",
    "hector-plugin-gemini",
    "hector-plugin-llamacpp",
    "hector-plugin-mcp",
    "hector-plugin-minilm",
    "hector-plugin-mysql",
    "hector-plugin-ollama",
    "hector-plugin-openai",
    "hector-plugin-postgres",
    "hector-plugin-qdrant",
)
MARKERS = (Advice, Doc, Duration, Env, Length, NotYet, Pattern, Range, Reference, Alias, Resolved)

KIND_NAMES = {
    "agent": "an agent",
    "document_store": "a document store",
    "embedder": "an embedder",
    "llm": "an LLM",
    "vector_store": "a vector store",
}

KIND_TITLES = {
    "llm": ("LLM", "llms.<name>", "provider"),
    "embedder": ("Embedder", "embedders.<name>", "provider"),
    "vector_store": ("Vector store", "vector_stores.<name>", "type"),
    "toolset": ("Toolset", "tools.<name>", "type"),
    "agent": ("Agent", "agents.<name>", "type"),
    "document_source": ("Document source", "document_stores.<name>.source", "type"),
    "document_parser": ("Document parser", "", ""),
    "chunker": ("Chunker", "document_stores.<name>.chunking", "strategy"),
    "session_backend": ("Database", "databases.<name>", "driver"),
}


def settings_page(note: str) -> str:
    """Every key that can be written in a config.

    Args:
        note: stands first.
    """
    lines = [
        note,
        "# Settings\n",
        (
            "Settings are the keys of a config. The first tables list the keys that Hector reads itself, the "
            "others those of each provider of the standard plugin `std` and of the first-party plugins. "
            "`hector schema` gives the same for the plugins that you have installed.\n"
        ),
        "## Keys at the root\n",
        "The keys at the root of a config, and below `server`, `plugins`, `logger` and `defaults`:\n",
        *_table(RootKeys),
        "\n## Keys of every agent\n",
        "These keys stand in `agents.<name>`, whatever the agent's type:\n",
        *_table(AgentCommon),
        "\n## Keys of every toolset\n",
        "These keys stand in `tools.<name>`, whatever the toolset's type:\n",
        *_table(ToolsetCommon),
        "\n## Keys of a document store\n",
        "These keys stand in `document_stores.<name>`, beside `source` and `chunking`:\n",
        *_table(DocumentStoreKeys),
    ]
    records = [item for item in build_registry().records if item.distribution in FIRST_PARTY]
    for kind in KINDS:
        for record in records:
            for provider in record.providers:
                if provider.kind == kind:
                    lines += _provider(provider, record.distribution)
    return "\n".join(lines) + "\n"


def _provider(provider: Provider, distribution: str) -> Iterator[str]:
    title, place, selector = KIND_TITLES[provider.kind]
    yield f"\n## Settings of {title} {provider.type}\n"
    source = (
        "the standard plugin" if distribution == "hector" else f"the distribution `{distribution}`"
    )
    summary = provider.summary.rstrip(".")
    word = title if title == "LLM" else title.lower()
    yield f"These are the settings of the {word} `{provider.type}` of {source} ({summary}).\n"
    if selector:
        yield f"It is chosen with `{selector}: {provider.type}` in `{place}`.\n"
    rows = list(_table(provider.settings))
    if len(rows) > 2:
        yield from rows
    else:
        yield "It has no keys of its own.\n"


def _table(settings: type) -> Iterator[str]:
    yield "| key | type | default | meaning |"
    yield "|---|---|---|---|"
    for path, kind, default, meaning in _rows(settings, ""):
        yield f"| `{path}` | {kind} | {default} | {meaning} |"


def _rows(settings: type, prefix: str) -> Iterator[tuple[str, str, str, str]]:
    hints = typing.get_type_hints(settings, include_extras=True)
    for field in attrs.fields(settings):
        kind, markers = _unwrapped(hints[field.name])
        if any(isinstance(marker, NotYet | Alias | Resolved) for marker in markers):
            continue
        path = f"{prefix}{field.name}"
        nested = _record(kind)
        if nested is not None:
            rows = list(_rows(nested, f"{path}."))
            if rows:
                yield from rows
                continue
            continue
        yield path, _kind(kind, markers), _default(field, markers), _meaning(markers)


def _unwrapped(hint: Any) -> tuple[Any, tuple[Any, ...]]:
    if typing.get_origin(hint) is typing.Annotated:
        kind, *markers = typing.get_args(hint)
        return kind, tuple(marker for marker in markers if isinstance(marker, MARKERS))
    return hint, ()


def _record(kind: Any) -> type | None:
    """The class of nested keys, also where it is optional."""
    for item in _options(kind):
        if isinstance(item, type) and attrs.has(item):
            return item
    return None


def _options(kind: Any) -> list[Any]:
    is_union = typing.get_origin(kind) in (typing.Union, types.UnionType)
    return list(typing.get_args(kind)) if is_union else [kind]


def _kind(kind: Any, markers: Sequence[Any]) -> str:
    words = [_word(item) for item in _options(kind) if item is not types.NoneType]
    text = " or ".join(dict.fromkeys(words))
    if any(isinstance(marker, Duration) for marker in markers):
        text = "duration"
    return "".join([text, *(_bounds(marker) for marker in markers)])


def _word(kind: Any) -> str:
    kind, _ = _unwrapped(kind)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Literal:
        return " or ".join(f"`{value}`" for value in arguments)
    if origin in (tuple, list) or (isinstance(origin, type) and origin.__name__ == "Sequence"):
        return f"list of {_plural(_word(arguments[0]))}"
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return f"map of {_plural(_word(arguments[1]))}"
    if isinstance(kind, type) and attrs.has(kind):
        return "map of " + ", ".join(f"`{field.name}`" for field in attrs.fields(kind))
    names = {str: "text", int: "integer", float: "number", bool: "true or false", Path: "path"}
    if kind is Secret:
        return "secret"
    return names.get(kind, "any value")


def _plural(word: str) -> str:
    return {"text": "texts", "secret": "secrets", "integer": "integers", "path": "paths"}.get(
        word, word
    )


def _bounds(marker: object) -> str:
    match marker:
        case Range(minimum=minimum, maximum=maximum, is_minimum_exclusive=is_exclusive):
            low = (
                ""
                if minimum is None
                else f"{'more than' if is_exclusive else 'at least'} {minimum:g}"
            )
            high = "" if maximum is None else f"at most {maximum:g}"
            return "".join(f", {part}" for part in (low, high) if part)
        case Reference(kind=kind):
            return f", name of {KIND_NAMES.get(kind, f'a {kind}')}"
        case _:
            return ""


def _default(field: Any, markers: Sequence[Any]) -> str:
    names = next((marker.names for marker in markers if isinstance(marker, Env)), ())
    variables = ", ".join(f"`{name}`" for name in names)
    default = field.default
    if default is attrs.NOTHING:
        return f"{variables}, required" if variables else "required"
    if isinstance(default, attrs.Factory):  # type: ignore[arg-type]
        default = default.factory()
    shown = _shown(default)
    return " else ".join(part for part in (variables, shown) if part)


def _shown(value: Any) -> str:
    if value is None or value in ("", (), [], {}):
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, tuple):
        items = typing.cast("tuple[object, ...]", value)
        more = f" and {len(items) - 8} more" if len(items) > 8 else ""
        return ", ".join(f"`{item}`" for item in items[:8]) + more
    return f"`{value}`"


def _meaning(markers: Sequence[Any]) -> str:
    text = next((marker.text for marker in markers if isinstance(marker, Doc)), "")
    return text.replace("|", "\\|")
