"""State as tools and agents write it: a view of the session's with changes that are not committed yet."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, MutableMapping

from hector.errors import StateError
from hector.message import JSONValue
from hector.spi.session_state import (
    TEMPORARY_PREFIX,
    check_state_key,
    copy_json,
    state_value_error,
)

__all__ = ["StateDraft"]


class StateDraft(MutableMapping[str, JSONValue]):
    """Reads see what was written here, then what lies under it; writes stay here until they are taken.

    What is read is a copy: changing a list that was read changes nothing until it is set again. Setting None deletes.
    It may be used from the thread in which a tool runs.
    """

    __slots__ = ("_is_closed", "_new", "_taken", "_under")

    def __init__(self, under: Mapping[str, JSONValue]) -> None:
        """Begin without changes.

        Args:
            under: what reads see through; not copied, so that they see what is committed meanwhile.
        """
        self._under = under
        self._new: dict[str, JSONValue] = {}
        self._taken: dict[str, JSONValue] = {}
        self._is_closed = False

    def __getitem__(self, key: str) -> JSONValue:
        for changes in (self._new, self._taken):
            if key in changes:
                value = changes[key]
                if value is None:
                    raise KeyError(key)
                break
        else:
            value = self._under[key]
        return copy_json(value) if isinstance(value, dict | list) else value

    def __setitem__(self, key: str, value: JSONValue) -> None:
        self._require_open(key)
        check_state_key(key)
        self._new[key] = _checked(key, value)

    def __delitem__(self, key: str) -> None:
        self._require_open(key)
        if key not in self:
            raise KeyError(key)
        self._new[key] = None

    def __contains__(self, key: object) -> bool:
        for changes in (self._new, self._taken):
            if key in changes:
                return changes[str(key)] is not None
        return key in self._under

    def __iter__(self) -> Iterator[str]:
        # Lists at once: the event loop may write under a thread that goes through them.
        keys = dict.fromkeys([*list(self._under), *list(self._taken), *list(self._new)])
        return iter([key for key in keys if key in self])

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({dict(self)!r})"

    # ------------------------------------------------------------------------ for who records

    @property
    def has_changes(self) -> bool:
        """Whether there is anything that no event has taken."""
        return bool(self._new)

    def take(self) -> dict[str, JSONValue]:
        """The changes, for an event; reads go on to see them."""
        taken, self._new = self._new, {}
        self._taken.update(taken)
        return taken

    def temporary(self) -> dict[str, JSONValue]:
        """The changes of `temp:` keys, which no store keeps."""
        return {key: it for key, it in self._new.items() if key.startswith(TEMPORARY_PREFIX)}

    def settle(self, taken: Mapping[str, JSONValue], *, is_stored: bool) -> None:
        """Say how the event went: what it stored lies under now, what it did not waits for the next event."""
        for key, value in taken.items():
            if key in self._taken and self._taken[key] is value:
                del self._taken[key]
            if not is_stored:
                self._new.setdefault(key, value)

    def drop(self) -> None:
        """Forget the changes."""
        self._new, self._taken = {}, {}

    def close(self) -> None:
        """Refuse writes from now on."""
        self._is_closed = True

    def _require_open(self, key: str) -> None:
        if self._is_closed:
            raise StateError(
                f"state `{str(key)[:80]}` was written after the call that it belongs to was over",
                hint="write state before the tool returns; a function that goes on in a thread is too late",
            )


def _checked(key: str, value: JSONValue) -> JSONValue:
    try:
        copy = copy_json(value)
        json.dumps(copy, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise state_value_error(key, error) from error
    return copy
