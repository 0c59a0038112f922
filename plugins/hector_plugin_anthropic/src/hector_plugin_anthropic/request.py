"""Requests in the words of Anthropic's Messages API."""

from __future__ import annotations

from collections.abc import Sequence

from hector.errors import UnsupportedError
from hector.spi import GenerateParameters, LLMRequest, ToolSpec
from hector_plugin_anthropic.conversation import turns
from hector_plugin_anthropic.files import Body
from hector_plugin_anthropic.reply import PROVIDER
from hector_plugin_anthropic.settings import LLMSettings

__all__ = ["body_of", "count_body", "headers_of"]

_BINDING_BETA = "thinking-binding-controls-2026-08-01"
_SMALLEST_BUDGET_TOKENS = 1024
_COUNTED = ("model", "messages", "system", "tools", "tool_choice", "thinking", "output_config")
_THINKING = frozenset({"redacted_thinking", "thinking"})
_CACHEABLE = frozenset({"document", "image", "text", "tool_result", "tool_use"})


def body_of(request: LLMRequest, settings: LLMSettings) -> Body:
    """Say `request` in the words of `POST /v1/messages`."""
    parameters = request.parameters
    temperature = parameters.temperature
    max_tokens = parameters.max_output_tokens or settings.longest_answer
    messages = turns(request.messages, longest_result=settings.max_tool_output_length)
    thinking = _thinking(messages, parameters, settings, max_tokens)
    if thinking is not None and thinking["type"] == settings.traits.off:
        messages = _without_earlier_thinking(messages)
    body: Body = {
        "model": settings.model,
        "max_tokens": max_tokens,
        "messages": messages,
        "system": request.system if request.system.strip() else None,
        "temperature": settings.temperature if temperature is None else temperature,
        "stop_sequences": list(parameters.stop) or None,
        "metadata": {"user_id": settings.user} if settings.user else None,
        "output_config": _output_config(parameters, settings),
        "thinking": thinking,
        **_tools(request, messages),
    }
    body = {key: value for key, value in body.items() if value is not None}
    _check_temperature(body, settings)
    if settings.prompt_cache != "none":
        _mark(body, settings.prompt_cache)
    return body


def count_body(request: LLMRequest, settings: LLMSettings) -> Body:
    """Say `request` in the words of `POST /v1/messages/count_tokens`: what has tokens, and no more."""
    body = body_of(request, settings)
    return {key: body[key] for key in _COUNTED if key in body}


def headers_of(body: Body, settings: LLMSettings) -> dict[str, str]:
    """The headers that a body needs beside those of every request."""
    headers = {"content-type": "application/json"}
    if "block_binding" in body.get("thinking", {}):
        given = [
            value.reveal()
            for name, value in settings.headers.items()
            if name.lower() == "anthropic-beta"
        ]
        headers["anthropic-beta"] = ",".join([*given, _BINDING_BETA])
    return headers


# ------------------------------------------------------------------------------------ tools


def _tools(request: LLMRequest, messages: Sequence[Body]) -> Body:
    if request.tools:
        choice = _tool_choice(request.parameters.tool_choice)
        return {"tools": [_tool(spec) for spec in request.tools], "tool_choice": choice}
    called = {
        block["name"]: None
        for message in messages
        for block in message["content"]
        if block["type"] == "tool_use"
    }
    if not called:
        return {}
    # Calls in the conversation want their tools declared, though none may be called any more.
    gone = [{"name": name, "input_schema": {"type": "object"}} for name in called]
    return {"tools": gone, "tool_choice": {"type": "none"}}


def _tool(spec: ToolSpec) -> Body:
    return {"name": spec.name, "description": spec.description, "input_schema": spec.parameters}


def _tool_choice(choice: str | None) -> Body | None:
    match choice:
        case None:
            return None
        case "auto" | "none":
            return {"type": choice}
        case "required":
            return {"type": "any"}
        case name:
            return {"type": "tool", "name": name}


# ------------------------------------------------------------------------------------ output


def _output_config(parameters: GenerateParameters, settings: LLMSettings) -> Body | None:
    config: Body = {}
    if settings.effort_in_force is not None:
        config["effort"] = settings.effort_in_force
    if parameters.structured_output is not None:
        config["format"] = {"type": "json_schema", "schema": parameters.structured_output.schema}
    return config or None


def _check_temperature(body: Body, settings: LLMSettings) -> None:
    """Refuse here what the API would refuse, and say what to do."""
    if body.get("temperature", 1) == 1:
        return
    if not settings.traits.has_temperature:
        raise UnsupportedError(
            f"{PROVIDER}: {settings.model} takes no temperature",
            hint="leave it out, or use a model from before Claude Opus 4.7",
        )
    if body.get("thinking", {}).get("type") in {"adaptive", "enabled"}:
        raise UnsupportedError(
            f"{PROVIDER}: {settings.model} takes no temperature while it thinks",
            hint="leave one of them out",
        )


# ------------------------------------------------------------------------------------ thinking


def _thinking(
    messages: Sequence[Body], parameters: GenerateParameters, settings: LLMSettings, max_tokens: int
) -> Body | None:
    traits, thinking = settings.traits, settings.thinking
    if thinking is not None and not thinking.enabled:
        return _off(settings)
    if not _may_think(messages, parameters, settings, max_tokens):
        return _off(settings)
    config: Body = {}
    if thinking is not None:
        budget = settings.thinking_budget
        config = {"type": "adaptive", "display": thinking.display}
        if budget is not None:
            fitting = min(budget, max_tokens - 1)
            config = {"type": "enabled", "budget_tokens": fitting, "display": thinking.display}
        elif not traits.is_adaptive:
            config = {}
    if traits.binds_thinking and _has_thinking(messages):
        # Hector shortens and re-tells conversations. Reasoning that no longer fits is let go, not an error.
        binding = {"block_binding": {"prefix_mismatch_behavior": "drop_block"}}
        config = {"type": "adaptive", **config, **binding}
    return config or None


def _off(settings: LLMSettings) -> Body | None:
    traits = settings.traits
    return {"type": traits.off} if traits.off and traits.thinks_unasked else None


def _may_think(
    messages: Sequence[Body], parameters: GenerateParameters, settings: LLMSettings, max_tokens: int
) -> bool:
    """Whether the API lets the model think about this request."""
    if parameters.tool_choice not in {None, "auto", "none"} and settings.traits.can_force_tools:
        return False
    if settings.thinking_budget is None:
        return True
    return max_tokens > _SMALLEST_BUDGET_TOKENS and _begins_with_thinking(messages)


def _begins_with_thinking(messages: Sequence[Body]) -> bool:
    """Whether a turn that goes on after tool results began with reasoning, as the older way demands."""
    if messages[-1]["content"][0]["type"] != "tool_result":
        return True
    last = next(message for message in reversed(messages) if message["role"] == "assistant")
    return last["content"][0]["type"] in _THINKING


def _without_earlier_thinking(messages: Sequence[Body]) -> list[Body]:
    """The conversation without the reasoning of turns that are over.

    A request that turns thinking off cannot say what is to become of reasoning that no longer fits.
    """
    begun = max(
        place
        for place, turn in enumerate(messages)
        if turn["role"] == "user" and turn["content"][0]["type"] != "tool_result"
    )
    earlier = [
        {**turn, "content": [it for it in turn["content"] if it["type"] not in _THINKING]}
        for turn in messages[:begun]
    ]
    return [*(turn for turn in earlier if turn["content"]), *messages[begun:]]


def _has_thinking(messages: Sequence[Body]) -> bool:
    kinds = {block["type"] for message in messages for block in message["content"]}
    return not kinds.isdisjoint(_THINKING)


# ------------------------------------------------------------------------------------ caching


def _mark(body: Body, ttl: str) -> None:
    """Set the breakpoints up to which the provider keeps what it has read: three of the four that it allows.

    Behind tools and system instruction, behind the last turn, and where the last turn was when the model was asked
    before, so that what was kept then is found however much has come since.
    """
    control = {"type": "ephemeral", **({"ttl": ttl} if ttl != "5m" else {})}
    marked = {"cache_control": control}
    if "system" in body:
        body["system"] = [{"type": "text", "text": body["system"], **marked}]
    elif "tools" in body:
        body["tools"][-1] |= marked
    messages: Sequence[Body] = body["messages"]
    answers = [place for place, turn in enumerate(messages) if turn["role"] == "assistant"]
    asked_before = [messages[answers[-1] - 1]] if answers else []
    for turn in (*asked_before, messages[-1]):
        block = turn["content"][-1]
        if block["type"] in _CACHEABLE:
            block |= marked
