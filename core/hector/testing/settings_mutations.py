"""Settings with exactly one thing wrong, and what the config must say about it."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import attrs
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from hector.config.node import child_path
from hector.config.shape import RecordShape, Shape, record_shape
from hector.config.shape.containers import FixedListShape, ListShape, MapShape, UnionShape
from hector.config.shape.numbers import NumberShape
from hector.config.shape.scalars import (
    ChoiceShape,
    PathShape,
    SecretShape,
    StringShape,
)
from hector.spi import Length

__all__ = ["Mutation", "mutations"]

_STRAY_KEY = "no_such_key"
_WRONG: tuple[Any, ...] = (None, True, 7, 1.5, "words", [], {}, [[]], {"a": {}})
_STRINGS = ("", " ", "!", "a b", "no such word", "ä\t", "x" * 70)

Step = str | int
"""A key of a map or a position in a list."""


@attrs.frozen(kw_only=True)
class Mutation:
    """One change that makes valid settings invalid.

    Attributes:
        settings: the changed settings, as a user writes them.
        code: what the config must report: H102 unknown key, H103 wrong type, H104 out of range or
            not allowed, H105 missing key, H110 not supported yet.
        path: where, below the entry, such as `thinking.budget_tokens` or `tools[0]`.
        steps: the same as keys and positions.
    """

    settings: dict[str, Any]
    code: Literal["H102", "H103", "H104", "H105", "H110"]
    path: str
    steps: tuple[Step, ...]


@attrs.frozen
class _Change:
    """Put `value` at `steps`, or take away what is there."""

    steps: tuple[Step, ...]
    code: Literal["H102", "H103", "H104", "H105", "H110"]
    value: Any = None
    is_removal: bool = False

    def applied_to(self, settings: Mapping[str, Any]) -> Mutation:
        changed: dict[str, Any] = copy.deepcopy(dict(settings))
        owner: Any = changed
        for step in self.steps[:-1]:
            owner = owner[step]
        if self.is_removal:
            del owner[self.steps[-1]]
        else:
            owner[self.steps[-1]] = copy.deepcopy(self.value)
        path = ""
        for step in self.steps:
            path = f"{path}[{step}]" if isinstance(step, int) else child_path(path, step)
        return Mutation(settings=changed, code=self.code, path=path, steps=self.steps)


def mutations(
    settings: type[Any], valid: SearchStrategy[dict[str, Any]]
) -> SearchStrategy[Mutation]:
    """Draw settings that are wrong in one place: unknown key, wrong type, out of range, missing.

    The place may be any key that is there, at any depth, or any key that could be.

    Args:
        settings: a settings class.
        valid: draws valid settings of it, as `settings_strategy` does.

    Raises:
        UsageError: the class cannot be a settings class.
    """
    shape = record_shape(settings)

    def broken(drawn: dict[str, Any]) -> SearchStrategy[Mutation]:
        changes = list(_changes(shape, drawn, ()))
        codes = sorted({change.code for change in changes})

        def of_code(code: str) -> SearchStrategy[Mutation]:
            found = [change for change in changes if change.code == code]
            return st.sampled_from(found).map(lambda change: change.applied_to(drawn))

        return st.sampled_from(codes).flatmap(of_code)  # each code as often as the others

    return valid.flatmap(broken)


def _changes(shape: Shape, value: Any, steps: tuple[Step, ...]) -> Iterator[_Change]:
    """Everything that can be wrong at a value and below it."""
    if isinstance(shape, UnionShape):
        shape = next(member for member in shape.members if member.accepts(value))
    if isinstance(shape, RecordShape):
        yield from _changes_of_record(shape, value, steps)
        return
    for below, step, item in _items(shape, value):
        yield from _wrong_values(below, (*steps, step))
        yield from _changes(below, item, (*steps, step))


def _items(shape: Shape, value: Any) -> Iterator[tuple[Shape, Step, Any]]:
    match shape:
        case ListShape():
            for index, item in enumerate(value):
                yield shape.item, index, item
        case FixedListShape():
            for index, item in enumerate(value):
                yield shape.items[index], index, item
        case MapShape():
            for key, item in value.items():
                yield shape.item, key, item
        case _:
            return


def _changes_of_record(
    shape: RecordShape, value: Mapping[str, Any], steps: tuple[Step, ...]
) -> Iterator[_Change]:
    yield _Change((*steps, _STRAY_KEY), "H102", 1)
    for key, field in shape.fields.items():
        place = (*steps, key)
        if field.not_yet is not None:
            yield _Change(place, "H110", 1)
            continue
        if field.alias is not None:
            continue
        yield from _wrong_values(field.shape, place)
        if key in value:
            if field.is_required:
                yield _Change(place, "H105", is_removal=True)
            yield from _changes(field.shape, value[key], place)


def _wrong_values(shape: Shape, place: tuple[Step, ...]) -> Iterator[_Change]:
    for value in _WRONG:
        if not shape.accepts(value):
            yield _Change(place, "H103", value)
    for value in _out_of_range(shape):
        yield _Change(place, "H104", value)


def _out_of_range(shape: Shape) -> Iterator[Any]:
    """Values of the right type that the shape refuses."""
    match shape:
        case UnionShape():
            yield from _out_of_every_range(shape)
        case NumberShape():
            yield from _numbers_out_of_range(shape)
        case StringShape():
            yield from _bad_strings(shape)
        case SecretShape():
            yield from _bad_lengths(shape.length)
        case ChoiceShape() if any(isinstance(choice, str) for choice in shape.choices):
            yield from (text for text in _STRINGS if text not in shape.choices)
        case PathShape():
            yield ""
        case ListShape(length=Length(minimum=low)) if low:
            yield list[Any]()
        case MapShape(length=Length(minimum=low)) if low:
            yield dict[str, Any]()
        case _:
            return


def _out_of_every_range(shape: UnionShape) -> Iterator[Any]:
    """What one member refuses and no other takes."""
    for member in shape.members:
        others = [other for other in shape.members if other is not member]
        for value in _out_of_range(member):
            if not any(other.accepts(value) for other in others):
                yield value


def _numbers_out_of_range(shape: NumberShape) -> Iterator[Any]:
    if not shape.is_integer:
        yield float("inf")
    bounds = shape.range
    if bounds is None:
        return
    if bounds.minimum is not None:
        low = int(bounds.minimum)
        yield low if bounds.is_minimum_exclusive and low == bounds.minimum else low - 1
        yield low - 1000
        if shape.is_duration and bounds.is_minimum_exclusive and low == 0:
            yield "0s"
    if bounds.maximum is not None:
        high = int(bounds.maximum)
        yield high + 1
        if shape.is_duration:
            yield f"{high + 1}s"


def _bad_strings(shape: StringShape) -> Iterator[str]:
    if shape.reference is not None:
        return  # a name that nothing has is H108, whose place the config knows
    if shape.pattern is not None:
        regex = re.compile(shape.pattern.regex)
        yield from (text for text in _STRINGS if not regex.fullmatch(text))
        return
    yield from _bad_lengths(shape.length)


def _bad_lengths(length: Length | None) -> Iterator[str]:
    if length is None:
        return
    if length.minimum:
        yield "x" * (length.minimum - 1)
    if length.maximum is not None:
        yield "x" * (length.maximum + 1)
