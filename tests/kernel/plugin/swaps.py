"""A change, plugins that hear of it, and hooks without a plugin."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from hector.plugin.lifecycle import Lifecycle, SwapHook
from hector.spi import GenerationChange

CHANGE = GenerationChange(
    app="shop",
    from_generation=3,
    to_generation=4,
    reason="watch",
    etag="e4",
    added=("tools.new",),
    rebuilt=("agents.clerk", "llms.main"),
    removed=("tools.old",),
    carried_over=7,
)

WITH_HOOKS = """
from hector.plugin import hookimpl

heard = []

@hookimpl
{before}def hector_before_swap(change):
    heard.append(("before", change))

@hookimpl
{after}def hector_after_swap(change):
    heard.append(("after", change))
"""


def source(*, before: str = "", after: str = "") -> str:
    """A plugin that writes down what it hears; `async ` makes a hook a coroutine function."""
    return WITH_HOOKS.format(before=before, after=after)


def refusing(statement: str, *, kind: str = "", hook: str = "before") -> str:
    return (
        "import asyncio\nfrom hector.plugin import hookimpl\n\n"
        f"@hookimpl\n{kind}def hector_{hook}_swap(change):\n    {statement}\n"
    )


def heard_by(name: str) -> list[tuple[str, GenerationChange]]:
    """What the plugin `name` of distribution `hector-plugin-<name>` has heard."""
    heard: list[tuple[str, GenerationChange]] = import_module(
        f"plugin_hector_plugin_{name}_{name}"
    ).heard
    return heard


def before(*calls: Callable[[GenerationChange], object]) -> Lifecycle:
    return Lifecycle(
        before=tuple(SwapHook(f"p{n}", "hector_before_swap", call) for n, call in enumerate(calls))
    )


def after(*calls: Callable[[GenerationChange], object]) -> Lifecycle:
    return Lifecycle(
        after=tuple(SwapHook(f"p{n}", "hector_after_swap", call) for n, call in enumerate(calls))
    )
