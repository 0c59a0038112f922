"""What the plugin declares and costs, and what it is good for."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pluggy
import pytest

from hector import Runtime
from hector_plugin_minilm import hector_embedder_providers


def run(program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_the_entry_point_module_is_light() -> None:
    """Importing it pulls in nothing that runs a model."""
    [point] = entry_points(group="hector.plugins", name="minilm")
    heavy = {"asyncio", "numpy", "onnxruntime", "safetensors", "tokenizers", "torch"}
    assert run(f"import sys, {point.value}; print({heavy!r} & sys.modules.keys())") == "set()\n"


def test_the_hook_is_the_kernels_and_gives_a_provider() -> None:
    from hector.plugin.hookspecs import PROJECT, HookSpecs

    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(HookSpecs)
    manager.register(import_module("hector_plugin_minilm"))
    manager.check_pending()
    [[provider]] = manager.hook.hector_embedder_providers()
    assert (provider.kind, provider.type) == ("embedder", "minilm")
    module, _, function = provider.create.partition(":")
    assert callable(getattr(import_module(module), function))
    assert provider == hector_embedder_providers()[0]


def test_no_network_no_torch_no_hub() -> None:
    """Not one address is asked for, not one socket opened; a hub's client, though installed, is not loaded."""
    program = """
import asyncio, sys
from hector.testing import open_component
from hector_plugin_minilm import hector_embedder_providers
from hector_plugin_minilm.settings import EmbedderSettings

async def main():
    def refuse(event, args):
        if event in {"socket.connect", "socket.getaddrinfo", "socket.sendto", "socket.bind"}:
            raise RuntimeError(event)
    sys.addaudithook(refuse)
    async with open_component(hector_embedder_providers()[0], EmbedderSettings()) as embedder:
        await embedder.embed(["hello"])

asyncio.run(main())
print({"torch", "transformers", "huggingface_hub"} & sys.modules.keys())
"""
    assert run(program) == "set()\n"


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_and_threads_are_free_after_closing() -> None:
    """Opened eight times more, it takes no more than one of them would, and leaves no thread behind."""
    program = """
import asyncio, gc, os
from pathlib import Path
from hector.testing import open_component
from hector_plugin_minilm import hector_embedder_providers
from hector_plugin_minilm.settings import EmbedderSettings

async def once():
    async with open_component(hector_embedder_providers()[0], EmbedderSettings(threads=3)) as embedder:
        await embedder.embed(["hello"] * 40)

def megabytes():
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6

def threads():
    return len(os.listdir("/proc/self/task"))

for _ in range(2):
    asyncio.run(once())
first, before = megabytes(), threads()
for _ in range(8):
    asyncio.run(once())
print(megabytes() - first < 150, threads() - before)
"""
    assert run(program) == "True 0\n"


PASSAGES = {
    "leave": "Employees accrue twenty-five days of paid leave per year.",
    "illness": "If you fall ill, tell your manager before ten in the morning.",
    "laptop": "Every new colleague receives a notebook computer in the first week.",
    "travel": "Flights are booked by the back office; keep the receipts of taxis and hotels.",
    "doors": "The building closes at eight in the evening; afterwards use the side entrance.",
    "meals": "The cafeteria serves warm meals from noon until two.",
}
QUESTIONS = {
    "How much vacation am I entitled to?": "leave",
    "I woke up with a fever, who has to know?": "illness",
    "Which hardware is handed to starters?": "laptop",
    "Can I reclaim the fare of my cab?": "travel",
    "Is there somebody who arranges plane tickets?": "travel",
    "How to get in at night?": "doors",
    "Where can I have lunch?": "meals",
}
"""Said in other words than the passages."""


def config(folder: Path, embedder: str) -> dict[str, Any]:
    return {
        "embedders": {"default": {"provider": embedder}},
        "document_stores": {"handbook": {"source": {"type": "directory", "path": str(folder)}}},
        "agents": {"assistant": {"instruction": "Answer.", "document_stores": ["handbook"]}},
    }


async def hits(folder: Path, embedder: str) -> int:
    async with Runtime.open(config(folder, embedder)) as runtime:
        store = runtime.document_store("handbook")
        found = {question: (await store.search(question, limit=1))[0] for question in QUESTIONS}
    return sum(
        found[question].document_id == f"{wanted}.md" for question, wanted in QUESTIONS.items()
    )


async def test_it_finds_what_is_said_in_other_words(tmp_path: Path) -> None:
    """A whole document store: the lexical embedder, which looks at words, is wrong about most of it."""
    for name, text in PASSAGES.items():
        (tmp_path / f"{name}.md").write_text(text, encoding="utf-8")
    assert await hits(tmp_path, "minilm") == len(QUESTIONS)
    assert await hits(tmp_path, "lexical") <= len(QUESTIONS) / 2


async def test_a_reload_carries_the_model_over(tmp_path: Path) -> None:
    """As long as its settings are the same; else it is loaded anew and the old one closed."""
    (tmp_path / "a.md").write_text("One passage.", encoding="utf-8")
    given = config(tmp_path, "minilm")
    async with Runtime.open(given) as runtime:
        model = runtime.embedder("default")
        given["agents"]["assistant"]["instruction"] = "Answer briefly."
        report = await runtime.reload(given)
        assert report.is_changed
        assert runtime.embedder("default") is model

        given["embedders"]["default"]["max_tokens"] = 128
        await runtime.reload(given)
        assert runtime.embedder("default") is not model
        [vector] = await runtime.embedder("default").embed(["One passage."])
        assert len(vector) == 384
