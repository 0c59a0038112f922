"""The JSON form of events, messages and parts."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hector.errors import SessionError
from hector.message import (
    DataPart,
    Event,
    FilePart,
    Message,
    Part,
    TextPart,
    ToolCall,
    dump_event,
    event_from_json,
    event_to_json,
    message_from_json,
    message_to_json,
    parse_event,
    part_from_json,
    part_to_json,
)
from hector.message.codec import MAXIMUM_DEPTH
from hector.testing.message_strategies import events, messages, parts, texts


def fields(event: Event) -> dict[str, Any]:
    """What an event holds: events compare by identity, their contents by value."""
    return {field.name: getattr(event, field.name) for field in attrs.fields(Event)}


def an_event(**changes: Any) -> Event:
    return attrs.evolve(
        Event(id="e1", kind="message", invocation_id="i1", author="helper"), **changes
    )


@given(events())
def test_every_event_comes_back_equal(event: Event) -> None:
    """Through JSON text, which is what the data is for."""
    data = json.loads(json.dumps(event_to_json(event)))
    assert fields(event_from_json(data)) == fields(event)


@given(events())
def test_every_event_survives_its_text_form(event: Event) -> None:
    text = dump_event(event)
    assert text.isascii()
    assert "\n" not in text
    assert fields(parse_event(text)) == fields(event)


@given(events())
def test_text_is_read_as_the_standard_library_reads_it(event: Event) -> None:
    """Numbers keep their type and their last bit, NaN and lone surrogates are what they were."""
    text = dump_event(event)
    read, known = parse_event(text), event_from_json(json.loads(text))
    assert repr(fields(read)) == repr(fields(known))


@pytest.mark.parametrize(
    "value", [2**70, -(2**64), 1e300, 5e-324, -0.0, 0.1 + 0.2, float("nan"), float("inf"), "\ud800"]
)
def test_hard_values_keep_type_and_every_bit(value: Any) -> None:
    (part,) = parse_event(dump_event(an_event(parts=(DataPart({"value": value}),)))).parts
    assert isinstance(part, DataPart)
    assert repr(part.value) == repr({"value": value})


@given(events(), texts(), st.none() | st.floats() | st.integers())
def test_the_short_way_for_plain_messages_writes_the_same(
    event: Event, text: str, timestamp: Any
) -> None:
    """One text without actions and metadata takes it; anything else takes the whole way."""
    for plain in (
        event,
        attrs.evolve(event, parts=(TextPart(text),), actions=None, metadata=None),
        attrs.evolve(
            event, parts=(TextPart(text),), actions=None, metadata=None, timestamp=timestamp
        ),
    ):
        whole = json.dumps(event_to_json(plain), separators=(",", ":"))
        assert dump_event(plain) == whole


@pytest.mark.parametrize("wrong", [{"id": 7}, {"branch": 1}, {"timestamp": 1}, {"generation": 1.5}])
def test_a_plain_message_of_wrong_types_is_written_as_any_other(wrong: dict[str, Any]) -> None:
    event = an_event(parts=(TextPart("x"),), **wrong)
    assert dump_event(event) == json.dumps(event_to_json(event), separators=(",", ":"))


@pytest.mark.parametrize(
    "wrong", [{"author": {1}}, {"model": {1}}, {"branch": {1}}, {"generation": {1}}]
)
def test_a_plain_message_that_is_not_json_is_refused_as_any_other(wrong: dict[str, Any]) -> None:
    event = an_event(parts=(TextPart("x"),), **wrong)
    with pytest.raises(SessionError, match="cannot be stored: Object of type set is not JSON"):
        dump_event(event)


@given(messages())
def test_every_message_comes_back_equal(message: Message) -> None:
    assert message_from_json(json.loads(json.dumps(message_to_json(message)))) == message


@given(parts())
def test_every_part_comes_back_equal_and_of_its_class(part: Part) -> None:
    decoded = part_from_json(json.loads(json.dumps(part_to_json(part))))
    assert decoded == part
    assert type(decoded) is type(part)


def test_defaults_are_left_out() -> None:
    assert event_to_json(an_event(parts=(TextPart("hello"),))) == {
        "id": "e1",
        "kind": "message",
        "invocation_id": "i1",
        "author": "helper",
        "parts": [{"type": "text", "text": "hello"}],
    }


def test_bytes_are_base64() -> None:
    assert part_to_json(FilePart(media_type="image/png", data=b"\x00\xff", name="dot.png")) == {
        "type": "file",
        "media_type": "image/png",
        "data": "AP8=",
        "name": "dot.png",
    }


def test_empty_bytes_are_not_absent_bytes() -> None:
    empty = FilePart(media_type="text/plain", data=b"")
    assert part_from_json(part_to_json(empty)) == empty


def test_provider_data_keeps_the_order_of_its_keys() -> None:
    """Providers sign what they sent; a signature over JSON depends on the order."""
    data = {"z": [1.0, 1e300, -0.0], "a": {"signature": "Zm9v\u2028=="}, "m": None}
    event = parse_event(dump_event(an_event(parts=(TextPart("x", data),))))
    (part,) = event.parts
    assert isinstance(part, TextPart)
    assert json.dumps(part.provider_data) == json.dumps(data)


def test_halves_of_a_character_become_one() -> None:
    """Text streamed in pieces may hold them; JSON has the same words for both."""
    event = parse_event(dump_event(an_event(parts=(TextPart("\ud83e\udd89 \ud83e"),))))
    assert event.text == "🦉 \ud83e"


def test_the_sequence_may_be_kept_beside_the_text() -> None:
    assert parse_event(dump_event(an_event()), sequence=7).sequence == 7


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"kind": "telepathy"}, "unknown kind of event 'telepathy'"),
        ({"outcome": "fine"}, "unknown outcome 'fine'"),
        ({"finish_reason": "bored"}, "unknown finish reason 'bored'"),
        ({"parts": [{"type": "hologram"}]}, "unknown type of part 'hologram'"),
        ({"parts": [{"text": "untagged"}]}, "`type` is missing"),
        ({"parts": [{"type": "text"}]}, "`text` is missing"),
        ({"parts": [{"type": "text", "text": 5}]}, "expected a string, found int"),
        (
            {"parts": [{"type": "file", "media_type": "a/b", "data": "!"}]},
            "Only base64 data is allowed",
        ),
        (
            {
                "parts": [
                    {
                        "type": "tool_result",
                        "call_id": "c",
                        "name": "n",
                        "content": [{"type": "thinking"}],
                    }
                ]
            },
            "a tool result cannot hold a thinking",
        ),
        ({"id": None}, "expected a string, found NoneType"),
        ({"actions": {"explode": True}}, "unexpected keyword argument 'explode'"),
    ],
)
def test_what_is_no_event_is_refused(change: dict[str, Any], problem: str) -> None:
    data = {**event_to_json(an_event()), **change}
    with pytest.raises(SessionError) as caught:
        event_from_json(data)
    assert caught.value.message.startswith("this is not the JSON form of an event: ")
    assert problem in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '"text"', "[" * 100_000])
def test_what_is_no_json_object_is_refused(text: str) -> None:
    with pytest.raises(SessionError, match="this is not the JSON form of an event: "):
        parse_event(text)


@pytest.mark.parametrize(
    ("decode", "data", "problem"),
    [
        (
            message_from_json,
            {"role": "narrator", "parts": []},
            "a message: unknown role 'narrator'",
        ),
        (message_from_json, {"role": "user"}, "a message: `parts` is missing"),
        (part_from_json, {"type": "data"}, "a part: `value` is missing"),
        (part_from_json, {"type": ["text"]}, "a part: "),
    ],
)
def test_what_is_no_message_or_part_is_refused(
    decode: Callable[[Any], object], data: object, problem: str
) -> None:
    with pytest.raises(SessionError) as caught:
        decode(data)
    assert problem in caught.value.message


def test_what_is_not_json_is_named() -> None:
    event = an_event(parts=(DataPart({1, 2}),))  # type: ignore[arg-type]
    with pytest.raises(SessionError) as caught:
        dump_event(event)
    assert caught.value.message == (
        "event `e1` by `helper` cannot be stored: Object of type set is not JSON serializable"
    )


def test_something_that_is_no_part_is_refused() -> None:
    with pytest.raises(SessionError, match="a str is not a part"):
        part_to_json("hello")  # type: ignore[arg-type]


def nested(depth: int) -> Any:
    value: Any = []
    for _ in range(depth - 1):
        value = [value]
    return value


def test_nesting_is_bounded_at_the_same_depth_for_writing_and_reading() -> None:
    """The event, its parts and the part take three levels; many shallow brackets are no nesting."""
    deepest = an_event(parts=(DataPart(nested(MAXIMUM_DEPTH - 3)),))
    assert fields(parse_event(dump_event(deepest))) == fields(deepest)
    wide = an_event(parts=(DataPart([[] for _ in range(10_000)]), TextPart("[{" * 10_000)))
    assert fields(parse_event(dump_event(wide))) == fields(wide)
    for depth in (MAXIMUM_DEPTH - 2, 5_000):
        call = ToolCall(id="c", name="t", arguments={"x": nested(depth - 1)})
        with pytest.raises(SessionError, match="nested deeper than 200 levels"):
            dump_event(an_event(parts=(call,)))
