"""How replies of providers are read: what is not in shape, and what headers say."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hector.errors import LLMResponseError
from hector.message import TextPart
from hector.spi import (
    SHAPE_ERRORS,
    LLMChunk,
    LLMResponse,
    ReplyShape,
    ResponseMetadata,
    TextDelta,
    encoded_json,
    plain_json,
    read_json,
    reply_count,
    reply_text,
    unreadable_arguments,
    utf8_text,
    with_reply_headers,
)

SHAPE = ReplyShape(provider="acme", model="m", api="Acme's API", hint="look twice")


def broken(error: type[Exception]) -> Iterator[LLMChunk | None]:
    yield TextDelta("one")
    raise error("bad")


@pytest.mark.parametrize("kind", SHAPE_ERRORS)
def test_what_is_not_in_shape_is_an_error_of_the_server(kind: type[Exception]) -> None:
    with pytest.raises(LLMResponseError) as raised:
        SHAPE.read(broken(kind))
    error = raised.value
    assert error.message.startswith("the reply is not in the shape of Acme's API (")
    assert (error.provider, error.model, error.hint) == ("acme", "m", "look twice")
    assert isinstance(error.__cause__, kind)


def test_a_fault_of_our_own_stays_one() -> None:
    with pytest.raises(ZeroDivisionError):
        SHAPE.read(broken(ZeroDivisionError))
    with pytest.raises(ZeroDivisionError):
        SHAPE.made(lambda: 1 // 0)


def test_what_is_in_shape_is_given() -> None:
    chunks = [TextDelta("one"), None]
    assert SHAPE.read(chunks) == chunks
    assert SHAPE.made(lambda: 7) == 7
    nothing: dict[str, int] = {}
    with pytest.raises(LLMResponseError, match="shape of Acme's API"):
        SHAPE.made(lambda: nothing["missing"])


@pytest.mark.parametrize(
    ("reason", "told"),
    [(None, "it is not in the shape of Acme's API"), ("it is empty", "it is empty")],
)
def test_vectors_that_are_of_no_use_are_not_asked_for_again(reason: str | None, told: str) -> None:
    error = SHAPE.unusable(reason)
    assert error.message == f"the answer of m cannot be used: {told}"
    assert not error.is_retryable


def test_headers_add_to_what_the_reply_said_of_itself() -> None:
    answer = LLMResponse(
        parts=(TextPart("hi"),), metadata=ResponseMetadata(response_id="r1"), finish_reason="stop"
    )
    headers = {"X-RateLimit-Remaining": "7", "server": "acme"}
    told = with_reply_headers(answer, headers, "q1")
    assert told.metadata == ResponseMetadata(
        request_id="q1", response_id="r1", headers={"x-ratelimit-remaining": "7"}
    )
    assert attrs.evolve(told, metadata=answer.metadata) == answer


@pytest.mark.parametrize(
    ("read", "given", "expected"),
    [(reply_text, "a", "a"), (reply_text, None, ""), (reply_count, 3, 3), (reply_count, None, 0)],
)
def test_what_is_missing_counts_as_nothing(
    read: Callable[[object], object], given: object, expected: object
) -> None:
    assert read(given) == expected


@pytest.mark.parametrize(
    ("read", "given", "message"),
    [
        (reply_text, 5, "a int stands where a text should"),
        (reply_count, "5", "'5' stands where a number of tokens should"),
        (reply_count, -1, "-1 stands where a number of tokens should"),
    ],
)
def test_what_is_something_else_is_told(
    read: Callable[[object], object], given: object, message: str
) -> None:
    with pytest.raises(TypeError, match=message):
        read(given)


def test_arguments_that_cannot_be_read_are_worth_another_try() -> None:
    error = unreadable_arguments("search", "acme")
    assert error.message == "the model called tool `search` with arguments that are no JSON object"
    assert error.is_retryable


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=6,
    )
)
def test_json_is_read_as_python_reads_it(value: object) -> None:
    """Also `NaN`, integers of any size, and half of a surrogate pair."""
    written = json.dumps(value)
    assert repr(read_json(written.encode())) == repr(json.loads(written))
    assert repr(read_json(written)) == repr(json.loads(written))


@pytest.mark.parametrize("content", [b"", b"{", b'"\xff"', b"[1,]", b"1e"])
def test_what_is_no_json_is_told(content: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        read_json(content)


def test_half_a_surrogate_pair_becomes_a_question_mark() -> None:
    half = "a\ud800b"
    assert utf8_text(half) == "a?b"
    assert utf8_text("ä😀") == "ä😀"
    assert encoded_json({"k": half}) == b'{"k":"a?b"}'
    assert plain_json({"k": (half,)}) == {"k": ["a?b"]}
