"""Reading JSON objects by the rules of ProtoJSON, naming the place of what does not fit."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import cast

from hector.message import JSONObject, JSONValue
from hector_server.wire.errors import InvalidParamsError

__all__ = ["Fields"]


class Fields:
    """The members of one JSON object.

    Unknown members are ignored and null means absent (A2A 1.0 section 5.7). Every reader raises
    `InvalidParamsError` with the path of the member when it has the wrong type.
    """

    def __init__(self, value: object, path: str = "params") -> None:
        if not isinstance(value, dict):
            raise InvalidParamsError(path, f"must be an object, not {_kind(value)}")
        self._members = cast("dict[str, JSONValue]", value)
        self.path = path

    def where(self, name: str) -> str:
        """The path of a member, such as `message.parts[0].raw`."""
        return name if self.path == "params" else f"{self.path}.{name}"

    def names(self) -> Collection[str]:
        """The names of the members that are there."""
        return self._members.keys()

    def value(self, name: str) -> JSONValue:
        """Any value, or None."""
        return self._members.get(name)

    def has(self, name: str) -> bool:
        """Whether the member is there, be it null."""
        return name in self._members

    def text(self, name: str, *, is_required: bool = False, max_length: int | None = None) -> str:
        """A string; empty when it is absent and not required."""
        value = self._members.get(name)
        if value is None:
            value = ""
        if not isinstance(value, str):
            raise InvalidParamsError(self.where(name), f"must be a string, not {_kind(value)}")
        if is_required and not value:
            raise InvalidParamsError(self.where(name), "is required")
        if max_length is not None and len(value) > max_length:
            raise InvalidParamsError(
                self.where(name), f"must be at most {max_length} characters long"
            )
        return value

    def flag(self, name: str) -> bool:
        """A boolean; false when absent."""
        value = self._members.get(name)
        if value is None:
            return False
        if not isinstance(value, bool):
            raise InvalidParamsError(self.where(name), f"must be a boolean, not {_kind(value)}")
        return value

    def integer(self, name: str, *, minimum: int, maximum: int = 2**31 - 1) -> int | None:
        """An integer within bounds, or None when absent."""
        value = self._members.get(name)
        if value is None:
            return None
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            raise InvalidParamsError(self.where(name), f"must be an integer, not {_kind(value)}")
        if not minimum <= value <= maximum:
            raise InvalidParamsError(
                self.where(name), f"must be between {minimum} and {maximum}, not {value}"
            )
        return value

    def record(self, name: str) -> Fields | None:
        """An object, or None when absent."""
        value = self._members.get(name)
        return None if value is None else Fields(value, self.where(name))

    def mapping(self, name: str) -> JSONObject | None:
        """A free-form object, or None when absent."""
        self.record(name)
        return cast("JSONObject | None", self._members.get(name))

    def records(self, name: str) -> Iterator[Fields]:
        """A list of objects; empty when absent."""
        for index, item in enumerate(self._list(name)):
            yield Fields(item, f"{self.where(name)}[{index}]")

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of strings; empty when absent."""
        values = self._list(name)
        for index, item in enumerate(values):
            if not isinstance(item, str):
                raise InvalidParamsError(
                    f"{self.where(name)}[{index}]", f"must be a string, not {_kind(item)}"
                )
        return tuple(str(item) for item in values)

    def _list(self, name: str) -> list[JSONValue]:
        value = self._members.get(name)
        if value is None:
            return []
        if not isinstance(value, list):
            raise InvalidParamsError(self.where(name), f"must be a list, not {_kind(value)}")
        return value


def _kind(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "a string"
        case list():
            return "a list"
        case _:
            return "an object"
