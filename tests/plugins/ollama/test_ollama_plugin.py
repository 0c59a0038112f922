"""What the plugin declares, what it accepts, and what it costs."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

import attrs
import pluggy
import pytest

from hector.spi import Env, Secret
from hector_plugin_ollama import hector_embedder_providers, hector_llm_providers
from hector_plugin_ollama.settings import EmbedderSettings, LLMSettings


def test_the_entry_point_module_is_light() -> None:
    """Importing it pulls in no HTTP client, and no web stack of ours."""
    [point] = entry_points(group="hector.plugins", name="ollama")
    code = (
        f"import sys, {point.value}\n"
        "heavy = {'ollama', 'httpx', 'httpx2', 'pydantic', 'anyio', 'asyncio', 'ssl'}\n"
        "print(sorted(heavy & sys.modules.keys()))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout, run.stderr) == (0, "[]\n", "")


def test_the_hooks_are_the_kernels_and_give_providers() -> None:
    from hector.plugin.hookspecs import PROJECT, HookSpecs

    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(HookSpecs)
    manager.register(import_module("hector_plugin_ollama"))
    manager.check_pending()
    declared = [
        provider
        for hook in (manager.hook.hector_llm_providers, manager.hook.hector_embedder_providers)
        for given in hook()
        for provider in given
    ]
    assert [(provider.kind, provider.type) for provider in declared] == [
        ("llm", "ollama"),
        ("embedder", "ollama"),
    ]


@pytest.mark.parametrize("provider", [*hector_llm_providers(), *hector_embedder_providers()])
def test_create_is_where_the_declaration_says(provider: Any) -> None:
    module, _, function = provider.create.partition(":")
    assert callable(getattr(import_module(module), function))


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ("127.0.0.1:11434", "http://127.0.0.1:11434"),
        ("box", "http://box:11434"),
        ("http://box", "http://box"),
        ("https://ollama.com/", "https://ollama.com"),
        ("0.0.0.0", "http://127.0.0.1:11434"),
        ("http://[::]:8080", "http://127.0.0.1:8080"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        ("https://gateway.example/ollama/", "https://gateway.example/ollama"),
    ],
)
def test_every_spelling_of_the_host_is_understood(given: str, address: str) -> None:
    """As `OLLAMA_HOST` may hold it, which a server reads, too."""
    assert LLMSettings(model="m", base_url=given).address == address


@pytest.mark.parametrize("given", ["ftp://box", "http://[::1", "http://", "box:port", "ä"])
def test_what_is_no_address_is_refused(given: str) -> None:
    for kind in (LLMSettings, EmbedderSettings):
        with pytest.raises(ValueError, match="base_url must be an address such as"):
            kind(model="m", base_url=given)


def test_an_option_with_a_key_of_its_own_is_not_given_twice() -> None:
    with pytest.raises(ValueError, match=r"options\.num_ctx has a key of its own"):
        LLMSettings(model="m", options={"num_ctx": 1})
    assert EmbedderSettings(model="m", options={"num_ctx": 1}).options == {"num_ctx": 1}


def test_shorter_vectors_need_a_length() -> None:
    with pytest.raises(ValueError, match="shorten needs to be told how far: give dimension"):
        EmbedderSettings(model="m", shorten=True)


@pytest.mark.parametrize("settings", [LLMSettings, EmbedderSettings])
def test_the_environment_fills_what_users_expect(settings: Any) -> None:
    named = {
        field.name: marker.names
        for field in attrs.fields(attrs.resolve_types(settings, include_extras=True))
        for marker in getattr(field.type, "__metadata__", ())
        if isinstance(marker, Env)
    }
    assert named == {"api_key": ("OLLAMA_API_KEY",), "base_url": ("OLLAMA_HOST",)}


def test_settings_never_show_the_key() -> None:
    settings = LLMSettings(
        model="m", api_key=Secret("very-secret"), headers={"x": Secret("hush-hush")}
    )
    assert "very-secret" not in repr(settings)
    assert "hush" not in repr(settings)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"api_key": Secret("k\n")}, "api_key must be ASCII without spaces"),
        ({"headers": {"x y": Secret("v")}}, "headers must have names such as x-team"),
        ({"headers": {"x": Secret("ä")}}, "headers.x must be printable ASCII"),
        ({"proxy": Secret("0R5X")}, "proxy must be an address such as http://127.0.0.1:3128"),
    ],
)
def test_what_no_request_could_carry_is_refused(keys: dict[str, Any], message: str) -> None:
    given: dict[str, Any] = {"model": "m", "api_key": Secret("k"), **keys}
    with pytest.raises(ValueError, match=re.escape(message)):
        LLMSettings(**given)
