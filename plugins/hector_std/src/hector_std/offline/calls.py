"""Which tools to call for a question, and with what."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping, Sequence

from hector.errors import LLMError
from hector.message import JSONValue, ToolCall
from hector.spi import ToolSpec
from hector_std.offline.conversation import Turn
from hector_std.offline.words import stems

__all__ = ["choose_calls", "is_search"]

_QUERY_NAMES = frozenset(
    [
        "query",
        "q",
        "question",
        "search",
        "text",
        "input",
        "prompt",
        "request",
        "message",
        "task",
        "topic",
        "keywords",
    ]
)
_PATH_NAMES = frozenset(["path", "file", "filename", "file_path", "filepath"])
_AGENT = re.compile(r"^(?:agent_call|transfer_to)_(?P<name>.+)$")
_QUOTED = re.compile(r"[\"“'`]([^\"”'`]+)[\"”'`]")
_PATH = re.compile(r"(?<![\w:/])(?:[\w.-]+/)*[\w-]+\.[A-Za-z]\w{0,7}\b")
_URL = re.compile(r"https?://[^\s<>\"']+[^\s<>\"'.,;:!?)]")
_NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?![\w.]*\w)")
_NAME_WEIGHT = 2.0
_ENOUGH = 2.0
_CLEARLY = 1.5


def is_search(tool: ToolSpec) -> bool:
    """Whether a tool searches documents: by its name, and a string parameter `query`."""
    schema = _properties(tool).get("query")
    has_query = isinstance(schema, Mapping) and schema.get("type") == "string"
    return has_query and (tool.name == "search" or tool.name.endswith("search"))


def choose_calls(
    turn: Turn, tools: Sequence[ToolSpec], tool_choice: str | None
) -> Sequence[ToolCall]:
    """The calls to make before answering; none to answer from what is there.

    A message that is nothing but names of tools, each with a JSON object, is just these calls, whether the arguments
    fit or not.

    Otherwise it is one call: a tool or agent that the question names comes first, then an agent whose description
    fits clearly better than anything else, then a search, then the tool that fits best. Only a tool whose required
    arguments stand in the question is called. `required`, or a tool's name, is satisfied once a tool has answered
    this turn.

    Raises:
        LLMError: `tool_choice` asks for a tool that is not offered, or whose arguments the question
        does not give.
    """
    if tool_choice not in {None, "auto", "none", "required"}:
        tools = [tool for tool in tools if tool.name == tool_choice]
        if not tools:
            raise LLMError(
                f"tool_choice names `{tool_choice}`, which is not offered", provider="offline"
            )
    if turn.results or tool_choice == "none" or not tools:
        if tool_choice == "required" and not tools:
            raise LLMError("tool_choice is `required`, but no tool is offered", provider="offline")
        return ()
    if turn.dictated and {it.name for it in turn.dictated} <= {tool.name for tool in tools}:
        return [_call(it.name, it.arguments) for it in turn.dictated]
    is_forced = tool_choice not in {None, "auto"}
    if not is_forced and (turn.small_talk or not turn.question):
        return ()
    for tool in _by_preference(turn, tools, is_forced=is_forced):
        arguments = _arguments(turn, tool)
        if arguments is not None:
            return (_call(tool.name, arguments),)
    if is_forced:
        raise LLMError(
            f"tool_choice is `{tool_choice}`, but the question does not give the"
            " arguments that are required",
            provider="offline",
            hint="the offline model takes arguments from the question only; use a real model",
        )
    return ()


def _call(name: str, arguments: Mapping[str, JSONValue]) -> ToolCall:
    return ToolCall(id=f"call_{uuid.uuid4().hex}", name=name, arguments=arguments)


def _by_preference(turn: Turn, tools: Sequence[ToolSpec], *, is_forced: bool) -> list[ToolSpec]:
    """The tools worth trying, best first."""
    scores = {tool.name: _overlap(turn, tool) for tool in tools}
    order = sorted(tools, key=lambda tool: -scores[tool.name])
    named = [tool for tool in order if _is_named(turn.question, tool)]
    searches = sorted(
        (tool for tool in tools if is_search(tool)), key=lambda tool: tool.name != "search"
    )
    fitting = [tool for tool in order if scores[tool.name] >= _ENOUGH]
    agents = [
        tool for tool in fitting[:1] if _AGENT.match(tool.name) and _is_clear(tool, order, scores)
    ]
    everything = order if is_forced else []
    unique = {tool.name: tool for tool in [*named, *agents, *searches, *fitting, *everything]}
    return list(unique.values())


def _is_clear(best: ToolSpec, order: Sequence[ToolSpec], scores: Mapping[str, float]) -> bool:
    others = [scores[tool.name] for tool in order if tool is not best]
    return scores[best.name] >= _CLEARLY * max(others, default=0.0)


def _is_named(question: str, tool: ToolSpec) -> bool:
    match = _AGENT.match(tool.name)
    name = match["name"] if match else tool.name
    is_plain = not match and not re.search(r"[_-]", name)
    if is_plain:
        # `search` or `time` is an ordinary word; only in quotes or after "use" is it a tool's name.
        return bool(
            re.search(
                rf"(?:`{name}`|\b(?:use|call|run)\s+(?:the\s+)?{name}\b)", question, re.IGNORECASE
            )
        )
    spelled = r"[\s_-]+".join(map(re.escape, re.split(r"[_-]+", name)))
    return bool(re.search(rf"(?<!\w){spelled}(?!\w)", question, re.IGNORECASE))


def _overlap(turn: Turn, tool: ToolSpec) -> float:
    match = _AGENT.match(tool.name)
    name = set(stems(re.sub(r"[_-]+", " ", match["name"] if match else tool.name)))
    description = set(stems(tool.description)) - name
    topic = set(stems(turn.topic))
    return _NAME_WEIGHT * len(topic & name) + len(topic & description)


def _properties(tool: ToolSpec) -> Mapping[str, JSONValue]:
    properties = tool.parameters.get("properties")
    return properties if isinstance(properties, Mapping) else {}


def _arguments(turn: Turn, tool: ToolSpec) -> dict[str, JSONValue] | None:
    """Arguments for what the tool requires, or None when the question does not give them."""
    required = tool.parameters.get("required")
    names = (
        [name for name in required if isinstance(name, str)]
        if isinstance(required, Sequence)
        else []
    )
    if is_search(tool) and "query" not in names:
        names = ["query", *names]
    texts = [name for name in names if _type(tool, name) == "string"]
    arguments: dict[str, JSONValue] = {}
    numbers = [match[0] for match in _NUMBER.finditer(turn.question)]
    for name in names:
        value = _value(turn, tool, name, numbers, is_only_text=len(texts) == 1)
        if value is None:
            return None
        arguments[name] = value
    return arguments


def _type(tool: ToolSpec, name: str) -> str:
    schema = _properties(tool).get(name)
    kind = schema.get("type") if isinstance(schema, Mapping) else None
    return kind if isinstance(kind, str) else ""


def _value(
    turn: Turn, tool: ToolSpec, name: str, numbers: list[str], *, is_only_text: bool
) -> JSONValue:
    schema = _properties(tool).get(name)
    if not isinstance(schema, Mapping):
        return None
    choices = schema.get("enum")
    if isinstance(choices, Sequence) and not isinstance(choices, str):
        said = turn.question.casefold()
        return next(
            (item for item in choices if isinstance(item, str) and item.casefold() in said), None
        )
    if schema.get("type") in {"integer", "number"}:
        return _number(numbers, is_integer=schema.get("type") == "integer")
    if schema.get("type") != "string":
        return None
    return _string(turn, tool, name, is_only_text=is_only_text)


def _number(numbers: list[str], *, is_integer: bool) -> int | float | None:
    """The next number of the question that fits."""
    for index, number in enumerate(numbers):
        if "." not in number or not is_integer:
            del numbers[index]
            return float(number) if "." in number else int(number)
    return None


def _string(turn: Turn, tool: ToolSpec, name: str, *, is_only_text: bool) -> str | None:
    question = turn.question
    if name in _PATH_NAMES:
        match = _QUOTED.search(question) or _PATH.search(question)
        return match[match.lastindex or 0] if match else None
    if "url" in name:
        match = _URL.search(question)
        return match[0] if match else None
    if is_search(tool) and name == "query":
        return " ".join(turn.topic) or question
    if name in _QUERY_NAMES:
        return question
    quoted = _QUOTED.search(question)
    return quoted[1] if quoted and is_only_text else None
