"""Hypothesis strategies for the conversations that the agent loop can make."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TypeAlias

import attrs
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from hector.message import (
    DataPart,
    FilePart,
    JSONObject,
    Message,
    Part,
    TextPart,
    ThinkingPart,
    ToolCall,
    ToolResult,
)
from hector.testing.message_strategies import json_objects, json_values, texts

__all__ = ["PNG", "conversations"]

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489"
    "0000000d49444154789c6260000000000500010d0a2db40000000049454e44ae426082"
)
"""An image of one pixel."""

NAMES = st.sampled_from(["search", "files_read", "agent_call_helper", "transfer_to_other-agent"])


@cache
def _provider_data() -> SearchStrategy[JSONObject | None]:
    """Nothing, or what some other provider has left there."""
    elsewhere = st.dictionaries(st.just("another_provider"), json_objects(), min_size=1)
    return st.none() | elsewhere.map(dict)


@cache
def _images() -> SearchStrategy[FilePart]:
    by_value = st.builds(FilePart, media_type=st.just("image/png"), data=st.just(PNG))
    by_url = st.builds(
        FilePart, media_type=st.just("image/jpeg"), url=st.just("https://example.com/a.jpg")
    )
    return by_value | by_url


Content: TypeAlias = TextPart | DataPart | FilePart


@cache
def _result_content(*, has_images: bool) -> SearchStrategy[tuple[Content, ...]]:
    file = st.builds(
        FilePart,
        media_type=st.sampled_from(["application/pdf", "text/csv"]),
        data=st.binary(min_size=1, max_size=8),
        name=st.none() | st.just("report"),
    )
    plain = st.builds(TextPart, texts()) | st.builds(DataPart, json_values())
    part: SearchStrategy[Content] = plain | file
    if has_images:
        part |= _images()
    return st.lists(part, max_size=3).map(tuple)


@attrs.frozen
class _Draw:
    """What a conversation is drawn from."""

    own_answers: Sequence[tuple[Part, ...]]
    has_images: bool
    has_tools: bool

    def user(self) -> SearchStrategy[Message]:
        plain = st.builds(TextPart, texts()) | st.builds(DataPart, json_values())
        part: SearchStrategy[Content] = plain
        if self.has_images:
            part |= _images()
        more = st.lists(part, max_size=2)
        said = st.builds(TextPart, texts(min_size=1))
        return st.tuples(said, more).map(lambda it: Message("user", (it[0], *it[1])))

    def spoken(self) -> SearchStrategy[tuple[Part, ...]]:
        """What an assistant says beside its calls."""
        text = st.builds(TextPart, texts(), _provider_data())
        thinking = st.builds(ThinkingPart, text=texts(), provider_data=_provider_data())
        drawn = st.lists(text | thinking, max_size=3).map(tuple)
        if not self.own_answers:
            return drawn
        own = st.sampled_from(self.own_answers).map(
            lambda parts: tuple(part for part in parts if not isinstance(part, ToolCall))
        )
        return drawn | own


def conversations(
    *,
    own_answers: Sequence[tuple[Part, ...]] = (),
    has_images: bool = True,
    has_tools: bool = True,
) -> SearchStrategy[tuple[Message, ...]]:
    """Any history that `Invocation.history` can give.

    It begins with the user. Each of the assistant's messages is followed by one tool message with a result for each
    call, if there are calls. Users and assistants may speak several times in a row (other agents come as users, and
    in a loop an agent goes on after its own last word), so that the last message may be anybody's. Call ids are
    unique.

    Args:
        own_answers: parts that the provider itself has answered, with what it keeps in them; mixed in.
        has_images: whether images occur; files that are none occur in tool results only.
        has_tools: whether calls occur.
    """
    draw = _Draw(own_answers, has_images, has_tools)
    user, spoken, names = draw.user(), draw.spoken(), st.lists(NAMES, max_size=3)
    speakers = st.lists(st.booleans(), max_size=5)

    @st.composite
    def conversation(pick: st.DrawFn) -> tuple[Message, ...]:
        messages = [pick(user)]
        number = 0
        for is_user in pick(speakers):
            if is_user:
                messages.append(pick(user))
                continue
            parts = pick(spoken)
            calls: list[ToolCall] = []
            for name in pick(names) if draw.has_tools else ():
                number += 1
                calls.append(_call(pick, name, number))
            parts = (*parts, *calls)
            if any(not isinstance(part, TextPart) or part.text for part in parts):
                messages.append(Message("assistant", parts))
            if calls:
                content = _result_content(has_images=draw.has_images)
                messages.append(Message("tool", tuple(_result(pick, it, content) for it in calls)))
        return tuple(messages)

    return conversation()


def _call(pick: st.DrawFn, name: str, number: int) -> ToolCall:
    return ToolCall(
        id=f"call_{number}",
        name=name,
        arguments=pick(json_objects()),
        provider_data=pick(_provider_data()),
    )


def _result(
    pick: st.DrawFn, call: ToolCall, content: SearchStrategy[tuple[Content, ...]]
) -> ToolResult:
    return ToolResult(
        call_id=call.id,
        name=call.name,
        content=pick(content),
        is_error=pick(st.booleans()),
    )
