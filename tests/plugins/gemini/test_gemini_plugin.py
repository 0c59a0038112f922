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
from hector_plugin_gemini import hector_embedder_providers, hector_llm_providers
from hector_plugin_gemini.models import known_limits
from hector_plugin_gemini.settings import EmbedderSettings, LLMSettings, ThinkingSettings

OLD = "gemini-2.5-flash"
OFF = ThinkingSettings(enabled=False)


def test_the_entry_point_module_is_light() -> None:
    """Importing it pulls in no SDK and no HTTP client, and no web stack of ours."""
    [point] = entry_points(group="hector.plugins", name="gemini")
    code = (
        f"import sys, {point.value}\n"
        "heavy = {'google.genai', 'httpx', 'httpx2', 'pydantic', 'anyio', 'asyncio', 'ssl'}\n"
        "print(sorted(heavy & sys.modules.keys()))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout, run.stderr) == (0, "[]\n", "")


def test_the_hooks_are_the_kernels_and_give_providers() -> None:
    from hector.plugin.hookspecs import PROJECT, HookSpecs

    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(HookSpecs)
    manager.register(import_module("hector_plugin_gemini"))
    manager.check_pending()
    declared = [
        provider
        for hook in (manager.hook.hector_llm_providers, manager.hook.hector_embedder_providers)
        for given in hook()
        for provider in given
    ]
    assert [(provider.kind, provider.type) for provider in declared] == [
        ("llm", "gemini"),
        ("embedder", "gemini"),
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
        "api_key is missing: give it, or set the environment variable GEMINI_API_KEY "
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
        "api_key": ("GEMINI_API_KEY", "GOOGLE_API_KEY"),
        "base_url": ("GOOGLE_GEMINI_BASE_URL",),
    }


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (
            {"thinking": OFF},
            "gemini-3.8-flash always thinks: remove thinking.enabled",
        ),
        (
            {"model": "gemini-2.5-pro", "thinking": OFF},
            "gemini-2.5-pro always thinks: remove thinking.enabled",
        ),
        (
            {"thinking": ThinkingSettings(level="minimal")},
            "thinking.level of gemini-3.8-flash is one of low, medium, high",
        ),
        (
            {"model": OLD, "thinking": ThinkingSettings(level="low")},
            "gemini-2.5-flash has no levels of thinking: give thinking.budget_tokens",
        ),
        (
            {"thinking": ThinkingSettings(level="low", budget_tokens=5)},
            "thinking.level and thinking.budget_tokens say the same: give one of them",
        ),
        (
            {"model": "gemini-2.5-pro", "thinking": ThinkingSettings(budget_tokens=100)},
            "thinking.budget_tokens of gemini-2.5-pro must be 128 to 32768",
        ),
        (
            {"model": "gemini-2.0-flash", "thinking": ThinkingSettings()},
            "gemini-2.0-flash does not think: remove thinking",
        ),
        (
            {"model": OLD, "thinking": ThinkingSettings(enabled=False, budget_tokens=9)},
            "thinking is off: remove its level and budget_tokens",
        ),
    ],
)
def test_what_a_model_would_refuse_is_refused_in_the_config(
    keys: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(message)) as raised:
        LLMSettings(api_key=Secret("k"), **keys)
    assert str(raised.value) == message


@pytest.mark.parametrize("level", ["minimal", "low", "medium", "high", "xhigh"])
def test_a_model_that_is_not_known_takes_any_level(level: Any) -> None:
    thinking = ThinkingSettings(level=level)
    novel = LLMSettings(api_key=Secret("k"), model="gemini-9-novel", thinking=thinking)
    assert novel.level_in_force == level


def test_a_model_that_is_not_known_thinks_little_at_the_level_that_all_have() -> None:
    novel = LLMSettings(api_key=Secret("k"), model="gemini-9-novel", thinking=OFF)
    assert novel.level_in_force == "low"


def test_hydrogen_has_a_level_above_high() -> None:
    thinking = ThinkingSettings(level="xhigh")
    most = LLMSettings(api_key=Secret("k"), model="gemini-4-hydrogen", thinking=thinking)
    assert most.level_in_force == "xhigh"
    with pytest.raises(ValueError, match="gemini-4-carbon is one of low, medium, high"):
        LLMSettings(api_key=Secret("k"), model="gemini-4-carbon", thinking=thinking)


def test_vectors_get_shorter_only() -> None:
    with pytest.raises(ValueError, match="dimension of gemini-embedding-001 is at most 3072"):
        EmbedderSettings(api_key=Secret("k"), dimension=4096)
    assert EmbedderSettings(api_key=Secret("k"), model="new", dimension=4096).is_shortened


def test_settings_never_show_the_key() -> None:
    settings = LLMSettings(api_key=Secret("AIza-very-secret"), headers={"x": Secret("hush-hush")})
    assert "very-secret" not in repr(settings)
    assert "hush" not in repr(settings)


@pytest.mark.parametrize(
    ("model", "context", "output"),
    [
        ("gemini-4-argon", 1_048_576, 65_536),
        ("gemini-4-novel", None, None),
        ("models/gemini-3.8-flash", 1_048_576, 65_536),
        ("google/gemini-2.0-flash", 1_048_576, 8192),
        ("gemini-9-novel", None, None),
        ("gemma-4", None, None),
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
