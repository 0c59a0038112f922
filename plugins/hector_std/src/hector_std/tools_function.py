"""The toolset `function`: Python functions named in the config."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Annotated, Any, cast

import attrs

from hector.errors import UsageError
from hector.spi import (
    BuildContext,
    Doc,
    Duration,
    Length,
    Provider,
    Range,
    Tool,
    ToolEffect,
    ToolSpec,
    function_tool,
)

__all__ = ["PROVIDERS", "FunctionToolsSettings", "FunctionToolset", "open_function_tools"]


@attrs.frozen(kw_only=True)
class FunctionToolsSettings:
    """Keys of a toolset of type `function`."""

    functions: Annotated[
        tuple[str, ...],
        Length(1),
        Doc("functions with types, as `package.module:function`; the module must be importable"),
    ]
    effect: Annotated[
        ToolEffect,
        Doc("what a second call with the same arguments does: nothing, nothing more, or harm"),
    ] = "unsafe"
    timeout: Annotated[
        float | None,
        Duration(),
        Range(minimum=0, is_minimum_exclusive=True),
        Doc("how long one call may take"),
    ] = None


@attrs.frozen
class FunctionToolset:
    """The tools of a list of functions."""

    _tools: tuple[Tool, ...]

    def tools(self) -> Sequence[Tool]:
        """The tools, in the order of the config."""
        return self._tools


async def open_function_tools(
    settings: FunctionToolsSettings, context: BuildContext
) -> FunctionToolset:
    """Import the functions and wrap them.

    Raises:
        UsageError: one of them cannot be imported or cannot be a tool.
    """
    import asyncio  # not at the top: declaring a provider must stay cheap

    targets = await asyncio.to_thread(lambda: [_imported(path) for path in settings.functions])
    tools = tuple(_tool(target, settings) for target in targets)
    names = [tool.spec.name for tool in tools]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(
                f"`{context.path}` has two tools named `{name}`",
                hint="Wrap one of them with `hector.spi.function_tool(function, name=…)`.",
            )
    return FunctionToolset(tools)


def _imported(path: str) -> Any:
    module_name, _, attribute = path.partition(":")
    if not module_name or not attribute:
        raise UsageError(
            f"`{path}` does not name a function", hint="Write `package.module:function`."
        )
    try:
        target: Any = importlib.import_module(module_name)
    except ImportError as error:
        raise UsageError(
            f"`{path}` cannot be imported: {error}",
            hint="Install the package into this environment, or set PYTHONPATH to its folder.",
        ) from error
    for name in attribute.split("."):
        if not hasattr(target, name):
            raise UsageError(f"`{module_name}` has no `{attribute}`")
        target = getattr(target, name)
    return target


def _tool(target: Any, settings: FunctionToolsSettings) -> Tool:
    if isinstance(getattr(target, "spec", None), ToolSpec):  # already a tool, made in the module
        return cast("Tool", target)
    return function_tool(target, effect=settings.effect, timeout_s=settings.timeout)


PROVIDERS: tuple[Provider, ...] = (
    Provider(
        kind="toolset",
        type="function",
        settings=FunctionToolsSettings,
        create=open_function_tools,
        summary="Python functions with types, imported by name",
    ),
)
