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

from hector.spi import Env, ModelLimits, Secret
from hector_plugin_cohere import hector_embedder_providers, hector_llm_providers
from hector_plugin_cohere.models import known_limits
from hector_plugin_cohere.settings import EmbedderSettings, LLMSettings, ThinkingSettings


def test_the_entry_point_module_is_light() -> None:
    """Importing it pulls in no SDK and no HTTP client, and no web stack of ours."""
    [point] = entry_points(group="hector.plugins", name="cohere")
    code = (
        f"import sys, {point.value}\n"
        "heavy = {'cohere', 'httpx', 'httpx2', 'pydantic', 'anyio', 'asyncio', 'ssl'}\n"
        "print(sorted(heavy & sys.modules.keys()))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout, run.stderr) == (0, "[]\n", "")


def test_the_hooks_are_the_kernels_and_give_providers() -> None:
    from hector.plugin.hookspecs import PROJECT, HookSpecs

    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(HookSpecs)
    manager.register(import_module("hector_plugin_cohere"))
    manager.check_pending()
    declared = [
        provider
        for hook in (manager.hook.hector_llm_providers, manager.hook.hector_embedder_providers)
        for given in hook()
        for provider in given
    ]
    assert [(provider.kind, provider.type) for provider in declared] == [
        ("llm", "cohere"),
        ("embedder", "cohere"),
    ]


@pytest.mark.parametrize("provider", [*hector_llm_providers(), *hector_embedder_providers()])
def test_create_is_where_the_declaration_says(provider: Any) -> None:
    module, _, function = provider.create.partition(":")
    assert callable(getattr(import_module(module), function))


@pytest.mark.parametrize("settings", [LLMSettings, EmbedderSettings])
def test_a_key_is_required_unless_the_server_is_ones_own(settings: Any) -> None:
    for missing in (None, Secret("")):
        with pytest.raises(ValueError, match="api_key is missing") as raised:
            settings(api_key=missing)
    assert str(raised.value) == (
        "api_key is missing: give it, or set the environment variable CO_API_KEY "
        "(only a server of your own, named by base_url, can do without)"
    )
    assert settings(base_url="http://127.0.0.1:1").api_key is None
    with pytest.raises(ValueError, match="base_url must be an address such as"):
        settings(base_url="http://[::1")


@pytest.mark.parametrize("settings", [LLMSettings, EmbedderSettings])
def test_the_environment_fills_what_users_expect(settings: Any) -> None:
    named = {
        field.name: marker.names
        for field in attrs.fields(attrs.resolve_types(settings, include_extras=True))
        for marker in getattr(field.type, "__metadata__", ())
        if isinstance(marker, Env)
    }
    assert named == {
        "api_key": ("CO_API_KEY", "COHERE_API_KEY"),
        "base_url": ("CO_API_URL",),
    }


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (
            {"model": "command-a-03-2025", "thinking": ThinkingSettings()},
            "command-a-03-2025 does not think: remove thinking",
        ),
        (
            {"thinking": ThinkingSettings(enabled=False, budget_tokens=9)},
            "thinking is off: remove its budget_tokens",
        ),
    ],
)
def test_what_a_model_would_refuse_is_refused_in_the_config(
    keys: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(message)) as raised:
        LLMSettings(api_key=Secret("k"), **keys)
    assert str(raised.value) == message


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("embed-v4.0", "dimension of embed-v4.0 is 1536, or one of 256, 512, 1024"),
        ("embed-english-v3.0", "dimension of embed-english-v3.0 is always 1024"),
    ],
)
def test_vectors_have_the_lengths_that_the_model_knows(model: str, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        EmbedderSettings(api_key=Secret("k"), model=model, dimension=768)
    assert EmbedderSettings(api_key=Secret("k"), model="new", dimension=768).is_shortened


def test_settings_never_show_the_key() -> None:
    settings = LLMSettings(api_key=Secret("very-secret"), headers={"x": Secret("hush-hush")})
    assert "very-secret" not in repr(settings)
    assert "hush" not in repr(settings)


@pytest.mark.parametrize(
    ("model", "context", "output"),
    [
        ("command-a-03-2025", 256_000, 8_000),
        ("command-a-reasoning-08-2025", 256_000, 32_000),
        ("command-r7b-12-2024", 128_000, 4_000),
        ("command-a-plus-05-2026", 128_000, 64_000),
        ("command-a-plus-11-2031", None, None),
        ("novel", None, None),
    ],
)
def test_limits_are_known(model: str, context: int | None, output: int | None) -> None:
    assert known_limits(model) == ModelLimits(context_tokens=context, output_tokens=output)


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
    given: dict[str, Any] = {"api_key": Secret("k"), **keys}
    with pytest.raises(ValueError, match=re.escape(message)):
        LLMSettings(**given)
