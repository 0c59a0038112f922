"""Tools from plain typed Python functions."""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Callable
from typing import Any

import attrs

from hector.errors import ToolArgumentsError, ToolError, UsageError
from hector.message import JSONObject, JSONValue
from hector.spi._arguments import (
    Field,
    MismatchError,
    ObjectShape,
    Schema,
    ShapeBuilder,
    type_hints,
)
from hector.spi._arguments.results import to_json
from hector.spi.docstring import Docstring
from hector.spi.tool import Tool, ToolContext, ToolEffect, ToolOutput, ToolSpec

__all__ = ["function_tool"]

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_POSITIONAL_ONLY = inspect.Parameter.POSITIONAL_ONLY


def function_tool(
    function: Callable[..., Any],
    *,
    name: str | None = None,
    description: str | None = None,
    effect: ToolEffect | None = None,
    lookup: Callable[..., Any] | None = None,
    needs_approval: bool = False,
    approval_prompt: str = "",
    timeout_s: float | None = None,
) -> Tool:
    """Make a tool of a function.

    ```python
    async def weather(city: Annotated[str, Doc("with its country")], days: int = 1) -> str: ...
    ```

    The parameters become the tool's JSON Schema, and a call is checked against it before the
    function runs: every argument that does not fit is named at once, with the first thing that is
    wrong in it, so that a model can repair its call. Parameters are described by the docstring
    (Google style `Args:`) or by `Doc`, and bounded by the markers of `hector.spi.settings` (`Range`,
    `Length`, `Pattern`). Their types may be `str`, `int`, `float`, `bool`, `None`, `Literal`, `Enum`,
    `list`, `tuple`, `set`, `dict`, unions, `TypedDict`, dataclasses and attrs classes. A parameter of
    type `ToolContext` is given the context of the call and is not shown to the model; its
    `idempotency_key` is the same whenever the call is run again after a crash, for whatever has the
    effect to recognise it by.

    A coroutine function is awaited. Any other function runs in a thread, so that it may block; it
    cannot be interrupted there, and goes on in the background when the call is cancelled.

    What it returns is shown to the model: a string as it is, anything else as JSON, and a
    `ToolOutput` as it says.

    Args:
        function: any callable whose parameters all have types.
        name: `[a-zA-Z0-9_-]{1,64}`; None takes the function's.
        description: None takes the docstring up to its first section, or the name in words.
        effect: see `ToolEffect`; None is `lookup` where there is a `lookup`, else `unsafe`.
        lookup: says what became of a call that a crash cut off. It is called with the call's arguments and its
            context, as far as it has parameters of their names and a `ToolContext`; what it gives is the call's
            result, and None stands for "it never had its effect, so it may run".
        needs_approval: see `ToolSpec`.
        approval_prompt: see `ToolSpec`.
        timeout_s: see `ToolSpec`.

    Raises:
        UsageError: the function cannot be a tool; the message names the parameter and why.
    """
    if not callable(function):
        raise UsageError(f"a tool is made of a function, not of a `{type(function).__name__}`")
    name = name or str(getattr(function, "__name__", type(function).__name__))
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"`{name}` cannot be the name of a tool",
            hint="Give a name of at most 64 letters, digits, `_` and `-`.",
        )
    if timeout_s is not None and timeout_s <= 0:
        raise UsageError(f"tool `{name}`: timeout_s must be more than 0, not {timeout_s:g}")
    if inspect.isasyncgenfunction(function) or inspect.isgeneratorfunction(function):
        raise UsageError(f"tool `{name}`: a generator gives no result", hint="Return a list.")
    if effect is None:
        effect = "unsafe" if lookup is None else "lookup"
    if (effect == "lookup") != (lookup is not None):
        raise UsageError(
            f"tool `{name}`: the effect `lookup` and a function `lookup` go together",
            hint="Give both, or neither.",
        )
    docstring = Docstring.of(function)
    arguments, parameters, context_name = _parameters(function, name, docstring)
    spec = ToolSpec(
        name=name,
        description=description or docstring.text or name.replace("_", " "),
        parameters=parameters,
        effect=effect,
        timeout_s=timeout_s,
        needs_approval=needs_approval,
        approval_prompt=approval_prompt,
    )
    called = _Called(function, _is_async(function), _positional(function), context_name)
    if lookup is None:
        return _FunctionTool(spec=spec, function=called, arguments=arguments)
    return _LookupFunctionTool(
        spec=spec, function=called, arguments=arguments, asked=_asked(lookup, name, arguments)
    )


@attrs.frozen
class _Called:
    """A function and how it is called.

    Attributes:
        positional: names and defaults of the positional-only parameters, in order.
        context_name: the parameter that is given the context, or None.
    """

    function: Callable[..., Any]
    is_async: bool
    positional: tuple[tuple[str, Any], ...]
    context_name: str | None

    async def __call__(self, keywords: dict[str, Any], context: ToolContext) -> Any:
        if self.context_name is not None:
            keywords[self.context_name] = context
        positional = [keywords.pop(name, default) for name, default in self.positional]
        if self.is_async:
            return await self.function(*positional, **keywords)
        import asyncio  # not at the top: a schema can be had without an event loop

        result = await asyncio.to_thread(self.function, *positional, **keywords)
        return await result if inspect.isawaitable(result) else result


@attrs.frozen(kw_only=True)
class _FunctionTool:
    """The tool of one function."""

    spec: ToolSpec
    function: _Called
    arguments: ObjectShape

    async def call(self, arguments: JSONObject, context: ToolContext) -> ToolOutput | JSONValue:
        return self._shown(await self.function(self._read(arguments), context))

    def _read(self, arguments: JSONObject) -> dict[str, Any]:
        keywords, problems = self.arguments.read_fields(arguments)
        if problems:
            raise ToolArgumentsError(self._refusal(problems))
        return keywords

    def _shown(self, result: Any) -> ToolOutput | JSONValue:
        if isinstance(result, str | ToolOutput):
            return result
        try:
            return to_json(result)
        except TypeError as error:
            raise ToolError(
                f"`{self.spec.name}` ran, but its result cannot be shown: {error}"
            ) from error

    def _refusal(self, problems: list[MismatchError]) -> str:
        lines: list[str] = []
        for problem in problems:
            name, _, rest = problem.path.removeprefix(".").partition(".")
            separator = " " if problem.problem.startswith("is ") else ": "
            lines.append(
                f"argument `{name}{'.' + rest if rest else ''}`{separator}{problem.problem}"
            )
        return f"`{self.spec.name}` was not called. " + "; ".join(lines)


@attrs.frozen(kw_only=True)
class _LookupFunctionTool(_FunctionTool):
    """One that has a second function, which says what became of a call.

    Attributes:
        asked: that function, and the names of the arguments that it takes.
    """

    asked: tuple[_Called, frozenset[str]]

    async def lookup(
        self, arguments: JSONObject, context: ToolContext
    ) -> ToolOutput | JSONValue | None:
        function, names = self.asked
        given = {key: value for key, value in self._read(arguments).items() if key in names}
        return self._shown(await function(given, context))


def _asked(
    lookup: Callable[..., Any], name: str, arguments: ObjectShape
) -> tuple[_Called, frozenset[str]]:
    """How a `lookup` is called; see `function_tool`."""
    where = f"tool `{name}`, its lookup"
    if not callable(lookup):
        raise UsageError(f"{where}: it is a `{type(lookup).__name__}`, not a function")
    hints = type_hints(_annotated(lookup), where)
    known = {field.key: field for field in arguments.fields}
    names: set[str] = set()
    context_name: str | None = None
    for parameter in _signature(lookup, name).parameters.values():
        is_required = parameter.default is inspect.Parameter.empty
        if _is_context(hints.get(parameter.name)):
            context_name = parameter.name
        elif parameter.name in known:
            names.add(parameter.name)
            if is_required and not known[parameter.name].is_required:
                raise UsageError(
                    f"{where}: `{parameter}` needs a default, for the call may come without it"
                )
        elif is_required:
            raise UsageError(
                f"{where}: `{parameter}` is no argument of the tool",
                hint="It is given the arguments of the call by name, and the context.",
            )
    called = _Called(lookup, _is_async(lookup), _positional(lookup), context_name)
    return called, frozenset(names)


def _is_async(function: Callable[..., Any]) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        type(function).__call__
    )


def _signature(function: Callable[..., Any], name: str) -> inspect.Signature:
    try:
        return inspect.signature(function)
    except (TypeError, ValueError) as error:
        raise UsageError(f"tool `{name}`: its parameters cannot be read: {error}") from error


def _annotated(function: Callable[..., Any]) -> Any:
    """Where the annotations stand: behind a partial, on `__call__` or `__init__`."""
    target: Any = function
    while (inner := getattr(target, "func", None)) is not None:
        target = inner
    if inspect.isroutine(target):
        return inspect.unwrap(target)
    return (
        vars(target).get("__init__", object) if isinstance(target, type) else type(target).__call__
    )


def _parameters(
    function: Callable[..., Any], name: str, docstring: Docstring
) -> tuple[ObjectShape, Schema, str | None]:
    where = f"tool `{name}`"
    hints = type_hints(_annotated(function), where)
    builder = ShapeBuilder()
    fields: list[Field] = []
    context_name: str | None = None
    for parameter in _signature(function, name).parameters.values():
        if parameter.kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD):
            raise UsageError(
                f"{where}: `{parameter}` cannot be described to a model",
                hint="Name every parameter, or take one `list` or `dict`.",
            )
        if parameter.name not in hints:
            raise UsageError(f"{where}: parameter `{parameter.name}` has no type")
        hint = hints[parameter.name]
        if _is_context(hint):
            if context_name is not None:
                raise UsageError(
                    f"{where}: `{context_name}` and `{parameter.name}` both take the context"
                )
            context_name = parameter.name
            continue
        fields.append(_field(builder, parameter, hint, where, docstring))
    shape = ObjectShape(name, dict, tuple(fields))
    # Shapes first: a class that holds itself is only known to do so when all of it has been built.
    schema: Schema = {**shape.definition, **builder.definition_schemas()}
    return shape, schema, context_name


def _field(
    builder: ShapeBuilder, parameter: inspect.Parameter, hint: Any, where: str, docstring: Docstring
) -> Field:
    has_default = parameter.default is not inspect.Parameter.empty
    default: Any = attrs.NOTHING
    if has_default:
        try:
            default = to_json(parameter.default)
        except TypeError:
            default = attrs.NOTHING
    return Field(
        key=parameter.name,
        shape=builder.build(hint, f"{where}: parameter `{parameter.name}`"),
        is_required=not has_default,
        description=docstring.arguments.get(parameter.name, ""),
        default=default,
    )


def _is_context(hint: Any) -> bool:
    options = typing.get_args(hint)
    return hint is ToolContext or (
        ToolContext in options and set(options) <= {ToolContext, type(None)}
    )


def _positional(function: Callable[..., Any]) -> tuple[tuple[str, Any], ...]:
    parameters = inspect.signature(function).parameters.values()
    return tuple((item.name, item.default) for item in parameters if item.kind is _POSITIONAL_ONLY)
