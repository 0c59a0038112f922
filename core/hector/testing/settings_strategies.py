"""Valid settings of any provider, for property-based tests."""

from __future__ import annotations

import re
import string
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import attrs
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from hector.config.node import node_of
from hector.config.shape import Reading, RecordShape, Shape, read_records, record_shape
from hector.config.shape.containers import FixedListShape, ListShape, MapShape, UnionShape
from hector.config.shape.numbers import NumberShape
from hector.config.shape.scalars import (
    AnyShape,
    BooleanShape,
    ChoiceShape,
    NullShape,
    PathShape,
    SecretShape,
    StringShape,
)
from hector.spi import Length
from hector.testing.alphabet import ENCODABLE

__all__ = ["SettingsSource", "settings_strategy"]

_LONGEST = 12  # entries and characters where the settings set no bound
_NAMES = string.ascii_letters + string.digits
_TEXT = st.characters(exclude_categories=("C", "Zl", "Zp"), exclude_characters="$")


def settings_strategy(
    settings: type[Any],
    *,
    keys: Mapping[str, SearchStrategy[Any] | None] | None = None,
    names: Mapping[str, Sequence[str]] | None = None,
) -> SearchStrategy[dict[str, Any]]:
    """Draw settings as a user writes them: what the config accepts under an entry of the provider.

    They are maps, lists and scalars, not instances of the class. Which keys there are, and of
    which type and within which bounds, follows from the annotations and the markers of
    `hector.spi`; what the class itself refuses (rules that concern several keys) is left out.
    Keys that are not supported yet do not occur. No string holds a `$`, which the config would
    take for an interpolation. Environment variables play no part.

    Args:
        settings: a settings class.
        keys: for keys of the class, what to draw instead; None leaves the key out. A key that is
            given a strategy is always there. Use it for what must exist: a folder, a server.
        names: kind of reference (such as `llm`) to the names that references may use. A reference
            of another kind is an empty list, or is left out.

    Raises:
        UsageError: the class cannot be a settings class.
    """
    shape = record_shape(settings)
    source = SettingsSource(names=names or {})
    return source.record(shape, keys or {}).filter(partial(_is_accepted, shape))


def _is_accepted(shape: RecordShape, settings: Mapping[str, Any]) -> bool:
    reading = Reading(folder=Path(), variables={})
    read_records(node_of(settings, reading.problems), "", (shape,), reading)
    return not reading.problems


@attrs.frozen(kw_only=True)
class SettingsSource:
    """Draws values for shapes.

    Attributes:
        names: see `settings_strategy`.
    """

    names: Mapping[str, Sequence[str]]

    def record(
        self, shape: RecordShape, keys: Mapping[str, SearchStrategy[Any] | None]
    ) -> SearchStrategy[dict[str, Any]]:
        """A map with every required key and some of the others."""
        required: dict[str, SearchStrategy[Any]] = {}
        optional: dict[str, SearchStrategy[Any]] = {}
        for key, field in shape.fields.items():
            if key in keys:
                given = keys[key]
                if given is not None:
                    required[key] = given
            elif field.not_yet is None and field.alias is None:
                value = self.value(field.shape)
                if not value.is_empty:
                    (required if field.is_required else optional)[key] = value
        return st.fixed_dictionaries(required, optional=optional)

    def value(self, shape: Shape) -> SearchStrategy[Any]:
        """A value that the shape takes; the empty strategy when there is none."""
        match shape:
            case NumberShape():
                return _numbers(shape)
            case StringShape():
                return self._strings(shape)
            case SecretShape():
                return _text(shape.length, st.sampled_from(_NAMES))
            case ChoiceShape():
                return st.sampled_from(shape.choices)
            case BooleanShape():
                return st.booleans()
            case NullShape():
                return st.none()
            case PathShape():
                segment = st.text(string.ascii_lowercase, min_size=1, max_size=8)
                return st.lists(segment, min_size=1, max_size=3).map("/".join)
            case AnyShape():
                return _json_values()
            case _:
                return self._compound(shape)

    def _compound(self, shape: Shape) -> SearchStrategy[Any]:
        match shape:
            case RecordShape():
                return self.record(shape, {})
            case UnionShape():
                return st.one_of(*map(self.value, shape.members))
            case ListShape():
                low, high = _bounds(shape.length)
                item = self.value(shape.item)
                if item.is_empty:
                    return st.just(list[Any]()) if not low else st.nothing()
                return st.lists(item, min_size=low, max_size=min(high, low + 4))
            case FixedListShape():
                return st.tuples(*map(self.value, shape.items)).map(list)
            case MapShape():
                low, high = _bounds(shape.length)
                key = st.text(string.ascii_letters + "_", min_size=1, max_size=_LONGEST)
                return st.dictionaries(
                    self._strings(shape.key) if shape.key is not None else key,
                    self.value(shape.item),
                    min_size=low,
                    max_size=min(high, low + 3),
                )
            case _:
                raise NotImplementedError(f"no strategy for {type(shape).__name__}")

    def _strings(self, shape: StringShape) -> SearchStrategy[str]:
        if shape.reference is not None:
            known = tuple(
                name
                for name in self.names.get(shape.reference.kind, ())
                if shape.reference.allows_member or "." not in name
            )
            return st.sampled_from(known) if known else st.nothing()
        if shape.pattern is None:
            return _text(shape.length, _TEXT)
        low, high = _bounds(shape.length)
        pattern = re.compile(shape.pattern.regex, re.ASCII)
        drawn = st.from_regex(pattern, fullmatch=True, alphabet=ENCODABLE)
        return drawn.filter(lambda text: low <= len(text) <= high and _is_plain(text))


def _is_plain(text: str) -> bool:
    return "$" not in text and text.isprintable()


def _bounds(length: Length | None) -> tuple[int, int]:
    if length is None:
        return 0, _LONGEST
    return length.minimum, (length.minimum + _LONGEST if length.maximum is None else length.maximum)


def _text(length: Length | None, alphabet: SearchStrategy[str]) -> SearchStrategy[str]:
    low, high = _bounds(length)
    return st.text(alphabet, min_size=low, max_size=min(high, low + _LONGEST))


def _numbers(shape: NumberShape) -> SearchStrategy[Any]:
    bounds = shape.range
    low = bounds.minimum if bounds is not None else None
    high = bounds.maximum if bounds is not None else None
    excludes_low = bounds is not None and bounds.is_minimum_exclusive
    if shape.is_integer:
        least = None if low is None else int(low) + excludes_low
        numbers: SearchStrategy[Any] = st.integers(least, None if high is None else int(high))
    else:
        numbers = st.floats(
            low, high, exclude_min=excludes_low, allow_nan=False, allow_infinity=False
        )
    if not shape.is_duration:
        return numbers
    least_s, most_s = max(1, int(low or 0) + excludes_low), 3600 if high is None else int(high)
    written = st.integers(least_s, max(least_s, min(most_s, 3600))).map("{}s".format)
    return st.one_of(numbers, written)


def _json_values() -> SearchStrategy[Any]:
    scalars = st.none() | st.booleans() | st.integers() | st.text(_TEXT, max_size=_LONGEST)
    keys = st.text(string.ascii_letters, min_size=1, max_size=8)
    return st.recursive(
        scalars,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
        max_leaves=6,
    )
