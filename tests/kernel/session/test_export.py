"""Sessions as JSON Lines: nothing is lost or changed on the way from one store to another."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hector.errors import SessionError, SessionNotFoundError
from hector.message import Actions, Event, JSONValue, TextPart, event_to_json
from hector.session import InMemorySessions, export_session, read_export
from hector.spi.session import ArtifactDraft, SessionKey, Sessions
from hector.testing.message_strategies import events as any_event

KEY = SessionKey("shop", "ada \u00e4", "s/1")
STATES = st.dictionaries(
    st.sampled_from(["a", "user:b", "app:c", "\u00e4"]),
    st.integers() | st.text() | st.lists(st.floats(allow_nan=False)) | st.booleans(),
)


async def lines_of(sessions: Sessions, key: SessionKey = KEY) -> list[str]:
    return [line async for line in export_session(sessions, key)]


async def restored(lines: Sequence[str | bytes]) -> InMemorySessions:
    sessions = InMemorySessions(clock=lambda: 99.0)
    for exported in read_export(lines):
        await sessions.restore(exported.session, artifacts=exported.artifacts)
    return sessions


async def a_session(*, events: int = 3, artifact: bytes = b"x") -> InMemorySessions:
    sessions = InMemorySessions(clock=lambda: 12.5)
    await sessions.create(KEY, state={"k": {"b": 1, "a": [None]}, "user:u": 1})
    said = [
        Event(id=f"e{n}", kind="message", invocation_id="i", author="a", parts=(TextPart(f"{n}"),))
        for n in range(events)
    ]
    await sessions.append(KEY, said, head=0)
    for version in (1, 2):
        await sessions.append(
            KEY,
            [
                Event(
                    id=f"a{version}",
                    kind="state",
                    invocation_id="i",
                    author="a",
                    actions=Actions(artifact_delta={"f": version}),
                )
            ],
            head=events + version - 1,
            artifacts=[
                ArtifactDraft(name="f", version=version, media_type="x/y", data=artifact * version)
            ],
        )
    return sessions


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=20)
@given(
    st.lists(any_event().filter(lambda event: event.kind != "delta"), max_size=2),
    STATES,
    st.lists(st.binary(max_size=20), max_size=3),
)
async def test_a_session_comes_back_as_it_was(
    events: list[Event], state: dict[str, JSONValue], versions: list[bytes]
) -> None:
    """Whatever is in it; and its export is the same to the last byte."""
    sessions = InMemorySessions(clock=iter(range(1000)).__next__)
    await sessions.create(KEY, state=state)
    plain = [attrs.evolve(it, id=f"e{n}", actions=None) for n, it in enumerate(events)]
    await sessions.append(KEY, plain, head=0)
    for version, data in enumerate(versions, 1):
        event = Event(
            id=f"a{version}",
            kind="state",
            invocation_id="i",
            author="a",
            actions=Actions(artifact_delta={"f": version}, state_delta={"n": version}),
        )
        draft = ArtifactDraft(name="f", version=version, media_type="x/y", data=data)
        await sessions.append(KEY, [event], head=len(plain) + version - 1, artifacts=[draft])
    lines = await lines_of(sessions)
    again = await restored(lines)
    before, after = await sessions.load(KEY), await again.load(KEY)

    assert await lines_of(again) == lines
    assert all(line.isascii() and "\n" not in line for line in lines)
    assert before is not None
    assert after is not None
    assert [*map(event_to_json, after.events)] == [*map(event_to_json, before.events)]
    assert attrs.evolve(after, events=[]) == attrs.evolve(before, events=[])
    for version, data in enumerate(versions, 1):
        assert (await again.load_artifact(KEY, "f", version=version)).data == data


async def test_long_sessions_and_large_files_come_in_lines_of_bounded_length() -> None:
    """Longer than a page, larger than a piece; bytes with line breaks are read as well."""
    sessions = await a_session(events=250, artifact=bytes(range(256)) * 2000)
    lines = await lines_of(sessions)
    pieces = [line for line in lines if json.loads(line)["type"] == "piece"]

    assert len(lines) == 1 + 252 + 2 + len(pieces) + 1
    assert len(pieces) == 3 + 6
    assert max(map(len, lines)) < 300_000
    assert await lines_of(await restored([f"{line}\r\n".encode() for line in lines])) == lines


async def test_what_is_appended_while_it_is_exported_is_left_out() -> None:
    sessions = await a_session(events=150)
    expected = await lines_of(sessions)
    lines = export_session(sessions, KEY)
    first = await anext(lines)
    late = Event(
        id="late",
        kind="state",
        invocation_id="i",
        author="a",
        actions=Actions(state_delta={"k": "late"}, artifact_delta={"f": 3}),
    )
    draft = ArtifactDraft(name="f", version=3, media_type="x/y", data=b"late")
    await sessions.append(KEY, [late], head=152, artifacts=[draft])

    assert [first, *[line async for line in lines]] == expected


async def test_a_session_that_is_deleted_meanwhile_has_no_end() -> None:
    sessions = await a_session(events=150)
    lines = export_session(sessions, KEY)
    taken = [await anext(lines) for _ in range(101)]
    await sessions.delete(KEY)
    with pytest.raises(SessionError, match="was deleted while it was exported"):
        await anext(lines)
    with pytest.raises(SessionError) as caught:
        await restored(taken)

    assert caught.value.message == "line 101 is the last, and session `s/1` has no end"


async def test_a_session_that_is_deleted_before_its_artifacts_were_read_has_no_end() -> None:
    sessions = await a_session()
    lines = export_session(sessions, KEY)
    taken = [await anext(lines) for _ in range(6)]
    await sessions.delete(KEY)
    with pytest.raises(SessionError, match="was deleted while it was exported"):
        await anext(lines)
    assert json.loads(taken[-1])["type"] == "event"


async def test_what_is_not_there_cannot_be_exported() -> None:
    with pytest.raises(SessionNotFoundError):
        await lines_of(InMemorySessions())


def changed(lines: list[str], number: int, **fields: Any) -> list[str]:
    data = {**json.loads(lines[number - 1]), **fields}
    return [*lines[: number - 1], json.dumps(data), *lines[number:]]


DAMAGES: list[tuple[Callable[[list[str]], list[str]], str]] = [
    (lambda it: ["{", *it], "line 1 is not JSON"),
    (lambda it: ["[" * 100_000, *it], "line 1 is not JSON"),
    (lambda it: ["[]", *it], "line 1 is not a JSON object"),
    (lambda it: it[1:], "line 1 does not begin a session"),
    (lambda it: ["", " ", *it[1:]], "line 3 does not begin a session"),
    (lambda it: it[:-1], "line 10 is the last, and session `s/1` has no end"),
    (lambda it: it + it[:1], "line 12 is the last, and session `s/1` has no end"),
    (
        lambda it: changed(it, 1, version=2),
        "line 1 has version 2 of the format, this Hector reads 1",
    ),
    (lambda it: changed(it, 1, head=math.inf), "line 1 cannot be read: OverflowError: "),
    (lambda it: changed(it, 1, user=7), "line 1 cannot be read: TypeError: 7 is no text"),
    (lambda it: changed(it, 1, state=7), "line 1 cannot be read: TypeError: `state` is no object"),
    (lambda it: changed(it, 2, event=7), "line 2 cannot be read: TypeError: `event` is no object"),
    (lambda it: changed(it, 2, event={"kind": "x"}), "line 2 cannot be read: "),
    (lambda it: changed(it, 2, type="x"), "line 2 is of type `x`, which does not belong there"),
    (lambda it: changed(it, 8, data="eA=?"), "line 8 cannot be read: Error: "),
    (lambda it: it[:7] + it[8:], "line 8 ends artifact `f` after 0 bytes, it has 1"),
    (
        lambda it: it[:2] + it[3:],
        "line 10 ends {'id': 's/1', 'events': 5, 'artifacts': 2}, there was",
    ),
]


@pytest.mark.parametrize(("damage", "problem"), DAMAGES)
async def test_a_damaged_file_is_refused_with_its_line(
    damage: Callable[[list[str]], list[str]], problem: str
) -> None:
    lines = await lines_of(await a_session())
    types = [json.loads(line)["type"] for line in lines]
    assert types == ["session", *["event"] * 5, *["artifact", "piece"] * 2, "end"]
    with pytest.raises(SessionError) as caught:
        await restored(damage(lines))

    assert caught.value.message.startswith(problem)
