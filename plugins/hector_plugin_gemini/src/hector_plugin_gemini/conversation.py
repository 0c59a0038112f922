"""A conversation as the contents that the Gemini API takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hector.errors import UnsupportedError, UsageError
from hector.message import DataPart, FilePart, Message, TextPart, ThinkingPart, ToolCall, ToolResult
from hector.spi import file_note, json_text, own_data, plain_json, tool_result_text, utf8_text
from hector_plugin_gemini.files import file_part, result_file
from hector_plugin_gemini.models import ModelTraits
from hector_plugin_gemini.wire import PROVIDER, Body

__all__ = ["contents_of"]

_CONTINUE = "Continue."
"""Stands between two answers in a row, and behind the last: the API answers a user."""

_BLANK = "(blank)"
"""Stands for a message without a character, which the API refuses."""

_UNSIGNED = "skip_thought_signature_validator"
"""Google's word for a call without a signature, as another provider has made it."""


def contents_of(
    messages: Sequence[Message], traits: ModelTraits, *, longest_result: int
) -> list[Body]:
    """The conversation, from a user's turn to a user's turn.

    It only grows: what was sent for a conversation is the beginning of what is sent when it goes on, so that what
    Google has kept of it is found.

    Args:
        messages: the conversation.
        traits: of the model.
        longest_result: most characters of a tool result's text; 0 for all.
    """
    found: list[Body] = []
    for message in messages:
        if message.role == "assistant":
            parts = list(_said_by_model(message, traits))
            if not parts:
                continue
            if not found or found[-1]["role"] == "model":
                found.append(_content("user", [_text(_CONTINUE)]))
            found.append(_content("model", parts))
        elif message.role == "tool":
            found += _results(message, traits, longest_result)
        else:
            found.append(_content("user", list(_said_by_user(message)) or [_text(_BLANK)]))
    if not found or found[-1]["role"] == "model":
        found.append(_content("user", [_text(_CONTINUE)]))
    return found


def _content(role: str, parts: Sequence[Body]) -> Body:
    return {"role": role, "parts": list(parts)}


def _text(text: str) -> Body:
    return {"text": utf8_text(text)}


def _said_by_user(message: Message) -> Iterator[Body]:
    for part in message.parts:
        match part:
            case TextPart(text=text):
                if text:
                    yield _text(text)
            case DataPart():
                yield _text(json_text(part.value))
            case FilePart():
                yield _file_of_user(part)
            case ThinkingPart():
                pass
            case _:
                raise UsageError(f"a user message cannot hold a {type(part).__name__}")


def _file_of_user(part: FilePart) -> Body:
    found = file_part(part)
    if found is None:
        raise UnsupportedError(
            f"{PROVIDER}: the API takes no file of type {part.media_type}",
            hint="send JPEG, PNG, WebP, HEIC, PDF, audio, video, or a text file",
        )
    return found


# ------------------------------------------------------------------------------------ the model


def _said_by_model(message: Message, traits: ModelTraits) -> Iterator[Body]:
    is_first_call = True
    for part in message.parts:
        match part:
            case TextPart():
                yield from _pieces(part, {})
            case ThinkingPart():
                # Of visible reasoning only what is signed is worth anything.
                if "pieces" in own_data(part, PROVIDER):
                    yield from _pieces(part, {"thought": True})
            case ToolCall():
                yield _call(part, is_checked=is_first_call and traits.checks_signatures)
                is_first_call = False
            case DataPart():
                yield _text(json_text(part.value))
            case FilePart():
                # A model's turn may hold no files; it learns that there was one.
                yield _text(file_note(part))
            case _:
                raise UsageError(f"an assistant message cannot hold a {type(part).__name__}")


def _pieces(part: TextPart | ThinkingPart, more: Body) -> Iterator[Body]:
    """The text in the pieces in which it came, each with its signature; in one where nothing was signed."""
    layout = own_data(part, PROVIDER).get("pieces")
    pieces = None if layout is None else _cut(part.text, layout)
    if pieces is None:
        pieces = [(part.text, None)] if part.text else []
    for text, signature in pieces:
        signed = {"thoughtSignature": signature} if signature else {}
        yield {**_text(text), **more, **signed}


def _cut(
    text: str, layout: Sequence[tuple[int, str | None]]
) -> list[tuple[str, str | None]] | None:
    """Cut `text` as `ReplyReader` has noted it; None if it is not that text any more."""
    found: list[tuple[str, str | None]] = []
    start = 0
    for length, signature in layout:
        found.append((text[start : start + length], signature))
        start += length
    return found if start == len(text) else None


def _call(part: ToolCall, *, is_checked: bool) -> Body:
    call: Body = {"id": utf8_text(part.id), "name": part.name, "args": plain_json(part.arguments)}
    signature = own_data(part, PROVIDER).get("signature")
    if signature is None and is_checked:
        signature = _UNSIGNED
    signed = {"thoughtSignature": signature} if signature is not None else {}
    return {"functionCall": call, **signed}


# ------------------------------------------------------------------------------------ results


def _results(message: Message, traits: ModelTraits, longest: int) -> list[Body]:
    """The results as one turn, and behind it, where they may not stand inside, their files."""
    responses: list[Body] = []
    files: list[Body] = []
    for part in message.parts:
        if not isinstance(part, ToolResult):
            raise UsageError(f"a tool message cannot hold a {type(part).__name__}")
        inside, outside, notes = _files_of(part, traits)
        responses.append(_response(part, inside, notes, longest))
        if outside:
            files += [_text(f"Files from tool `{part.name}`:"), *outside]
    found = [_content("user", responses)]
    return [*found, _content("user", files)] if files else found


def _files_of(result: ToolResult, traits: ModelTraits) -> tuple[list[Body], list[Body], list[str]]:
    """Files inside of the result, files behind it, and words for those that cannot be sent."""
    inside: list[Body] = []
    outside: list[Body] = []
    notes: list[str] = []
    for part in result.content:
        if not isinstance(part, FilePart):
            continue
        if traits.takes_files_in_results and (found := result_file(part)) is not None:
            inside.append(found)
        elif (found := file_part(part)) is not None:
            outside.append(found)
        else:
            notes.append(file_note(part))
    return inside, outside, notes


def _response(result: ToolResult, inside: list[Body], notes: list[str], longest: int) -> Body:
    text = tool_result_text(result, limit=longest, says_errors=False)
    told = utf8_text("\n".join([*([text] if text else []), *notes]))
    # As text, not as an object: Google reads every number in an object as a double.
    said = {"error": told or "The tool failed."} if result.is_error else {"result": told}
    more = {"parts": inside} if inside else {}
    head = {"id": utf8_text(result.call_id), "name": result.name}
    return {"functionResponse": {**head, "response": said, **more}}
