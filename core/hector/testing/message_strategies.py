"""Hypothesis strategies for messages, parts and events: every shape, nasty text included.

Each is made once: Hypothesis has to look through a strategy before it can draw from it, which takes many times as long
as to draw a value.
"""

from __future__ import annotations

from functools import cache
from typing import get_args

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from hector.message import (
    Actions,
    Approval,
    ApprovalReason,
    Choice,
    DataPart,
    Decision,
    Event,
    EventKind,
    Failure,
    FilePart,
    FinishReason,
    JSONObject,
    JSONValue,
    Message,
    Outcome,
    Part,
    Role,
    TextPart,
    ThinkingPart,
    ToolCall,
    ToolResult,
    Usage,
)

__all__ = ["events", "json_objects", "json_values", "messages", "parts", "texts"]


@cache
def texts(*, min_size: int = 0) -> SearchStrategy[str]:
    """Any text, NUL and lone surrogates included; but no pair of them, which JSON makes one of."""
    alphabet = st.characters() | st.sampled_from("\0\ud800\udfff\u2028\"\\'{[")
    return st.text(alphabet, min_size=min_size, max_size=12).map(_join_pairs)


def _join_pairs(text: str) -> str:
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")


@cache
def json_values() -> SearchStrategy[JSONValue]:
    """Any JSON value, a few levels deep. No NaN, which is unequal to itself."""
    scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts()
    return st.recursive(
        scalars,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts(), inner, max_size=3),
        max_leaves=6,
    )


@cache
def json_objects() -> SearchStrategy[JSONObject]:
    """Any JSON object."""
    return st.dictionaries(texts(), json_values(), max_size=3)


@cache
def _file_parts() -> SearchStrategy[FilePart]:
    names = st.none() | texts()
    by_value = st.builds(FilePart, media_type=texts(), data=st.binary(max_size=20), name=names)
    return by_value | st.builds(FilePart, media_type=texts(), url=texts(), name=names)


@cache
def parts() -> SearchStrategy[Part]:
    """Any part."""
    provider_data = st.none() | json_objects()
    text = st.builds(TextPart, texts(), provider_data)
    data = st.builds(DataPart, json_values())
    content = st.lists(text | data | _file_parts(), max_size=2).map(tuple)
    return st.one_of(
        text,
        data,
        _file_parts(),
        st.builds(ThinkingPart, text=texts(), provider_data=provider_data),
        st.builds(
            ToolCall,
            id=texts(),
            name=texts(),
            arguments=json_objects(),
            provider_data=provider_data,
        ),
        st.builds(
            ToolResult, call_id=texts(), name=texts(), content=content, is_error=st.booleans()
        ),
    )


@cache
def messages() -> SearchStrategy[Message]:
    """Any message; the parts need not suit the role."""
    return st.builds(
        Message, st.sampled_from(get_args(Role)), st.lists(parts(), max_size=3).map(tuple)
    )


_APPROVALS = st.builds(
    Approval,
    reason=st.sampled_from(get_args(ApprovalReason)),
    prompt=texts(),
    call_hash=texts(),
    expires_at=st.none() | st.floats(0, 1e12),
)


@cache
def _decisions() -> SearchStrategy[Decision]:
    return st.builds(
        Decision,
        call_id=texts(),
        call_hash=texts(),
        choice=st.sampled_from(get_args(Choice)),
        reason=texts(),
        arguments=st.none() | json_objects(),
        by=texts(),
    )


@cache
def events() -> SearchStrategy[Event]:
    """Any event of any kind; the fields need not suit the kind."""
    counts = st.integers(min_value=0, max_value=2**40)
    return st.builds(
        Event,
        id=texts(),
        kind=st.sampled_from(get_args(EventKind)),
        invocation_id=texts(),
        author=texts(),
        parts=st.lists(parts(), max_size=3).map(tuple),
        branch=texts(),
        sequence=st.none() | counts,
        timestamp=st.floats(allow_nan=False, allow_infinity=False),
        generation=counts,
        usage=st.none()
        | st.builds(
            Usage,
            input_tokens=counts,
            output_tokens=counts,
            cached_input_tokens=counts,
            cache_write_tokens=counts,
            reasoning_tokens=counts,
        ),
        finish_reason=st.none() | st.sampled_from(get_args(FinishReason)),
        model=st.none() | texts(),
        actions=st.none()
        | st.builds(
            Actions,
            state_delta=json_objects(),
            artifact_delta=st.dictionaries(texts(), counts, max_size=2),
            transfer_to=st.none() | texts(),
            escalate=st.booleans(),
            end=st.booleans(),
        ),
        idempotency_key=st.none() | texts(),
        approval=st.none() | _APPROVALS,
        decision=st.none() | _decisions(),
        outcome=st.none() | st.sampled_from(get_args(Outcome)),
        failure=st.none()
        | st.builds(
            Failure,
            code=texts(),
            message=texts(),
            hint=st.none() | texts(),
            is_retryable=st.booleans(),
        ),
        metadata=st.none() | json_objects(),
        is_restart=st.booleans(),
    )
