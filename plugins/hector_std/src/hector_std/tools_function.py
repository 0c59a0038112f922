"""The toolset `function`: Python functions named in the config."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, cast

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
        Literal["pure", "idempotent", "unsafe"],
        Doc(
            "what a second call with the same idempotency key does: nothing, nothing more, or harm"
        ),
    ] = "unsafe"
    lookups: Annotated[
        Mapping[str, str],
        Doc("by tool: the function that says what became of a call, as `package.module:function`"),
    ] = attrs.field(factory=dict[str, str])
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

    tools = await asyncio.to_thread(_imported_tools, settings)
    names = [tool.spec.name for tool in tools]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(
                f"`{context.path}` has two tools named `{name}`",
                hint="Wrap one of them with `hector.spi.function_tool(function, name=…)`.",
            )
    for name in settings.lookups:
        if name not in names:
            raise UsageError(
                f"`{context.path}.lookups` names the tool `{name}`, and there is none",
                hint=f"There are: {', '.join(names)}.",
            )
    return FunctionToolset(tools)


def _imported_tools(settings: FunctionToolsSettings) -> tuple[Tool, ...]:
    lookups = {name: _imported(path) for name, path in settings.lookups.items()}
    return tuple(_tool(_imported(path), settings, lookups) for path in settings.functions)


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


def _tool(target: Any, settings: FunctionToolsSettings, lookups: Mapping[str, Any]) -> Tool:
    if isinstance(getattr(target, "spec", None), ToolSpec):  # already a tool, made in the module
        tool = cast("Tool", target)
        if tool.spec.name in lookups:
            raise UsageError(
                f"the tool `{tool.spec.name}` was made in its module and gets no lookup here",
                hint="Give it to `hector.spi.function_tool(function, lookup=…)`.",
            )
        return tool
    lookup = lookups.get(getattr(target, "__name__", ""))
    return function_tool(
        target,
        effect=None if lookup is not None else settings.effect,
        lookup=lookup,
        timeout_s=settings.timeout,
    )


PROVIDERS: tuple[Provider, ...] = (
    Provider(
        kind="toolset",
        type="function",
        settings=FunctionToolsSettings,
        create=open_function_tools,
        summary="Python functions with types, imported by name",
    ),
)
