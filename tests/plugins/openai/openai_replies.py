"""What OpenAI's two APIs send, in the shape that the SDK's types document."""

from __future__ import annotations

from typing import Any

REASONING: dict[str, Any] = {
    "id": "rs_1",
    "type": "reasoning",
    "summary": [
        {"type": "summary_text", "text": "First."},
        {"type": "summary_text", "text": "Then."},
    ],
    "encrypted_content": "gAAAA+/=\u2603 exactly",
    "a_later_field": {"kept": [1, 2.5, "x"]},
}
USAGE = {
    "input_tokens": 40,
    "input_tokens_details": {"cached_tokens": 32, "cache_write_tokens": 0},
    "output_tokens": 25,
    "output_tokens_details": {"reasoning_tokens": 7},
    "total_tokens": 65,
}


def text_item(text: str, **more: Any) -> dict[str, Any]:
    part: dict[str, Any] = {"type": "output_text", "text": text, "annotations": []}
    return {"id": "msg_1", "type": "message", "role": "assistant", "content": [part], **more}


def call_item(call_id: str, name: str, arguments: str) -> dict[str, Any]:
    return {
        "id": f"fc_{call_id}",
        "type": "function_call",
        "status": "completed",
        "call_id": call_id,
        "name": name,
        "arguments": arguments,
    }


def reply(*items: Any, status: str = "completed", **more: Any) -> dict[str, Any]:
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1.0,
        "model": "gpt-5.5-2026-04-23",
        "status": status,
        "error": None,
        "incomplete_details": None,
        "output": list(items),
        "usage": USAGE,
        **more,
    }


def events(*items: Any, status: str = "completed", **more: Any) -> list[dict[str, Any]]:
    """The events of a whole stream of `items`, with the text in two deltas where there is one."""
    sent: list[dict[str, Any]] = [
        {"type": "response.created", "response": reply(status="in_progress")}
    ]
    for index, item in enumerate(items):
        at = {"output_index": index, "item_id": item.get("id")}
        sent.append({"type": "response.output_item.added", "item": {**item}, **at})
        for content in item.get("content") or ():
            kind = "refusal" if content["type"] == "refusal" else "output_text"
            text = content.get("text") or content.get("refusal") or ""
            middle = len(text) // 2
            sent += [
                {"type": f"response.{kind}.delta", "delta": piece, "content_index": 0, **at}
                for piece in (text[:middle], "", text[middle:])
            ]
        for number, part in enumerate(item.get("summary") or ()):
            where = {"summary_index": number, **at}
            sent += [
                {"type": "response.reasoning_summary_part.added", "part": part, **where},
                {
                    "type": "response.reasoning_summary_text.delta",
                    "delta": part["text"],
                    **where,
                },
            ]
        sent.append({"type": "response.output_item.done", "item": item, **at})
    final = reply(*items, status=status, **more)
    return [*sent, {"type": f"response.{status}", "response": final}]


def chunk(finish_reason: str | None = None, **delta: Any) -> dict[str, Any]:
    """One chunk of a Chat Completions stream."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason, "logprobs": None}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "served-model",
        "choices": [choice],
    }


def usage_chunk() -> dict[str, Any]:
    """The last chunk, which has no choices."""
    return {**chunk(), "choices": [], "usage": CHAT_USAGE}


def call_piece(index: int | None, arguments: str, **more: Any) -> dict[str, Any]:
    """A piece of a tool call; the first of a call has `id` and `name`."""
    function = {"arguments": arguments, **({"name": more.pop("name")} if "name" in more else {})}
    at = {} if index is None else {"index": index}
    return {**at, "function": function, **more}


CHAT_USAGE = {
    "prompt_tokens": 40,
    "completion_tokens": 25,
    "total_tokens": 65,
    "prompt_tokens_details": {"cached_tokens": 32},
    "completion_tokens_details": {"reasoning_tokens": 7},
}
