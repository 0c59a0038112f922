"""`auto` builds the first LLM that the environment offers, and says which and why."""

from __future__ import annotations

import json
import logging
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from hector.message import JSONValue
from hector.spi import LLM, Secret
from hector.testing import ScriptedLLM
from hector_std.offline import AutoSettings
from hector_std.offline.auto import create_auto

NOBODY = "127.0.0.1:9"


class Surroundings:
    """A build context that notes what is built; only what `auto` may ask for."""

    name = "main"
    path = "llms.main"
    description = ""
    config_dir = state_dir = Path()

    def __init__(self, *installed: str) -> None:
        self.installed = installed
        self.built: list[tuple[str, str, Mapping[str, JSONValue]]] = []

    def types(self, kind: str) -> Sequence[str]:
        return self.installed if kind == "llm" else ()

    async def create_other(self, kind: str, type: str, settings: Mapping[str, JSONValue]) -> Any:
        self.built.append((kind, type, settings))
        return ScriptedLLM(model=f"{type}-model", provider=type)


async def choose(settings: AutoSettings, surroundings: Surroundings) -> LLM:
    """Run `create_auto`."""
    context: Any = surroundings
    return await create_auto(settings, context)


@contextmanager
def ollama(*models: str) -> Generator[str, None, None]:
    """A server that answers the two questions `auto` asks an Ollama; yields host and port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = {
                "/api/version": {"version": "0.12.0"},
                "/api/tags": {"models": [{"name": name} for name in models]},
            }[self.path]
            data = json.dumps(body).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


async def test_without_anything_it_is_offline(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "hector_std.offline.auto")
    surroundings = Surroundings("auto", "offline", "openai")
    llm = await choose(AutoSettings(ollama_host=NOBODY), surroundings)
    assert llm.provider == "offline"
    assert surroundings.built == [("llm", "offline", {})]
    assert caplog.messages == [
        "llms.main: chose offline, model offline-model: no key is set and no Ollama answers"
    ]


@pytest.mark.parametrize(
    ("settings", "type_", "key"),
    [
        (AutoSettings(openai_api_key=Secret("a"), gemini_api_key=Secret("c")), "openai", "a"),
        (AutoSettings(anthropic_api_key=Secret("b"), gemini_api_key=Secret("c")), "anthropic", "b"),
        (AutoSettings(gemini_api_key=Secret("c"), cohere_api_key=Secret("d")), "gemini", "c"),
        (AutoSettings(cohere_api_key=Secret("d")), "cohere", "d"),
    ],
)
async def test_the_first_key_decides(settings: AutoSettings, type_: str, key: str) -> None:
    surroundings = Surroundings("anthropic", "cohere", "gemini", "offline", "openai")
    assert (await choose(settings, surroundings)).provider == type_
    assert surroundings.built == [("llm", type_, {"api_key": key})]


async def test_the_model_is_passed_on() -> None:
    surroundings = Surroundings("openai", "offline")
    await choose(AutoSettings(model="gpt-x", openai_api_key=Secret("a")), surroundings)
    assert surroundings.built == [("llm", "openai", {"model": "gpt-x", "api_key": "a"})]


async def test_a_missing_plugin_is_named_and_passed_over(caplog: pytest.LogCaptureFixture) -> None:
    """The warning names the package and shows no key."""
    surroundings = Surroundings("offline")
    settings = AutoSettings(openai_api_key=Secret("sk-very-secret"), ollama_host=NOBODY)
    assert (await choose(settings, surroundings)).provider == "offline"
    (message,) = caplog.messages
    assert message == (
        "llms.main: OPENAI_API_KEY is set, but no plugin offers the LLM type `openai`:"
        " install hector-plugin-openai to use it"
    )


async def test_an_ollama_that_answers_is_used() -> None:
    surroundings = Surroundings("offline", "ollama", "openai")
    with ollama("llama3.2:3b", "other") as host:
        await choose(AutoSettings(ollama_host=host), surroundings)
    settings = {"model": "llama3.2:3b", "base_url": f"http://{host}"}
    assert surroundings.built == [("llm", "ollama", settings)]


async def test_an_ollama_without_its_plugin_is_reached_through_openais_protocol() -> None:
    surroundings = Surroundings("offline", "openai")
    with ollama("llama3.2:3b", "other") as host:
        await choose(AutoSettings(ollama_host=host), surroundings)
    settings = {
        "model": "llama3.2:3b",
        "base_url": f"http://{host}/v1",
        "api": "chat",
        "api_key": "ollama",
    }
    assert surroundings.built == [("llm", "openai", settings)]


async def test_an_ollama_that_nobody_can_speak_to_is_named(
    caplog: pytest.LogCaptureFixture,
) -> None:
    surroundings = Surroundings("offline")
    with ollama("m") as host:
        assert (await choose(AutoSettings(ollama_host=host), surroundings)).provider == "offline"
    (message,) = caplog.messages
    assert message == (
        f"llms.main: an Ollama answers at http://{host}, but no plugin offers the LLM type `ollama`:"
        " install hector-plugin-ollama to use it"
    )


async def test_an_ollama_without_models_is_passed_over(caplog: pytest.LogCaptureFixture) -> None:
    surroundings = Surroundings("offline", "openai")
    with ollama() as host:
        assert (await choose(AutoSettings(ollama_host=host), surroundings)).provider == "offline"
    assert caplog.messages == [
        f"the Ollama at http://{host} has no model: run `ollama pull <model>`"
    ]


@pytest.mark.parametrize("form", ["{}", "http://{}", "http://{}/"])
async def test_every_spelling_of_the_host_is_understood(form: str) -> None:
    surroundings = Surroundings("offline", "openai")
    with ollama("m") as host:
        await choose(AutoSettings(ollama_host=form.format(host)), surroundings)
        port = host.rsplit(":", 1)[1]
        await choose(AutoSettings(ollama_host=f"0.0.0.0:{port}"), surroundings)
    assert [settings["base_url"] for _, _, settings in surroundings.built] == [
        f"http://{host}/v1"
    ] * 2


@pytest.mark.parametrize(
    ("settings", "base_url"),
    [
        (AutoSettings(anthropic_api_key=Secret("k")), "https://api.anthropic.com/v1/"),
        (
            AutoSettings(gemini_api_key=Secret("k")),
            "https://generativelanguage.googleapis.com/v1beta/openai/",
        ),
        (AutoSettings(cohere_api_key=Secret("k")), "https://api.cohere.ai/compatibility/v1"),
    ],
)
async def test_a_vendor_without_its_plugin_is_reached_through_openais_protocol(
    settings: AutoSettings, base_url: str
) -> None:
    surroundings = Surroundings("offline", "openai")
    await choose(settings, surroundings)
    ((_, type_, built),) = surroundings.built
    assert (type_, built["base_url"], built["api"], built["api_key"]) == (
        "openai",
        base_url,
        "chat",
        "k",
    )
    assert built["model"]
