from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hector.config import ProviderIndex, diagnose, read_text, render, schema, structure
from hector.errors import ConfigError

Check = Callable[..., list[str]]

SECRET = "sk-very-secret-4711"


def shown(text: str, index: ProviderIndex, **env: str) -> str:
    """Everything that a config may show of itself: problems, their excerpts, its repr."""
    try:
        raw = read_text(text, file="config.yaml", env=env)
    except ConfigError as error:
        return "\n".join([str(error), *(render(item, text) for item in error.diagnostics)])
    problems = diagnose(raw, index)
    parts = [repr(raw), repr(problems), *(str(item) for item in problems)]
    parts += [render(item, text) for item in problems]
    try:
        parts.append(repr(structure(raw, index)))
    except ConfigError as error:
        parts.append(str(error))
    return "\n".join(parts)


@pytest.mark.parametrize(
    "text",
    [
        f"llms: {{a: {{provider: openai, api_key: {SECRET}}}}}",
        f"llms: {{a: {{provider: openai, api_key: [{SECRET}]}}}}",
        f"llms: {{a: {{provider: openai, api_kye: {SECRET}}}}}",
        f"llms:\n  a:\n    provider: openai\n    api_key: [{SECRET}]\n",
        f"llms:\n  a:\n    provider: openai\n    api_key:\n      - {SECRET}\n",
        f"llms:\n  a:\n    provider: openai\n    api_key: {{x: {SECRET}}}\n",
        f"llms:\n  a:\n    provider: openai\n    apikey: '{SECRET}'\n",
        f"llms:\n  a:\n    provider: openai\n    passwort: {SECRET}\n",
        f"llms:\n  a:\n    provider: openai\n    headers: {{X: [{SECRET}]}}\n",
        f"llms:\n  a:\n    provider: openai\n    headers:\n      X: [{SECRET}]\n",
        f"llms: {{a: {{provider: openai, api_key: {SECRET}, tmeout: 5}}}}",
        f"llms: {{a: {{provider: openai, headers: {{X: {SECRET}}}, tmeout: 5}}}}",
        f"databases:\n  a: {{driver: sqlite, database: x, passwort: {SECRET}}}\n",
        f"server:\n  public_url: 'postgres://user:{SECRET}@host'\n",
        f"llms:\n  a:\n    provider: openai\n    api_key: {SECRET}\n    api_key: {SECRET}\n",
    ],
)
def test_a_secret_that_is_written_is_not_shown(index: ProviderIndex, text: str) -> None:
    assert SECRET not in shown(text, index)


@pytest.mark.parametrize(
    "text",
    [
        "llms: {a: {provider: openai}}",
        "llms: {a: {provider: openai, model: [x]}}",
        "llms: {a: {provider: openai, api_key: '${OPENAI_API_KEY}'}}",
        "llms: {a: {provider: openai, api_key: '${OPENAI_API_KEY}${GONE}'}}",
        "llms: {a: {provider: openai, temperature: '${OPENAI_API_KEY}'}}",
        "llms: {a: {provider: openai, mode: '${OPENAI_API_KEY}'}}",
        "llms: {a: {provider: openai, mode: 'x${OPENAI_API_KEY}'}}",
        "llms: {a: {provider: openai, stream: '${OPENAI_API_KEY}'}}",
        "llms: {a: {provider: openai, base_url: '${OPENAI_API_KEY}'}}",
        "llms: {a: {provider: openai, stop: '${OPENAI_API_KEY}'}}",
        "llms: {a: {provider: openai, max_tokens: 'x${OPENAI_API_KEY}'}}",
        "llms: {a: {provider: '${OPENAI_API_KEY}'}}",
        "llms: {a: {provider: 'x${OPENAI_API_KEY}'}}",
        "agents: {a: {llm: '${OPENAI_API_KEY}', tools: ['x${OPENAI_API_KEY}']}}",
        "server: {port: '${OPENAI_API_KEY}'}",
        "plugins: {require: ['${OPENAI_API_KEY} x']}",
        "extends: ${OPENAI_API_KEY}.yaml",
        "databases: {a: {driver: '${OPENAI_API_KEY}'}}",
    ],
)
def test_a_secret_of_the_environment_is_not_shown_wherever_it_was_put(
    index: ProviderIndex, text: str
) -> None:
    assert SECRET not in shown(text, index, OPENAI_API_KEY=SECRET)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    value=st.recursive(
        st.just(SECRET) | st.integers(),
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.just("x"), inner),
        max_leaves=6,
    ),
    key=st.sampled_from(["api_key", "password", "token", "headers"]),
)
def test_no_shape_of_a_secret_key_shows_it(index: ProviderIndex, value: object, key: str) -> None:
    text = f"llms:\n  a:\n    provider: openai\n    {key}: {json.dumps(value)}\n"

    assert SECRET not in shown(text, index)


def test_a_wrong_secret_is_told_at_its_key_without_its_value(check: Check) -> None:
    assert check("llms:\n  a:\n    provider: openai\n    api_key: 4711\n") == [
        "config.yaml:4:5: [H103] llms.a.api_key: expected a secret string\n  hint: quote it"
    ]


def test_a_missing_secret_names_the_variable(check: Check) -> None:
    assert check("llms:\n  a: {provider: openai}\n") == [
        (
            "config.yaml:2:3: [H105] llms.a.api_key: is missing\n"
            "  hint: set it, or the environment variable `OPENAI_API_KEY`"
        )
    ]


def test_a_secret_is_written_only_and_has_no_example_in_the_schema(index: ProviderIndex) -> None:
    properties = schema(index, kind="llm")["$defs"]["llm.openai"]["properties"]

    assert properties["api_key"] == {"type": "string", "writeOnly": True, "description": "key"}
