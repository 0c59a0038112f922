"""Spans and metrics of real runs: who is whose parent, what is counted, what stays out."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import Any

import pytest
from collector import Collector, collecting
from prometheus_client.parser import text_string_to_metric_families

from hector import Runtime
from hector.errors import LLMRateLimitError
from hector.message import JSONObject, TextPart, ToolCall, Usage
from hector.spi import LLMResponse, ResponseMetadata, ToolContext, ToolOutput, ToolSpec
from hector.testing import ScriptedLLM, scripted_provider

SECRET = "sk-very-secret"
OK, ERROR = 0, 2  # status codes of OTLP: unset, error


class Probe:
    """A tool that fails as it is told."""

    spec = ToolSpec(name="probe", description="Probe.")

    async def call(self, arguments: JSONObject, context: ToolContext) -> ToolOutput:
        if arguments.get("raise"):
            raise RuntimeError(SECRET)
        return ToolOutput(
            content=(TextPart("probed"),), is_error=bool(arguments.get("tell_the_model"))
        )


def probe(id: str, **arguments: Any) -> ToolCall:
    return ToolCall(id=id, name="probe", arguments=arguments)


def agent(llm: str, **more: Any) -> dict[str, Any]:
    return {"llm": llm, **more}


def config(agents: Mapping[str, Any], **observability: Any) -> dict[str, Any]:
    llms = {name: {"provider": "scripted"} for name, keys in agents.items() if "llm" in keys}
    return {
        "llms": llms,
        "agents": dict(agents),
        "server": {"observability": observability},
    }


def tracing(collector: Collector, **more: Any) -> dict[str, Any]:
    return {"enabled": True, "endpoint": collector.url, "service_name": "under-test", **more}


def scripts(**replies: list[Any]) -> Any:
    models = {name: ScriptedLLM(*said, model=f"model-{name}") for name, said in replies.items()}
    return scripted_provider(lambda name: models[name])


async def run(runtime: Runtime, name: str, text: str = "hello there") -> str:
    outcome = ""
    async for event in runtime.run(name, text):
        outcome = event.outcome or outcome
    return outcome


def counted(runtime: Runtime) -> dict[tuple[str, ...], float]:
    """Every counter: its name and labels' values to its value. Gauges tell what is, and are tested by themselves."""
    made = runtime.metrics()
    assert made is not None
    return {
        (
            sample.name,
            *(sample.labels[key] for key in sorted(sample.labels) if "otel" not in key),
        ): (sample.value)
        for family in text_string_to_metric_families(made[0].decode())
        for sample in family.samples
        if sample.value and sample.name.startswith("hector_") and family.type == "counter"
    }


async def test_parents_are_right_across_tools_transfers_agent_tools_and_parallel_agents() -> None:
    team = {
        "boss": agent("boss", agent_tools=["scout"], sub_agents=["clerk"]),
        "scout": agent("scout"),
        "clerk": agent("clerk"),
        "both": {"type": "parallel", "sub_agents": ["left", "right"]},
        "left": agent("left"),
        "right": agent("right"),
    }
    ask = ToolCall(id="ask", name="agent_call_scout", arguments={"request": "look"})
    hand_over = ToolCall(id="over", name="transfer_to_clerk", arguments={})
    provider = scripts(
        boss=[[probe("p1"), ask], hand_over],
        scout=["seen"],
        clerk=["done"],
        left=["l"],
        right=["r"],
    )
    with collecting() as collector:
        async with Runtime.open(
            config(team, tracing=tracing(collector)),
            env={},
            providers=[provider],
            direct_tools={"boss": [Probe()]},
        ) as runtime:
            assert await run(runtime, "boss") == "completed"
            assert await run(runtime, "both") == "completed"
        tree = collector.tree()
    assert tree == {
        "invocation boss": "",
        "invoke_agent boss": "invocation boss",
        "chat model-boss": "invoke_agent boss",
        "execute_tool probe": "invoke_agent boss",
        "execute_tool agent_call_scout": "invoke_agent boss",
        "invoke_agent scout": "execute_tool agent_call_scout",
        "chat model-scout": "invoke_agent scout",
        "execute_tool transfer_to_clerk": "invoke_agent boss",
        "invoke_agent clerk": "invoke_agent boss",
        "chat model-clerk": "invoke_agent clerk",
        "invocation both": "",
        "invoke_agent both": "invocation both",
        "invoke_agent left": "invoke_agent both",
        "chat model-left": "invoke_agent left",
        "invoke_agent right": "invoke_agent both",
        "chat model-right": "invoke_agent right",
    }
    assert len(collector.spans) == len(tree) + 1  # the boss was asked twice
    assert len({span.trace for span in collector.spans}) == 2
    assert {span.service for span in collector.spans} == {"under-test"}
    by_id = {span.id: span for span in collector.spans}
    for span in collector.spans:
        assert span.status == OK
        above = by_id.get(span.parent)
        assert above is None or above.start <= span.start <= span.end <= above.end


async def test_errors_are_marked_and_no_text_or_secret_is_exported() -> None:
    replies = [[probe("a", **{"raise": SECRET}), probe("b", tell_the_model=SECRET)]]
    failure = LLMRateLimitError(f"denied for {SECRET}", provider="scripted")
    with collecting() as collector:
        async with Runtime.open(
            config({"main": agent("main")}, tracing=tracing(collector)),
            env={},
            providers=[scripts(main=[*replies, failure])],
            direct_tools={"main": [Probe()]},
        ) as runtime:
            assert await run(runtime, "main", f"my key is {SECRET}") == "failed"
    marked = [
        (span.name, span.attributes.get("error.type"))
        for span in collector.spans
        if span.status == ERROR
    ]
    assert sorted(marked, key=str) == [
        ("chat model-main", failure.code),
        ("execute_tool probe", "RuntimeError"),
        ("execute_tool probe", None),
        ("invocation main", failure.code),
        ("invoke_agent main", failure.code),
    ]
    (first,) = [span for span in collector.spans if "gen_ai.usage.input_tokens" in span.attributes]
    assert first.attributes["gen_ai.response.finish_reasons"] == ["tool_calls"]
    assert SECRET.encode() not in collector.raw
    assert b"my key" not in collector.raw


async def test_a_chat_span_tells_what_helps_the_providers_support() -> None:
    """Ids, rate limits, attempts and each kind of token; of a failure the status and the request."""
    usage = Usage(
        input_tokens=10,
        output_tokens=5,
        cached_input_tokens=4,
        cache_write_tokens=3,
        reasoning_tokens=2,
    )
    headers = {"x-ratelimit-remaining-requests": "7"}
    metadata = ResponseMetadata(
        request_id="req_1", response_id="resp_1", headers=headers, attempts=2
    )
    answer = LLMResponse(parts=(TextPart("Hi"),), usage=usage, metadata=metadata)
    failure = LLMRateLimitError("no", provider="scripted", status=429, request_id="req_2")
    with collecting() as collector:
        async with Runtime.open(
            config({"main": agent("main")}, tracing=tracing(collector)),
            env={},
            providers=[scripts(main=[answer, failure])],
        ) as runtime:
            assert await run(runtime, "main", "hello") == "completed"
            assert await run(runtime, "main", "hello") == "failed"
    told, failed = [span.attributes for span in collector.spans if span.name == "chat model-main"]
    assert {name: value for name, value in told.items() if "request.model" not in name} == {
        "gen_ai.operation.name": "chat",
        "gen_ai.response.finish_reasons": ["stop"],
        "gen_ai.response.id": "resp_1",
        "gen_ai.usage.cache_creation.input_tokens": 3,
        "gen_ai.usage.cache_read.input_tokens": 4,
        "gen_ai.usage.input_tokens": 10,
        "gen_ai.usage.output_tokens": 5,
        "gen_ai.usage.reasoning.output_tokens": 2,
        "hector.llm.attempts": 2,
        "hector.llm.request_id": "req_1",
        "http.response.header.x-ratelimit-remaining-requests": ["7"],
    }
    assert failed["http.response.status_code"] == 429
    assert failed["hector.llm.request_id"] == "req_2"
    assert failed["gen_ai.provider.name"] == "scripted"


async def test_the_four_counters_are_exact_and_two_runtimes_do_not_mix() -> None:
    calls = [probe("a"), probe("b", **{"raise": True}), probe("c", tell_the_model=True)]
    failure = LLMRateLimitError("too many", provider="scripted")
    settings = config({"main": agent("main")}, metrics={"enabled": True})
    tools = {"main": [Probe()]}
    one = Runtime.open(
        settings, env={}, providers=[scripts(main=[calls, "one two", failure])], direct_tools=tools
    )
    other = Runtime.open(settings, env={}, providers=[scripts(main=["x"])], direct_tools=tools)
    async with one as first, other as second:
        assert [await run(first, "main"), await run(first, "main")] == ["completed", "failed"]
        assert await run(second, "main") == "completed"
        assert counted(first) == {
            ("hector_llm_requests_total", "model-main", "ok"): 2,
            ("hector_llm_requests_total", "model-main", "error"): 1,
            # the scripted model counts its requests as input and its words as output
            ("hector_llm_tokens_total", "model-main", "input"): 1 + 2,
            ("hector_llm_tokens_total", "model-main", "output"): 0 + 2,
            ("hector_tool_calls_total", "ok", "probe"): 1,
            ("hector_tool_calls_total", "error", "probe"): 2,
            ("hector_agent_requests_total", "main", "completed"): 1,
            ("hector_agent_requests_total", "main", "failed"): 1,
        }
        assert counted(second) == {
            ("hector_llm_requests_total", "model-main", "ok"): 1,
            ("hector_llm_tokens_total", "model-main", "input"): 1,
            ("hector_llm_tokens_total", "model-main", "output"): 1,
            ("hector_agent_requests_total", "main", "completed"): 1,
        }


async def test_an_answer_that_nobody_waits_for_counts_as_canceled() -> None:
    settings = config({"main": agent("main")}, metrics={"enabled": True})
    async with Runtime.open(
        settings, env={}, providers=[scripts(main=["one two three"])]
    ) as runtime:
        events = runtime.run("main", "hello")
        async for event in events:
            if event.kind == "delta":
                break
        await events.aclose()
        assert counted(runtime) == {
            ("hector_llm_requests_total", "model-main", "canceled"): 1,
            ("hector_agent_requests_total", "main", "canceled"): 1,
        }


@pytest.mark.parametrize(("rate", "runs"), [(0, 0), (1, 3)])
async def test_the_sampling_rate_takes_all_or_none(rate: float, runs: int) -> None:
    with collecting() as collector:
        async with Runtime.open(
            config({"main": agent("main")}, tracing=tracing(collector, sampling_rate=rate)),
            env={},
            providers=[scripts(main=["a", "b", "c"])],
        ) as runtime:
            for _ in range(3):
                await run(runtime, "main")
    assert len([span for span in collector.spans if not span.parent]) == runs
    assert len(collector.spans) == 3 * runs


@pytest.mark.filterwarnings("ignore:.*unclosed.*:ResourceWarning")
async def test_a_collector_that_is_down_neither_stalls_a_run_nor_closing() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{listener.getsockname()[1]}/v1/traces"
        settings = config({"main": agent("main")}, tracing={"enabled": True, "endpoint": endpoint})
        replies = [f"answer {number}" for number in range(50)]
        async with Runtime.open(settings, env={}, providers=[scripts(main=replies)]) as runtime:
            started = time.monotonic()
            for _ in replies:
                assert await run(runtime, "main") == "completed"
            assert time.monotonic() - started < 3
            started = time.monotonic()
        assert time.monotonic() - started < 8


def test_spans_on_stdout_leave_stdout_to_the_data() -> None:
    program = """
import asyncio
from hector import Runtime
from hector.testing import ScriptedLLM, scripted_provider

async def main():
    tracing = {"enabled": True, "exporter": "stdout"}
    config = {"llms": {"default": {"provider": "scripted"}}, "agents": {"main": {}},
              "server": {"observability": {"tracing": tracing}}}
    provider = scripted_provider(ScriptedLLM("hello"))
    async with Runtime.open(config, env={}, providers=[provider]) as runtime:
        async for event in runtime.run("main", "hi"):
            pass
    print("data")

asyncio.run(main())
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "data\n"
    decoder, names, rest = json.JSONDecoder(), list[str](), done.stderr
    while rest.strip():
        span, end = decoder.raw_decode(rest.lstrip())
        names.append(span["name"])
        rest = rest.lstrip()[end:]
    assert names == ["chat scripted", "invoke_agent main", "invocation main"]


def test_nothing_of_opentelemetry_is_imported_when_observability_is_off() -> None:
    program = """
import asyncio, sys
from hector import Runtime
from hector.testing import ScriptedLLM, scripted_provider

async def main():
    config = {"llms": {"default": {"provider": "scripted"}}, "agents": {"main": {}}}
    provider = scripted_provider(ScriptedLLM("hello"))
    async with Runtime.open(config, env={}, providers=[provider]) as runtime:
        async for event in runtime.run("main", "hi"):
            pass
        assert runtime.metrics() is None
    print(sorted(name for name in sys.modules if name.startswith(("opentelemetry", "prometheus"))))

asyncio.run(main())
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
