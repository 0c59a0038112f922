"""The smallest config around one provider, and what its settings must find in the world."""

from __future__ import annotations

import socket
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from hector.plugin.registry import build_registry
from hector.spi import Provider
from hector.testing import settings_strategy
from hector_plugin_mcp.conformance import PROGRAM

FOLDER = "documents"  # in the folder of the config
FUNCTIONS = "conformance_functions"

PROVIDERS: Mapping[str, Provider] = {
    f"{kind}.{type}": offers[0].provider for (kind, type), offers in build_registry().offers.items()
}

NAMES: Mapping[str, tuple[str, ...]] = {
    "llm": ("helper",),
    "embedder": ("helper",),
    "toolset": ("helper", "helper.list_files"),
    "document_store": ("helper",),
    "agent": ("helper", "assistant"),
}
"""What references may name; `config_of` adds the entries."""

Keys = Mapping[str, SearchStrategy[Any] | None]


def _closed_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def fixed_keys() -> Mapping[str, tuple[Keys, ...]]:
    """Per provider, what its settings must find to be built; each tuple is a way to set it up.

    Everything that is not named here is drawn. A provider that needs nothing real is not here.
    """
    nowhere = f"127.0.0.1:{_closed_port()}"
    key = st.just("not-a-real-key")
    known: Keys = {
        "max_retries": st.just(0),  # nobody is there to answer the next time either
        "headers": st.just({"x-team": "a"}),
        "proxy": st.none() | st.just(f"http://{nowhere}"),
    }
    no_stdio = dict.fromkeys(("command", "args", "env", "working_directory"))
    no_server = dict.fromkeys(
        ("url", "host", "port", "enable_tls", "prefer_grpc", "grpc_port", "timeout", "exact")
    )
    return {
        "llm.auto": ({"ollama_host": st.just(nowhere)},),
        # what a model takes of thinking and temperature hangs on which it is
        "llm.anthropic": (
            {
                "api_key": None,
                "base_url": st.just(f"http://{nowhere}"),
                "model": st.just("claude-haiku-4-5"),
                "thinking": None,
                **known,
            },
            {"api_key": key, "base_url": None, "thinking": None, "temperature": None, **known},
            {
                "api_key": key,
                "model": st.just("claude-haiku-4-5"),
                "temperature": None,
                "max_tokens": None,
                **known,
            },
        ),
        # what a model takes of thinking hangs on which it is
        "llm.cohere": (
            {
                "api_key": None,
                "base_url": st.just(f"http://{nowhere}"),
                "model": st.just("command-a-03-2025"),
                "thinking": None,
                **known,
            },
            {"api_key": key, "base_url": None, "thinking": None, **known},
        ),
        "embedder.cohere": (
            {
                "api_key": key,
                "base_url": st.just(f"http://{nowhere}"),
                "model": st.just("embed-v4.0"),
                "dimension": st.just(512),
                **known,
            },
            {"api_key": key, "model": st.just("embed-novel"), "dimension": st.just(7), **known},
        ),
        "llm.gemini": (
            {
                "api_key": None,
                "base_url": st.just(f"http://{nowhere}"),
                "model": st.just("gemini-2.5-flash"),
                "thinking": st.just({"budget_tokens": 512}),
                **known,
            },
            {"api_key": key, "base_url": None, "thinking": None, **known},
        ),
        "embedder.gemini": (
            {
                "api_key": key,
                "base_url": st.just(f"http://{nowhere}"),
                "model": st.just("gemini-embedding-001"),
                "dimension": st.integers(1, 3072),
                **known,
            },
            {"api_key": key, "model": st.just("gemini-embedding-2"), "dimension": None, **known},
        ),
        # a server that is not there is no error when an LLM opens; an embedder asks for the length of its vectors
        "llm.ollama": (
            {
                "api_key": st.none() | key,
                "base_url": st.just(nowhere),
                "options": st.just({"seed": 1}),
                **known,
            },
        ),
        "embedder.ollama": (
            {
                "api_key": st.none() | key,
                "base_url": st.just(nowhere),
                "dimension": st.integers(1, 4096),
                **known,
            },
        ),
        # one of two that mean the same thing, and one of two ways to be let in
        "llm.openai": (
            {"base_url": st.just(f"http://{nowhere}/v1"), "thinking": None, **known},
            {"api_key": key, "reasoning_effort": None, **known},
        ),
        # weights belong to one strategy, and no LLM may stand there twice
        "llm.router": (
            {"strategy": st.just("ordered"), "routes": st.just([{"llm": "helper"}])},
            {
                "strategy": st.just("weighted"),
                "routes": st.just([{"llm": "helper", "weight": 2.0}, {"llm": "default"}]),
            },
        ),
        "embedder.cached": ({"embedder": st.just("helper"), "path": st.just("vectors.db")},),
        # the length of an unknown model's vectors is found by asking, so a known one is named
        "embedder.openai": (
            {
                "api_key": key,
                "base_url": st.just(f"http://{nowhere}/v1"),
                "dimension": st.integers(1, 1536),
                **known,
            },
            {
                "api_key": key,
                "model": st.just("text-embedding-3-small"),
                "dimension": None,
                **known,
            },
        ),
        # its server is asked when it opens; the plugin's own tests have one
        "vector_store.qdrant": ({"path": st.just("vectors"), **no_server},),
        # a list of commands or a shell, and patterns that are such
        "toolset.command": (
            {
                "allowed_commands": st.just(["git status"]),
                "shell": None,
                "denied_patterns": st.just(["push"]),
                "working_directory": st.just(FOLDER),
                "env": None,
            },
            {
                "allowed_commands": None,
                "shell": st.just(True),
                "denied_patterns": st.just(["rm -rf"]),
                "working_directory": st.just(FOLDER),
                "env": None,
            },
        ),
        "toolset.files": ({"root": st.just(FOLDER)},),
        "toolset.function": (
            {
                "functions": st.lists(
                    st.sampled_from([f"{FUNCTIONS}:add", f"{FUNCTIONS}:greet"]),
                    min_size=1,
                    unique=True,
                ),
                "lookups": None,  # names a tool and a function that is there
            },
        ),
        # places and parameters that belong to each other, and a server that is never asked
        "toolset.http": (
            {
                "base_url": st.just(f"http://{nowhere}/v1"),
                "tools": st.just({"find": {"description": "Find.", "path": "/find"}}),
                "headers": st.just({"x-team": "a"}),
                "query": None,
                "idempotency_header": None,
                "allowed_networks": st.just(["127.0.0.0/8"]),
            },
        ),
        "toolset.mcp": (
            {
                "command": st.just(sys.executable),
                "args": st.just([str(PROGRAM)]),
                "transport": st.sampled_from([None, "stdio"]),
                "working_directory": st.just(FOLDER),
                "url": None,
                "headers": None,
            },
            {
                "url": st.just(f"http://{nowhere}/mcp"),
                "transport": st.sampled_from([None, "streamable-http"]),
                **no_stdio,
            },
        ),
        # a place for fsspec is asked when it opens; the store's own tests have some
        "session_backend.sqlite": (
            {"blobs": st.none() | st.just({"folder": "blobs", "min_bytes": 1})},
        ),
        "document_source.directory": ({"path": st.just(FOLDER)},),
    }


def settings_of(provider: Provider) -> SearchStrategy[dict[str, Any]]:
    """Any valid settings of a provider."""
    ways = fixed_keys().get(f"{provider.kind}.{provider.type}", ({},))
    return st.one_of(
        *(settings_strategy(provider.settings, keys=keys, names=NAMES) for keys in ways)
    )


def place_of(provider: Provider) -> tuple[str, ...]:
    """Where the settings of a provider stand in `config_of`."""
    match provider.kind:
        case "document_source":
            return ("document_stores", "main", "source")
        case "chunker":
            return ("document_stores", "main", "chunking")
        case _:
            return (SECTIONS[provider.kind][0], "main")


SECTIONS: Mapping[str, tuple[str, str]] = {
    "llm": ("llms", "provider"),
    "embedder": ("embedders", "provider"),
    "vector_store": ("vector_stores", "type"),
    "toolset": ("tools", "type"),
    "agent": ("agents", "type"),
    "session_backend": ("databases", "driver"),
}


def config_of(provider: Provider, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The smallest config in which the provider builds `settings`, with what they refer to."""
    store: dict[str, Any] = {"source": {"type": "directory", "path": FOLDER}}
    match provider.kind:
        case "document_source":
            return {"document_stores": {"main": {"source": {"type": provider.type, **settings}}}}
        case "chunker":
            chunking = {"strategy": provider.type, **settings}
            return {"document_stores": {"main": {**store, "chunking": chunking}}}
        case "document_parser":  # every store takes all parsers, which no entry selects
            return {"document_stores": {"main": store}}
        case _:
            pass
    section, selector = SECTIONS[provider.kind]
    config: dict[str, Any] = {section: {"main": {selector: provider.type, **settings}}}
    if provider.type == "router":
        config["llms"] |= {name: {"provider": "offline"} for name in ("default", "helper")}
    if provider.type == "cached":
        config["embedders"]["helper"] = {"provider": "lexical"}
    if provider.kind == "session_backend":
        config["server"] = {"sessions": {"backend": "sql", "database": "main"}}
    if provider.kind == "agent":
        config["llms"] = {"default": {"provider": "offline"}, "helper": {"provider": "offline"}}
        config["tools"] = {"helper": {"type": "files", "root": FOLDER}}
        config["document_stores"] = {"helper": store}
        leaf: dict[str, list[str]] = {"tools": [], "document_stores": []}
        config["agents"] |= {"helper": leaf, "assistant": leaf}
    return config


@contextmanager
def world(folder: Path) -> Generator[None]:
    """Make in a folder what the configs refer to."""
    (folder / FOLDER).mkdir()
    (folder / FOLDER / "bees.md").write_text("# Bees\n\nBees make honey.\n")
    (folder / f"{FUNCTIONS}.py").write_text(
        "def add(left: int, right: int) -> int:\n"
        '    """Add."""\n'
        "    return left + right\n\n"
        "def greet(name: str) -> str:\n"
        '    """Greet."""\n'
        "    return f'hello {name}'\n"
    )
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        sys.path_importer_cache.pop(str(folder), None)
        sys.modules.pop(FUNCTIONS, None)
