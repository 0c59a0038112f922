"""What the plugin declares, what it accepts, and what it costs."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, cast

import attrs
import pluggy
import pytest

from hector.spi import BuildContext, Env, Pattern, Secret
from hector_plugin_qdrant import hector_vector_providers
from hector_plugin_qdrant.create import create
from hector_plugin_qdrant.settings import QdrantSettings

HEAVY = {"qdrant_client", "qdrant_edge", "numpy", "grpc", "httpx", "pydantic", "portalocker"}


def loaded_by(code: str) -> set[str]:
    """Which of the heavy modules a program has loaded when it ends."""
    code += f"\nimport sys; print(*({HEAVY!r} & sys.modules.keys()))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (0, "")
    return set(run.stdout.split())


def test_the_entry_point_module_is_light() -> None:
    """Importing it, and the module of `create`, pulls in neither engine nor what they need."""
    [point] = entry_points(group="hector.plugins", name="qdrant")
    assert loaded_by(f"import {point.value}, hector_plugin_qdrant.create") == set()


def test_the_embedded_engine_does_without_the_client(tmp_path: Path) -> None:
    """Which takes seconds and 65 MB to import."""
    code = f"""
import asyncio
from pathlib import Path
from hector_plugin_qdrant.create import create
from hector_plugin_qdrant.settings import QdrantSettings

async def main():
    async with create(QdrantSettings(path=Path({str(tmp_path)!r})), None) as store:
        await store.create_collection("c", dimension=2)

asyncio.run(main())
"""
    assert loaded_by(code) == {"qdrant_edge", "portalocker"}


def test_the_hook_is_the_kernels_and_gives_one_provider() -> None:
    from hector.plugin.hookspecs import PROJECT, HookSpecs

    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(HookSpecs)
    manager.register(import_module("hector_plugin_qdrant"))
    manager.check_pending()
    [[provider]] = manager.hook.hector_vector_providers()
    assert (provider,) == hector_vector_providers()
    assert (provider.kind, provider.type) == ("vector_store", "qdrant")
    module, _, function = provider.create.partition(":")
    assert getattr(import_module(module), function) is create


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({}, "one of path (embedded), url or host (server) is missing: say where the store is"),
    ({"path": Path("x"), "host": "y"}, "path and host exclude each other: give one of them"),
    ({"url": "http://x", "host": "y"}, "url and host exclude each other: give one of them"),
    ({"path": Path("x"), "port": 1}, "port has no effect beside path: leave it out"),
    ({"path": Path("x"), "timeout": 1.0}, "timeout has no effect beside path: leave it out"),
    ({"path": Path("x"), "exact": True}, "exact has no effect beside path: leave it out"),
    ({"url": "http://x", "port": 1}, "port has no effect beside url: leave it out"),
    ({"url": "http://x", "enable_tls": True}, "enable_tls has no effect beside url: leave it out"),
    ({"host": "x", "grpc_port": 1}, "grpc_port has no effect without `prefer_grpc: true`"),
]


@pytest.mark.parametrize(("given", "message"), REFUSED, ids=[message for _, message in REFUSED])
def test_keys_that_do_not_go_together_are_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        QdrantSettings(**given)


@pytest.mark.parametrize(
    ("given", "server"),
    [
        ({"host": "db"}, "http://db:6333"),
        ({"host": "db", "api_key": Secret("k")}, "https://db:6333"),
        ({"host": "db", "api_key": Secret("k"), "enable_tls": False}, "http://db:6333"),
        ({"host": "localhost", "api_key": Secret("k")}, "http://localhost:6333"),
        ({"host": "[::1]", "api_key": Secret("k"), "port": 1}, "http://[::1]:1"),
        ({"host": "db", "port": 1, "enable_tls": True}, "https://db:1"),
        ({"url": "https://db.example/q"}, "https://db.example/q"),
        ({"path": Path("x"), "api_key": Secret("k")}, ""),
    ],
)
def test_the_address_follows_from_the_settings(given: dict[str, Any], server: str) -> None:
    """A key never travels unencrypted to another machine unless the config says so."""
    assert QdrantSettings(**given).server == server


def marker(key: str, kind: type[Any]) -> Any:
    fields = attrs.fields_dict(attrs.resolve_types(QdrantSettings, include_extras=True))
    [found] = [
        item for item in cast("Any", fields[key].type).__metadata__ if isinstance(item, kind)
    ]
    return found


def test_an_address_is_taken_where_it_belongs() -> None:
    """`host:port` is no host, a host is no URL, and a URL holds no password."""
    host, url = marker("host", Pattern).regex, marker("url", Pattern).regex
    for good in ("db", "db.example", "10.0.0.1", "[::1]"):
        assert re.fullmatch(host, good)
    for bad in ("db:6333", "http://db", "a@db", "", "::1", "db/x"):
        assert not re.fullmatch(host, bad)
    for good in ("http://db", "https://db:6333", "https://db.example/behind/proxy"):
        assert re.fullmatch(url, good)
    for bad in ("db:6333", "ftp://db", "http://user:pass@db", "http://db?x=1", "http://"):
        assert not re.fullmatch(url, bad)


def test_the_key_comes_from_the_environment_and_never_shows() -> None:
    assert marker("api_key", Env).names == ("QDRANT_API_KEY",)
    assert "hush" not in repr(QdrantSettings(host="db", api_key=Secret("hush-hush")))


async def test_create_opens_the_embedded_engine(tmp_path: Path) -> None:
    async with create(QdrantSettings(path=tmp_path), cast("BuildContext", None)) as store:
        assert list(await store.collections()) == []
        assert type(store).__name__ == "EmbeddedQdrant"
