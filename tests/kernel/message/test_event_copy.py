"""The quick copy of an event has all that the slow one has."""

from __future__ import annotations

import attrs
from hypothesis import given
from hypothesis import strategies as st

from hector.message import Actions, Event
from hector.message.event_copy import numbered_copy
from hector.testing.message_strategies import events


@given(events(), st.integers(), st.sampled_from([None, Actions()]))
def test_a_copy_has_every_field_and_leaves_the_original_alone(
    event: Event, sequence: int, actions: Actions | None
) -> None:
    before = attrs.asdict(event, recurse=False)
    copy = numbered_copy(event, sequence=sequence, actions=actions)
    expected = attrs.evolve(event, sequence=sequence, actions=actions)
    for field in attrs.fields(Event):
        assert getattr(copy, field.name) is getattr(expected, field.name)
    assert attrs.asdict(event, recurse=False) == before
