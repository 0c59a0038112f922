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
from hector_plugin_anthropic import hector_llm_providers
from hector_plugin_anthropic.client import open_client
from hector_plugin_anthropic.models import known_limits
from hector_plugin_anthropic.settings import LLMSettings, ThinkingSettings


def test_the_entry_point_module_is_light() -> None:
    """Importing it pulls in no SDK and no HTTP client, and no web stack of ours."""
    [point] = entry_points(group="hector.plugins", name="anthropic")
    code = (
        f"import sys, {point.value}\n"
        "heavy = {'anthropic', 'httpx', 'httpx2', 'pydantic', 'anyio', 'asyncio', 'ssl'}\n"
        "print(sorted(heavy & sys.modules.keys()))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout, run.stderr) == (0, "[]\n", "")


def test_the_hook_is_the_kernels_and_gives_a_provider() -> None:
    from hector.plugin.hookspecs import PROJECT, HookSpecs

    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(HookSpecs)
    manager.register(import_module("hector_plugin_anthropic"))
    manager.check_pending()
    declared = [provider for given in manager.hook.hector_llm_providers() for provider in given]
    assert [(provider.kind, provider.type) for provider in declared] == [("llm", "anthropic")]


def test_create_is_where_the_declaration_says() -> None:
    [provider] = hector_llm_providers()
    assert isinstance(provider.create, str)
    module, _, function = provider.create.partition(":")
    assert callable(getattr(import_module(module), function))


def test_a_key_is_required_unless_the_server_is_ones_own() -> None:
    for missing in (None, Secret("")):
        with pytest.raises(ValueError, match="api_key is missing") as raised:
            LLMSettings(api_key=missing)
    assert str(raised.value) == (
        "api_key is missing: give it, or set the environment variable ANTHROPIC_API_KEY "
        "(only a server of your own, named by base_url, can do without)"
    )
    assert LLMSettings(base_url="http://127.0.0.1:1").api_key is None
    with pytest.raises(ValueError, match="base_url must be an address such as"):
        LLMSettings(base_url="http://[::1")


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"temperature": 0.0}, "claude-sonnet-5-5 takes no temperature: remove it"),
        (
            {"model": "claude-opus-5-5", "thinking": ThinkingSettings(enabled=False)},
            "claude-opus-5-5 always thinks: remove thinking, and lower effort",
        ),
        (
            {"model": "claude-haiku-4-5", "temperature": 0.5, "thinking": ThinkingSettings()},
            "a model that thinks takes no temperature: give one of them",
        ),
        (
            {"thinking": ThinkingSettings(budget_tokens=2000), "effort": "low"},
            (
                "claude-sonnet-5-5 has no budget for thinking, it becomes an effort: "
                "give thinking.budget_tokens or effort, not both"
            ),
        ),
        (
            {
                "model": "claude-haiku-4-5",
                "thinking": ThinkingSettings(budget_tokens=2000),
                "max_tokens": 2000,
            },
            "thinking.budget_tokens must be below max_tokens, which includes it",
        ),
    ],
)
def test_what_a_model_would_refuse_is_refused_in_the_config(
    keys: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(message)) as raised:
        LLMSettings(api_key=Secret("k"), **keys)
    assert str(raised.value) == message


def test_the_environment_fills_what_users_expect() -> None:
    """By markers that the config room reads; `attrs.fields` alone resolves no annotation."""
    named = {
        field.name: marker.names
        for field in attrs.fields(attrs.resolve_types(LLMSettings, include_extras=True))
        for marker in getattr(field.type, "__metadata__", ())
        if isinstance(marker, Env)
    }
    assert named == {"api_key": ("ANTHROPIC_API_KEY",), "base_url": ("ANTHROPIC_BASE_URL",)}


async def test_the_config_alone_decides_where_a_call_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK would read these by itself."""
    for name in ("BASE_URL", "API_KEY", "AUTH_TOKEN", "PROFILE"):
        monkeypatch.setenv(f"ANTHROPIC_{name}", "https://elsewhere.example")
    async with open_client(LLMSettings(api_key=Secret("k"))) as client:
        assert str(client.base_url) == "https://api.anthropic.com"
        assert (client.api_key, client.auth_token, client.credentials) == ("k", None, None)
    assert client.is_closed()


def test_settings_never_show_the_key() -> None:
    settings = LLMSettings(api_key=Secret("sk-very-secret"), headers={"x": Secret("hush-hush")})
    assert "very-secret" not in repr(settings)
    assert "hush" not in repr(settings)


@pytest.mark.parametrize(
    ("model", "context", "output"),
    [
        ("claude-opus-5-5", 1_000_000, 128_000),
        ("anthropic/claude-haiku-5-5", 1_000_000, 128_000),
        ("claude-sonnet-4-6", 1_000_000, 64_000),
        ("claude-sonnet-4-5-20250929", 200_000, 64_000),
        ("claude-opus-4-1", 200_000, 32_000),
        ("claude-3-haiku-20240307", 200_000, 4096),
        ("claude-novel-7", None, None),
        ("glm-4.6", None, None),
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
