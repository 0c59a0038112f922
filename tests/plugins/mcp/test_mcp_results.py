"""What becomes of the results of MCP tools."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcp_types import CallToolResult

from hector.message import DataPart, FilePart, TextPart
from hector_plugin_mcp.results import tool_output

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


def output(*content: dict[str, Any], max_length: int = 1000, **more: Any) -> Any:
    result = CallToolResult.model_validate({"content": list(content), **more}, by_name=False)
    return tool_output(result, max_length=max_length)


def text(value: str) -> dict[str, Any]:
    return {"type": "text", "text": value}


@pytest.mark.parametrize(
    ("block", "part"),
    [
        (text("hello"), TextPart("hello")),
        (
            {
                "type": "image",
                "data": base64.b64encode(b"pixels").decode(),
                "mimeType": "image/png",
            },
            FilePart(media_type="image/png", data=b"pixels"),
        ),
        (
            {"type": "audio", "data": base64.b64encode(b"sound").decode(), "mimeType": "audio/wav"},
            FilePart(media_type="audio/wav", data=b"sound"),
        ),
        (
            {"type": "image", "data": "no base64!", "mimeType": "image/png"},
            TextPart("[the server sent image/png that is not valid base64]"),
        ),
        (
            {"type": "resource_link", "uri": "box://a", "name": "a", "mimeType": "text/csv"},
            FilePart(media_type="text/csv", url="box://a", name="a"),
        ),
        (
            {"type": "resource_link", "uri": "box://a", "name": "a", "title": "The A"},
            FilePart(media_type="application/octet-stream", url="box://a", name="The A"),
        ),
        (
            {"type": "resource", "resource": {"uri": "box://a", "text": "body"}},
            TextPart("box://a:\nbody"),
        ),
        (
            {
                "type": "resource",
                "resource": {
                    "uri": "box://a",
                    "blob": base64.b64encode(b"zip").decode(),
                    "mimeType": "application/zip",
                },
            },
            FilePart(media_type="application/zip", data=b"zip", name="box://a"),
        ),
    ],
)
def test_every_kind_of_content_becomes_a_part(block: dict[str, Any], part: object) -> None:
    assert output(block).content == (part,)


@pytest.mark.parametrize("is_error", [True, False])
def test_an_error_stays_an_error(is_error: bool) -> None:
    assert output(text("x"), isError=is_error).is_error is is_error


def test_structured_content_comes_last() -> None:
    made = output(text("two found"), structuredContent={"a": 1, "b": 2})
    assert made.content == (TextPart("two found"), DataPart({"a": 1, "b": 2}))


@given(value=JSON.filter(lambda value: value is not None))
def test_text_that_only_repeats_the_data_is_left_out(value: Any) -> None:
    said = output(text(json.dumps(value, indent=2)), structuredContent=value, max_length=10**6)
    assert said.content == (DataPart(value),)


def test_data_that_only_wraps_the_text_is_left_out() -> None:
    made = output(text("a file\nof lines"), structuredContent={"content": "a file\nof lines"})
    assert made.content == (TextPart("a file\nof lines"),)


def test_true_does_not_repeat_one() -> None:
    made = output(text("[1]"), structuredContent={"result": [True]})
    assert made.content == (TextPart("[1]"), DataPart({"result": [True]}))


@given(texts=st.lists(st.text()), limit=st.integers(1, 60))
def test_a_model_never_gets_more_text_than_allowed_and_is_told(
    texts: list[str], limit: int
) -> None:
    made = output(*map(text, texts), max_length=limit).content
    whole = "".join(texts)
    if len(whole) <= limit:
        assert made == tuple(map(TextPart, texts))
    else:
        *kept, notice = [part.text for part in made]
        assert "".join(kept) == whole[:limit]
        assert notice == (
            f"[output cut: {len(whole) - limit} more characters were left out; "
            "ask for a smaller part of it]"
        )


def test_data_that_is_too_long_is_cut_as_text_and_files_stay() -> None:
    image = {"type": "image", "data": "AAAA", "mimeType": "image/png"}
    made = output(image, structuredContent={"key": "x" * 100}, max_length=10)
    assert made.content == (
        FilePart(media_type="image/png", data=b"\0\0\0"),
        TextPart('{"key": "x'),
        TextPart("[output cut: 101 more characters were left out; ask for a smaller part of it]"),
    )
