"""A config whose agent buys something, which a person has to approve, and what became of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from cli_terminal import Terminal

__all__ = ["bought", "make_shop", "task_and_call", "waiting"]

PLUGIN = """\
import attrs

from hector.message import TextPart, ToolCall, ToolResult
from hector.plugin import hookimpl
from hector.spi import LLMResponse, Provider, TextDelta


@attrs.frozen(kw_only=True)
class Settings:
    calls: int = 1


class Buyer:
    model = provider = "buyer"

    def __init__(self, settings):
        self.settings = settings

    async def generate(self, request):
        results = [part for message in request.messages for part in message.parts if isinstance(part, ToolResult)]
        if results:
            said = "; ".join(item.text for part in results for item in part.content)
            yield TextDelta(text=f"I was told: {said}")
            yield LLMResponse(parts=(TextPart(f"I was told: {said}"),), finish_reason="stop")
            return
        items = ("book", "pen", "lamp")[: self.settings.calls]
        calls = tuple(
            ToolCall(id=f"call-{at}", name="buy", arguments={"item": item, "count": 2})
            for at, item in enumerate(items, 1)
        )
        yield LLMResponse(parts=calls, finish_reason="tool_calls")


@hookimpl
def hector_llm_providers():
    return [Provider(kind="llm", type="buyer", settings=Settings, create=lambda settings, context: Buyer(settings))]
"""

FUNCTIONS = """\
import asyncio
from pathlib import Path


async def buy(item: str, count: int) -> str:
    if Path("hold").exists():
        print("holding", flush=True)
        await asyncio.sleep(3600)
    with Path("bought.txt").open("a") as file:
        file.write(f"{count} {item}\\n")
    return f"bought {count} {item}"
"""

CONFIG = """\
name: shop
llms:
  default:
    provider: buyer
    calls: {calls}
tools:
  desk:
    type: function
    functions: ["shop_functions:buy"]
    effect: {effect}
    require_approval: {asks}
    approval_prompt: "Buy {{count}} of {{item}}?"
agents:
  clerk: {{}}
"""

KEPT = """\
databases:
  main:
    driver: sqlite
    database: sessions.db
server:
  sessions:
    backend: sql
    database: main
"""

CHECKPOINTS = "  port: 0\n  checkpoint: {}\n"


def make_shop(
    terminal: Terminal,
    *,
    calls: int = 1,
    asks: bool = True,
    effect: str = "unsafe",
    is_kept: bool = True,
    has_checkpoints: bool = False,
) -> Terminal:
    """Write the config and what it needs. While there is a file `hold`, a tool says so and waits for ever."""
    terminal.install("buyer", PLUGIN)
    terminal.write("site/shop_functions.py", FUNCTIONS)
    text = CONFIG.format(calls=calls, asks=str(asks).lower(), effect=effect)
    text += KEPT if is_kept else ""
    text += CHECKPOINTS if has_checkpoints else ""
    terminal.write("hector.yaml", text)
    return terminal


def bought(terminal: Terminal) -> list[str]:
    """What was bought, in order."""
    file = terminal.folder / "bought.txt"
    return file.read_text().splitlines() if file.exists() else []


def waiting(inside: Callable[..., tuple[int, str, str]]) -> list[dict[str, Any]]:
    """The calls that wait, as `hector approvals ls --json` tells."""
    code, said, talk = inside("approvals", "ls", "--json")
    assert (code, talk) == (0, "")
    found: list[dict[str, Any]] = json.loads(said)["approvals"]
    return found


def task_and_call(inside: Callable[..., tuple[int, str, str]], *, at: int = 0) -> tuple[str, str]:
    """The ids of a call that waits."""
    listed = waiting(inside)[at]
    return listed["task"], listed["call"]
