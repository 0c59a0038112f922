"""From the annotations of an attrs class to shapes."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping, MutableMapping, Sequence
from collections.abc import Set as AbstractSet
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, Union, cast, get_args, get_origin

import attrs

from hector.config.shape.containers import FixedListShape, ListShape, MapShape, UnionShape
from hector.config.shape.numbers import NumberShape
from hector.config.shape.record import Alias, Field, RecordShape, Resolved
from hector.config.shape.scalars import (
    AnyShape,
    BooleanShape,
    ChoiceShape,
    NullShape,
    PathShape,
    SecretShape,
    StringShape,
)
from hector.config.shape.shape import Shape
from hector.errors import UsageError
from hector.spi import (
    Advice,
    Doc,
    Duration,
    Env,
    Length,
    NotYet,
    Pattern,
    Range,
    Reference,
    Secret,
)

__all__ = ["record_shape"]

_SEQUENCES: dict[Any, Any] = {
    list: list,
    tuple: tuple,
    frozenset: frozenset,
    set: set,
    Sequence: tuple,
    AbstractSet: frozenset,
}
_MAPPINGS: tuple[Any, ...] = (dict, Mapping, MutableMapping)
_Marker = TypeVar("_Marker")


class _JSON:
    """Stands for `JSONValue` of `hector.message`, whose definition refers to itself."""


_RECURSIVE_NAMES = {"JSONValue": _JSON}
_SHAPES: dict[type[Any], RecordShape] = {}
_VALUE_MARKERS = (Range, Length, Pattern, Advice, Duration, Reference)


def record_shape(cls: type[Any]) -> RecordShape:
    """The shape of a frozen attrs class.

    Raises:
        UsageError: it is no attrs class, an annotation cannot be resolved, or its type or marker
            is not understood.
    """
    shape = _SHAPES.get(cls)
    if shape is None:
        shape = _SHAPES[cls] = _record(cls, ())
    return shape


def _record(cls: type[Any], outer: tuple[type[Any], ...]) -> RecordShape:
    name = f"{cls.__module__}.{cls.__qualname__}"
    if not attrs.has(cls):
        raise UsageError(
            f"the settings class `{name}` is not an attrs class", hint="put `@attrs.frozen` on it"
        )
    if cls in outer:
        raise UsageError(f"the settings class `{name}` contains itself")
    try:
        hints = typing.get_type_hints(cls, localns=_RECURSIVE_NAMES, include_extras=True)
    except (NameError, TypeError, AttributeError) as error:
        hint = "import what its annotations name at run time, not only for type checkers"
        raise UsageError(
            f"the annotations of `{name}` cannot be resolved: {error}", hint=hint
        ) from error
    fields: dict[str, Field] = {}
    for attribute in attrs.fields(cls):
        if not attribute.init or _is_resolved(hints[attribute.name]):
            continue
        key = attribute.alias or attribute.name
        try:
            fields[key] = _field(key, hints[attribute.name], attribute.default, (*outer, cls))
        except UsageError as error:
            raise UsageError(
                f"`{name}.{attribute.name}`: {error.message}", hint=error.hint
            ) from error
    return RecordShape(cls=cls, fields=fields)


def _field(key: str, annotation: Any, default: Any, outer: tuple[type[Any], ...]) -> Field:
    markers = _markers(annotation)
    doc = _find(markers, Doc)
    env = _find(markers, Env)
    not_yet = _find(markers, NotYet)
    return Field(
        key=key,
        shape=AnyShape() if not_yet is not None else _shape(annotation, (), outer),
        default=default,
        doc=doc.text if doc else "",
        env=env.names if env else (),
        not_yet=not_yet.reason if not_yet else None,
        alias=_find(markers, Alias),
        reference=_find(markers, Reference),
    )


def _markers(annotation: Any) -> tuple[Any, ...]:
    return tuple(annotation.__metadata__) if get_origin(annotation) is Annotated else ()


def _is_resolved(annotation: Any) -> bool:
    return _find(_markers(annotation), Resolved) is not None


def _find(markers: tuple[Any, ...], cls: type[_Marker]) -> _Marker | None:
    return next((marker for marker in markers if isinstance(marker, cls)), None)


def _shape(annotation: Any, inherited: tuple[Any, ...], outer: tuple[type[Any], ...]) -> Shape:
    """The shape of a type with the markers on it and those that an outer type hands down."""
    markers = inherited
    if get_origin(annotation) is Annotated:
        markers = (
            *(item for item in _markers(annotation) if isinstance(item, _VALUE_MARKERS)),
            *inherited,
        )
        annotation = annotation.__origin__
    while type(annotation).__name__ == "TypeAliasType":  # `type X = …`, from Python 3.12 on
        annotation = annotation.__value__
    scalar = _scalar(annotation, markers)
    return scalar if scalar is not None else _compound(annotation, markers, outer)


def _scalar(annotation: Any, markers: tuple[Any, ...]) -> Shape | None:
    length = _find(markers, Length)
    if annotation is str:
        _only(markers, "a string", Length, Pattern, Advice, Reference)
        return StringShape(
            pattern=_find(markers, Pattern),
            length=length,
            advice=_find(markers, Advice),
            reference=_find(markers, Reference),
        )
    if annotation is Secret:
        _only(markers, "a secret", Length)
        return SecretShape(length=length)
    if annotation in (int, float):
        _only(markers, "a number", Range, Duration)
        is_duration = _find(markers, Duration) is not None
        return NumberShape(
            is_integer=annotation is int, range=_find(markers, Range), is_duration=is_duration
        )
    if annotation is bool:
        _only(markers, "a boolean")
        return BooleanShape()
    if annotation is Path:
        _only(markers, "a path")
        return PathShape()
    if annotation in (Any, object, _JSON):
        return AnyShape()
    if annotation is type(None):
        return NullShape()
    return None


def _compound(annotation: Any, markers: tuple[Any, ...], outer: tuple[type[Any], ...]) -> Shape:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return ChoiceShape(choices=arguments, members=arguments)
    if origin in (Union, types.UnionType):
        return _union(arguments, markers, outer)
    if (origin or annotation) in _SEQUENCES:
        return _sequence(origin or annotation, arguments, markers, outer)
    if (origin or annotation) in _MAPPINGS:
        return _mapping(arguments, markers, outer)
    if isinstance(annotation, type):
        cls = cast("type[Any]", annotation)
        if issubclass(cls, Enum):
            return ChoiceShape.of_enum(cls)
        if attrs.has(cls):
            return _record(cls, outer)
    raise UsageError(f"the type `{annotation}` cannot stand in a config")


def _only(markers: tuple[Any, ...], what: str, *allowed: type[Any]) -> None:
    for marker in markers:
        if not isinstance(marker, allowed):
            raise UsageError(f"`{type(marker).__name__}` says nothing about {what}")


def _union(
    arguments: tuple[Any, ...], markers: tuple[Any, ...], outer: tuple[type[Any], ...]
) -> Shape:
    """Each marker goes to the members that understand it; at least one must."""
    if any(_JSON in get_args(argument) for argument in arguments):
        return AnyShape()
    members: list[Shape] = []
    unused = list(markers)
    for argument in arguments:
        bare = argument.__origin__ if get_origin(argument) is Annotated else argument
        fitting = tuple(marker for marker in markers if isinstance(marker, _understood_by(bare)))
        unused = [marker for marker in unused if marker not in fitting]
        members.append(_shape(argument, fitting, outer))
    if unused:
        raise UsageError(f"`{type(unused[0]).__name__}` says nothing about {arguments}")
    if sum(isinstance(member, RecordShape | MapShape) for member in members) > 1:
        raise UsageError(
            "a union may hold one map or attrs class, since nothing tells two of them apart"
        )
    order = sorted(members, key=lambda member: isinstance(member, NullShape), reverse=True)
    return UnionShape(members=tuple(order))


def _understood_by(annotation: Any) -> tuple[type[Any], ...]:
    kind = get_origin(annotation) or annotation
    if kind is str:
        return (Length, Pattern, Advice, Reference)
    if kind is Secret:
        return (Length,)
    if kind in (int, float):
        return (Range, Duration)
    if kind in _SEQUENCES:
        return _VALUE_MARKERS
    return (Length,) if kind in _MAPPINGS else ()


def _sequence(
    kind: Any, arguments: tuple[Any, ...], markers: tuple[Any, ...], outer: tuple[type[Any], ...]
) -> Shape:
    """`Length` bounds the list itself; every other marker speaks of its items."""
    handed_down = tuple(marker for marker in markers if not isinstance(marker, Length))
    if kind is tuple and arguments and arguments[-1] is not Ellipsis:
        return FixedListShape(items=tuple(_shape(item, handed_down, outer) for item in arguments))
    item = _shape(arguments[0], handed_down, outer) if arguments else AnyShape()
    return ListShape(item=item, make=_SEQUENCES[kind], length=_find(markers, Length))


def _mapping(
    arguments: tuple[Any, ...], markers: tuple[Any, ...], outer: tuple[type[Any], ...]
) -> Shape:
    _only(markers, "a map", Length)
    length = _find(markers, Length)
    if not arguments:
        return MapShape(item=AnyShape(), length=length)
    key = _shape(arguments[0], (), outer)
    if not isinstance(key, StringShape):
        raise UsageError(f"the keys of a map are strings, not `{arguments[0]}`")
    has_rule = key.pattern is not None or key.length is not None
    return MapShape(
        item=_shape(arguments[1], (), outer), key=key if has_rule else None, length=length
    )
