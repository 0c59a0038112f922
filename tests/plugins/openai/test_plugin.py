"""What the plugin declares, what it accepts, and what it costs."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

import attrs
import pluggy
import pytest
from openai_calls import ask

from hector.spi import Env, Secret
from hector_plugin_openai import hector_embedder_providers, hector_llm_providers
from hector_plugin_openai.client import open_client
from hector_plugin_openai.responses_request import responses_body
from hector_plugin_openai.settings import EmbedderSettings, LLMSettings, ThinkingSettings

if TYPE_CHECKING:
    from hector.spi import Provider

PROVIDERS = [*hector_llm_providers(), *hector_embedder_providers()]


def test_the_entry_point_module_is_light() -> None:
    """Importing it pulls in no SDK and no HTTP client, and no web stack of ours."""
    [point] = entry_points(group="hector.plugins", name="openai")
    code = (
        f"import sys, {point.value}\n"
        "heavy = {'openai', 'httpx', 'httpx2', 'pydantic', 'anyio', 'asyncio', 'ssl'}\n"
        "print(sorted(heavy & sys.modules.keys()))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout, run.stderr) == (0, "[]\n", "")


def test_the_hooks_are_the_kernels_and_give_providers() -> None:
    from hector.plugin.hookspecs import PROJECT, HookSpecs

    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(HookSpecs)
    manager.register(import_module("hector_plugin_openai"))
    manager.check_pending()
    declared = [
        provider
        for hook in (manager.hook.hector_llm_providers, manager.hook.hector_embedder_providers)
        for given in hook()
        for provider in given
    ]
    assert [(provider.kind, provider.type) for provider in declared] == [
        ("llm", "openai"),
        ("embedder", "openai"),
    ]


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda provider: provider.kind)
def test_create_is_where_the_declaration_says(provider: Provider) -> None:
    assert isinstance(provider.create, str)
    module, _, function = provider.create.partition(":")
    assert callable(getattr(import_module(module), function))
    assert attrs.has(provider.settings)


@pytest.mark.parametrize("settings", [LLMSettings, EmbedderSettings])
def test_a_key_is_required_unless_the_server_is_ones_own(settings: Any) -> None:
    for missing in (None, Secret("")):
        with pytest.raises(ValueError, match="OPENAI_API_KEY") as raised:
            settings(api_key=missing)
    assert str(raised.value) == (
        "api_key is missing: give it, or set the environment variable OPENAI_API_KEY "
        "(only a server of your own, named by base_url, can do without)"
    )
    assert settings(base_url="http://127.0.0.1:1/v1").api_key is None


def test_two_ways_of_saying_effort_are_refused() -> None:
    with pytest.raises(ValueError, match="give one of them"):
        LLMSettings(api_key=Secret("k"), thinking=ThinkingSettings(), reasoning_effort="low")


@pytest.mark.parametrize(
    ("thinking", "reasoning"),
    [
        (ThinkingSettings(), {"effort": "low", "summary": "auto"}),
        (ThinkingSettings(budget_tokens=1025), {"effort": "medium", "summary": "auto"}),
        (ThinkingSettings(budget_tokens=8193), {"effort": "high", "summary": "auto"}),
        (ThinkingSettings(enabled=False), {"effort": "none"}),
        (None, None),
    ],
)
def test_thinking_becomes_an_effort(
    thinking: ThinkingSettings | None, reasoning: dict[str, str] | None
) -> None:
    body = responses_body(ask(), LLMSettings(api_key=Secret("k"), thinking=thinking))
    assert body.get("reasoning") == reasoning


@pytest.mark.parametrize("settings", [LLMSettings, EmbedderSettings])
def test_the_environment_fills_what_openai_users_expect(settings: Any) -> None:
    """By markers that the config room reads; `attrs.fields` alone resolves no annotation."""
    named = {
        field.name: marker.names
        for field in attrs.fields(attrs.resolve_types(settings, include_extras=True))
        for marker in getattr(field.type, "__metadata__", ())
        if isinstance(marker, Env)
    }
    assert named == {
        "api_key": ("OPENAI_API_KEY",),
        "base_url": ("OPENAI_BASE_URL",),
        "organization": ("OPENAI_ORG_ID",),
        "project": ("OPENAI_PROJECT_ID",),
    }


async def test_the_config_alone_decides_where_a_call_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK would read these by itself."""
    for name in ("BASE_URL", "API_KEY", "ORG_ID", "PROJECT_ID"):
        monkeypatch.setenv(f"OPENAI_{name}", "https://elsewhere.example/v1")
    async with open_client(LLMSettings(api_key=Secret("k"))) as client:
        assert str(client.base_url) == "https://api.openai.com/v1/"
        assert (client.api_key, client.organization, client.project) == ("k", None, None)
    assert client.is_closed()


def test_settings_never_show_the_key() -> None:
    settings = LLMSettings(api_key=Secret("sk-very-secret"), headers={"x": Secret("hush-hush")})
    assert "very-secret" not in repr(settings)
    assert "hush" not in repr(settings)
