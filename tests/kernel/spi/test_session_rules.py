"""What every session store does to events before it keeps them."""

from __future__ import annotations

import attrs
from hypothesis import given

from hector.message import Event
from hector.spi.session_rules import numbered
from hector.testing.message_strategies import events


@given(events())
def test_numbering_an_event_changes_its_number_and_nothing_else(event: Event) -> None:
    """Every field: the copy is written out by hand."""
    kept = attrs.evolve(event, kind="message", actions=None)
    expected = attrs.asdict(attrs.evolve(kept, sequence=7), recurse=False)
    assert attrs.asdict(numbered(kept, 7), recurse=False) == expected
