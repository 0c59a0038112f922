"""What a model is asked, in the words of Ollama's API, as small as can be."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import attrs

from hector.message import (
    DataPart,
    FilePart,
    Message,
    Part,
    TextPart,
    ThinkingPart,
    ToolCall,
    ToolResult,
)
from hector.spi import LLMRequest, file_note, json_text, own_data, tool_result_text

__all__ = ["PROVIDER", "Body", "Words"]

PROVIDER = "kit"
"""Its type, and the name under which it keeps what is its own."""

Body: TypeAlias = dict[str, Any]


@attrs.frozen
class Words:
    """Says a request; the broken ones each say one thing in another way.

    Attributes:
        model: that is asked.
    """

    model: str

    def body(self, request: LLMRequest) -> Body:
        """The whole of it."""
        told: Body = {
            "model": self.model,
            "messages": [*self.system(request), *self.messages(request.messages)],
            "tools": [
                {
                    "type": "function",
                    "function": {
                        "name": spec.name,
                        "description": spec.description,
                        "parameters": spec.parameters,
                    },
                }
                for spec in request.tools
            ],
            "format": self.form(request),
            "options": self.options(request),
        }
        return {name: value for name, value in told.items() if value} | {"stream": True}

    def system(self, request: LLMRequest) -> Sequence[Body]:
        """The instruction."""
        return [{"role": "system", "content": request.system}] if request.system else []

    def form(self, request: LLMRequest) -> object:
        """The schema of the answer."""
        output = request.parameters.structured_output
        return output.schema if output is not None else None

    def options(self, request: LLMRequest) -> Body:
        """The parameters."""
        parameters = request.parameters
        told = {
            "temperature": parameters.temperature,
            "num_predict": parameters.max_output_tokens,
            "stop": list(parameters.stop) or None,
        }
        return {name: value for name, value in told.items() if value is not None}

    def messages(self, messages: Sequence[Message]) -> Iterator[Body]:
        """The conversation."""
        users = [place for place, message in enumerate(messages) if message.role == "user"]
        newest = users[-1] if users else -1
        said: list[Body] = []
        for place, message in enumerate(messages):
            match message.role:
                case "tool":
                    said += self.results(message)
                case "user":
                    said.append(self.user(message))
                case _:
                    said += self.assistant(message, is_over=place < newest)
        yield from said
        if said and said[-1]["role"] == "assistant":
            yield {"role": "user", "content": "Continue."}

    def user(self, message: Message) -> Body:
        """What a person said."""
        text = "\n".join(self.text(part) for part in message.parts)
        return {"role": "user", "content": text, **self.images(message.parts)}

    def assistant(self, message: Message, *, is_over: bool) -> Iterator[Body]:
        """What the model said; nothing if that was nothing."""
        text = "".join(self.text(part) for part in message.parts)
        calls = [
            {"id": it.id, "function": {"name": it.name, "arguments": dict(it.arguments)}}
            for it in message.parts
            if isinstance(it, ToolCall)
        ]
        if not text and not calls:
            return
        told: Body = {"role": "assistant", "content": text, "tool_calls": calls}
        thoughts = "".join(
            it.text
            for it in message.parts
            if isinstance(it, ThinkingPart) and own_data(it, PROVIDER)
        )
        yield told if is_over else {**told, "thinking": thoughts}

    def results(self, message: Message) -> Sequence[Body]:
        """What tools gave."""
        return [self.result(part) for part in message.parts if isinstance(part, ToolResult)]

    def result(self, result: ToolResult) -> Body:
        """What one tool gave."""
        notes = [self.text(part) for part in result.content if isinstance(part, FilePart)]
        return {
            "role": "tool",
            "tool_name": result.name,
            "tool_call_id": result.call_id,
            "content": "\n".join([tool_result_text(result), *filter(None, notes)]),
            **self.images(result.content),
        }

    def images(self, parts: Sequence[Part]) -> Body:
        """The images by value."""
        found = [
            base64.b64encode(part.data).decode()
            for part in parts
            if isinstance(part, FilePart) and _is_sent(part) and part.data is not None
        ]
        return {"images": found} if found else {}

    def text(self, part: Part) -> str:
        """A part in words; empty where it goes another way."""
        match part:
            case TextPart():
                return part.text
            case DataPart():
                return json_text(part.value)
            case FilePart():
                return "" if _is_sent(part) else file_note(part)
            case _:
                return ""


def _is_sent(part: FilePart) -> bool:
    return part.media_type.startswith("image/") and part.data is not None
