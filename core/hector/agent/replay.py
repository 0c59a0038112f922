"""What an invocation had recorded before it was interrupted, to be taken step by step instead of doing it again."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable

from hector.errors import ReplayError
from hector.message import Event, ToolCall, ToolResult

__all__ = ["NOTHING_RECORDED", "Replay", "call_id_of"]

CALL_KINDS = frozenset({"tool_intent", "approval", "decision", "tool_result"})
_OUTSIDE = frozenset({"started", "finished"})


def call_id_of(event: Event) -> str | None:
    """The call that an event is about."""
    if event.decision is not None:
        return event.decision.call_id
    for part in event.parts:
        if isinstance(part, ToolCall):
            return part.id
        if isinstance(part, ToolResult):
            return part.call_id
    return None


class Replay:
    """The recorded steps by branch, oldest first: the steps of one branch follow one another.

    A branch whose steps are used up is live.
    """

    __slots__ = ("_lanes", "_positions")

    def __init__(self, events: Iterable[Event]) -> None:
        """Take the recorded events of one invocation, in order of `sequence`."""
        self._lanes: dict[str, deque[Event]] = {}
        self._positions: dict[str, int] = {}
        for event in events:
            if event.kind not in _OUTSIDE:
                self._lanes.setdefault(event.branch, deque()).append(event)

    def is_live(self, branch: str) -> bool:
        """Whether the next step on a branch is one that was never recorded."""
        return branch not in self._lanes

    def take(self, branch: str, *, kind: str, author: str) -> Event | None:
        """The next recorded event of a branch, which must be what is asked for; None: the branch is live.

        Raises:
            ReplayError: something else was recorded there.
        """
        lane = self._lanes.get(branch)
        if lane is None:
            return None
        event = lane[0]
        if event.kind != kind or event.author != author:
            raise ReplayError(
                author,
                f"would go on with `{kind}`, and has recorded `{event.kind}` by `{event.author}` "
                f"as event {event.sequence}",
                sequence=event.sequence or 0,
            )
        self._pass(branch, lane)
        return event

    def take_calls(
        self, branch: str, ids: Collection[str], *, author: str
    ) -> dict[str, list[Event]]:
        """What was recorded about the calls of one turn, by call id, each in order; those of a live branch: nothing.

        Raises:
            ReplayError: something else was recorded there.
        """
        found: dict[str, list[Event]] = {}
        lane = self._lanes.get(branch)
        while lane:
            event = lane[0]
            id = call_id_of(event)
            if event.kind not in CALL_KINDS or id is None or id not in ids:
                break
            found.setdefault(id, []).append(event)
            self._pass(branch, lane)
        if lane and not found:
            event = lane[0]
            raise ReplayError(
                author,
                f"would call tools, and has recorded `{event.kind}` by `{event.author}` as event {event.sequence}",
                sequence=event.sequence or 0,
            )
        return found

    def skip(self, branch: str, sequence: int) -> None:
        """Leave out what was recorded on a branch and below it up to a place of the log."""
        for place in [place for place in self._lanes if _is_within(place, branch)]:
            lane = self._lanes[place]
            while lane and (lane[0].sequence or 0) <= sequence:
                self._pass(place, lane)

    def position(self, branch: str) -> int | None:
        """Up to where the steps on a branch and below it were taken; None: all of them were."""
        below = [place for place in self._lanes if _is_within(place, branch)]
        if not below:
            return None
        places = [at for place, at in self._positions.items() if _is_within(place, branch)]
        return max(places, default=0)

    def _pass(self, branch: str, lane: deque[Event]) -> None:
        self._positions[branch] = lane.popleft().sequence or 0
        if not lane:
            del self._lanes[branch]


def _is_within(place: str, branch: str) -> bool:
    return not branch or place == branch or place.startswith(f"{branch}/")


NOTHING_RECORDED = Replay(())
"""Of every invocation that was never interrupted; stays empty."""
