"""The process that holds a model: what it costs, how it dies, and that it never outlives its use."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from contextlib import AsyncExitStack, aclosing
from pathlib import Path
from typing import Any

import httpx
import pytest
from llama_calls import answer_of, ask, open_embedder, open_llm

from hector import Runtime
from hector.errors import EmbedderError, LLMTimeoutError, LLMUnavailableError, UsageError
from hector.message import text_of
from hector.spi import AnswerRestart, GenerateParameters, LLMResponse

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="sends signals")


def _engine(component: Any) -> Any:
    return component._engine  # noqa: SLF001 - the process is nobody else's business


def _is_alive(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    return True


async def test_closing_ends_the_process_even_while_it_answers(noise: Path) -> None:
    """And with it all its memory and threads are the system's again."""
    async with open_llm(noise, context_window=16384) as llm:
        process_id = _engine(llm).process_id
        assert _is_alive(process_id)
        long = ask(parameters=GenerateParameters(max_output_tokens=15_000))
        answer = llm.generate(long)
        await anext(answer)
    assert not _is_alive(process_id)
    # Who still listens is told, and starts no other.
    with pytest.raises(LLMUnavailableError, match="llamacpp: noise was closed"):
        _ = [chunk async for chunk in answer]
    assert _engine(llm).process_id is None


async def test_closing_ends_a_process_that_is_loading(noise: Path) -> None:
    """It is not waited for, and who asked for it is told."""
    async with AsyncExitStack() as stack:
        llm = await stack.enter_async_context(open_llm(noise))
        engine = _engine(llm)
        os.kill(engine.process_id, signal.SIGKILL)
        async with asyncio.TaskGroup() as group:
            asked = group.create_task(_refusal(llm))
            while engine._loading is None:  # noqa: SLF001 - the moment is in no other way to be had
                await asyncio.sleep(0)
            loading = engine._loading.pid  # noqa: SLF001
            await stack.aclose()
        assert asked.result().startswith("llamacpp: noise was closed")
        assert not _is_alive(loading)


async def _refusal(llm: Any) -> str:
    """What is told to who listens until the model is closed."""
    while True:
        try:
            await answer_of(llm, ask())
        except LLMUnavailableError as error:
            return error.message


async def test_a_process_that_died_is_started_again(noise: Path) -> None:
    async with open_llm(noise) as llm:
        said = text_of((await answer_of(llm, ask())).parts)
        first = _engine(llm).process_id
        os.kill(first, signal.SIGKILL)
        assert text_of((await answer_of(llm, ask())).parts) == said
        assert _engine(llm).process_id != first


async def test_an_answer_whose_process_dies_begins_anew(noise: Path) -> None:
    """The listener is told, and hears a whole answer."""
    async with open_llm(noise, context_window=4096) as llm:
        request = ask(parameters=GenerateParameters(max_output_tokens=3000))
        kinds: list[object] = []
        async with aclosing(llm.generate(request)) as answer:
            async for chunk in answer:
                if not kinds:
                    os.kill(_engine(llm).process_id, signal.SIGKILL)
                if not kinds or kinds[-1] is not chunk.__class__:
                    kinds.append(chunk.__class__)
        assert AnswerRestart in kinds
        assert kinds[-1] is LLMResponse


async def test_a_process_whose_parent_is_killed_ends(noise: Path) -> None:
    """Nothing is left behind that holds gigabytes, however Hector ends."""
    program = f"""
import asyncio, sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from llama_calls import open_llm

async def main():
    async with open_llm({str(noise)!r}) as llm:
        print(llm._engine.process_id, flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    process_id = int(await parent.stdout.readline())
    assert _is_alive(process_id)
    parent.kill()
    # The pipe, which both hold, ends with the last of them.
    await parent.communicate()
    async with asyncio.timeout(10):
        while _is_alive(process_id):
            await asyncio.sleep(0)


async def test_nobody_else_may_ask_it(noise: Path) -> None:
    """It listens on the loopback alone, and answers who has its key, which is new each time."""
    async with open_llm(noise) as llm:
        address = (await _engine(llm).client()).base_url
        assert address.host == "127.0.0.1"
        async with httpx.AsyncClient(base_url=address, trust_env=False) as stranger:
            body = {"messages": [{"role": "user", "content": "Hello"}]}
            for headers in ({}, {"authorization": "Bearer wrong"}):
                reply = await stranger.post("/v1/chat/completions", json=body, headers=headers)
                assert reply.status_code == 401
            assert (await stranger.get("/slots")).status_code == 401


async def test_the_loop_runs_while_a_model_loads(noise: Path) -> None:
    """llama.cpp's bindings would hold the interpreter's lock for as long as it takes."""
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as group:
        counter = group.create_task(count())
        async with open_llm(noise):
            counter.cancel()
    assert turns > 100


async def test_a_model_that_takes_too_long_to_load_is_given_up(noise: Path) -> None:
    with pytest.raises(LLMTimeoutError) as raised:
        async with open_llm(noise, load_timeout=0.001):
            pass
    assert raised.value.message == "llamacpp: noise was not loaded within 0.001 s"
    assert raised.value.hint == "raise `load_timeout`, and `server.build_timeout` with it"


async def test_a_damaged_file_is_an_error_of_its_component(noise: Path, tmp_path: Path) -> None:
    """Whether its beginning is no model, or its weights are not all there; with llama.cpp's own words."""
    (tmp_path / "text.gguf").write_bytes(b"not a model at all")
    with pytest.raises(UsageError) as raised:
        async with open_llm(tmp_path / "text.gguf"):
            pass
    assert raised.value.message.endswith("text.gguf cannot be used: it is no GGUF file")

    whole = noise.read_bytes()
    (tmp_path / "half.gguf").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(LLMUnavailableError) as failed:
        async with open_llm(tmp_path / "half.gguf"):
            pass
    assert failed.value.message.startswith("llamacpp: half could not be loaded: RuntimeError")
    assert (
        "data is not within the file bounds, model is corrupted or incomplete"
        in failed.value.message
    )
    assert not failed.value.is_retryable
    with pytest.raises(EmbedderError, match="half could not be loaded"):
        async with open_embedder(tmp_path / "half.gguf"):
            pass


async def test_a_reload_carries_the_process_over(noise: Path) -> None:
    """As long as its settings are the same; else another is started, and the old one ended."""
    model = {"provider": "llamacpp", "model": str(noise), "threads": 1, "context_window": 1024}
    config: dict[str, Any] = {
        "llms": {"default": model},
        "agents": {"assistant": {"instruction": "Answer.", "tools": []}},
    }
    async with Runtime.open(config) as runtime:
        first = _engine(runtime.llm("default")).process_id
        config["agents"]["assistant"]["instruction"] = "Answer briefly."
        assert (await runtime.reload(config)).is_changed
        assert _engine(runtime.llm("default")).process_id == first

        config["llms"]["default"] = {**model, "slots": 1}
        await runtime.reload(config)
        second = _engine(runtime.llm("default")).process_id
        assert second != first
        async with asyncio.timeout(10):
            while _is_alive(first):
                await asyncio.sleep(0)
        assert (await answer_of(runtime.llm("default"), ask())).parts
    assert not _is_alive(second)


def test_the_entry_point_module_is_light() -> None:
    """Importing it pulls in nothing that runs a model."""
    program = (
        "import sys, hector_plugin_llamacpp\n"
        "print({'asyncio', 'httpx', 'numpy', 'ssl', 'xllamacpp'} & sys.modules.keys())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "set()\n", "")
