"""State as a draft: a mapping whose changes wait for an event."""

from __future__ import annotations

from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hector.agent.state_draft import StateDraft
from hector.errors import StateError
from hector.message import JSONValue

KEYS = st.sampled_from(["a", "b", "app:a", "user:b", "temp:c"])
STATES = st.dictionaries(KEYS, st.integers())
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("set"), KEYS, st.integers() | st.none()),
        st.tuples(st.just("delete"), KEYS, st.none()),
        st.tuples(st.sampled_from(["store", "fail"]), st.just(""), st.none()),
    )
)


def apply(state: dict[str, JSONValue], delta: dict[str, JSONValue]) -> None:
    for key, value in delta.items():
        if value is None:
            state.pop(key, None)
        else:
            state[key] = value


@given(STATES, STEPS)
def test_a_draft_reads_like_a_dict_whatever_becomes_of_its_changes(
    begin: dict[str, int], steps: list[tuple[str, str, int | None]]
) -> None:
    """And what was taken by events that were stored, with what is left, makes that same dict."""
    stored: dict[str, JSONValue] = {**begin}
    model = dict(stored)
    draft = StateDraft(stored)
    for step, key, value in steps:
        if step == "set":
            draft[key] = value
            apply(model, {key: value})
        elif step == "delete":
            if key in model:
                del draft[key], model[key]
            else:
                with pytest.raises(KeyError):
                    del draft[key]
        else:
            taken = draft.take()
            assert dict(draft) == model
            if step == "store":
                apply(stored, taken)
            draft.settle(taken, is_stored=step == "store")
        assert (dict(draft), len(draft)) == (model, len(model))
        assert all((name in draft) == (name in model) for name in ("a", "user:b", "temp:c"))
    apply(stored, draft.take())
    assert stored == model


def test_what_is_read_is_a_copy_and_so_is_what_is_written() -> None:
    stored: dict[str, JSONValue] = {"list": [1]}
    draft = StateDraft(stored)
    cast("Any", draft["list"]).append(2)
    mine: list[JSONValue] = [3]
    draft["mine"] = mine
    mine.append(4)

    assert (stored, draft["list"], draft["mine"]) == ({"list": [1]}, [1], [3])


@pytest.mark.parametrize(
    ("key", "value", "problem"),
    [
        ("k", {1, 2}, "state `k` cannot be stored: a set is not JSON"),
        ("k", [b""], "state `k` cannot be stored: a bytes is not JSON"),
        (
            "k",
            {"x": float("nan")},
            "state `k` cannot be stored: Out of range float values are not JSON compliant",
        ),
        ("k", {1: 2}, "state `k` cannot be stored: the keys of an object must be strings"),
        ("user:", 1, "'user:' cannot be a key of the state"),
        (7, 1, "'7' cannot be a key of the state"),
    ],
)
def test_what_no_store_could_keep_is_refused_at_the_write(
    key: Any, value: Any, problem: str
) -> None:
    draft = StateDraft({})
    with pytest.raises(StateError) as caught:
        draft[key] = value

    assert caught.value.message.startswith(problem)
    assert not draft.has_changes


def test_a_write_after_the_call_is_refused() -> None:
    draft = StateDraft({"k": 1})
    draft.close()
    with pytest.raises(StateError) as caught:
        draft["k"] = 2
    with pytest.raises(StateError):
        del draft["k"]

    assert (
        caught.value.message == "state `k` was written after the call that it belongs to was over"
    )
    assert draft["k"] == 1
