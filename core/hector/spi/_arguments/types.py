"""From a Python type to its shape."""

from __future__ import annotations

import collections.abc
import types
import typing
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, Literal, Union, cast

import attrs

from hector.errors import UsageError
from hector.message import JSONObject, JSONValue
from hector.spi._arguments.bounds import BoundedShape
from hector.spi._arguments.objects import Field, ObjectShape
from hector.spi._arguments.results import to_json
from hector.spi._arguments.shapes import (
    AnyShape,
    ArrayShape,
    ChoiceShape,
    MapShape,
    ScalarShape,
    Schema,
    Shape,
    TupleShape,
    UnionShape,
)
from hector.spi.settings import Doc, Duration, Env, Length, NotYet, Pattern, Range, Reference

__all__ = ["ShapeBuilder", "fields_of", "type_hints"]

_SCALARS: dict[Any, Shape] = {
    str: ScalarShape("string", "a string"),
    bool: ScalarShape("boolean", "true or false"),
    int: ScalarShape("integer", "an integer"),
    float: ScalarShape("number", "a number"),
    None: ScalarShape("null", "null"),
    type(None): ScalarShape("null", "null"),
}
_ARRAYS: dict[Any, Callable[[list[Any]], Any]] = {
    list: list,
    collections.abc.Sequence: list,
    collections.abc.Iterable: list,
    collections.abc.Collection: list,
    set: set,
    frozenset: frozenset,
    collections.abc.Set: frozenset,
}
# A part of the recursive alias, when it stands in a union with something else.
_JSON_VALUE = ("JSONValue", typing.ForwardRef("JSONValue"))
_MAPS = frozenset({dict, collections.abc.Mapping, collections.abc.MutableMapping})
_SUPPORTED = (
    "str, int, float, bool, None, Literal, Enum, list, tuple, set, dict with str keys, "
    "Optional and unions, TypedDict, dataclasses and attrs classes"
)


@attrs.frozen(kw_only=True)
class _Item:
    """One key of a class: its type and its default as JSON, or `attrs.NOTHING`."""

    key: str
    hint: Any
    is_required: bool
    default: Any = attrs.field(factory=lambda: attrs.NOTHING)


class ShapeBuilder:
    """Builds the shapes of one tool; a class that holds itself becomes a definition.

    Attributes:
        definitions: the classes that are referred to, by their name under `$defs`.
    """

    def __init__(self) -> None:
        self.definitions: dict[str, ObjectShape] = {}
        self._open: dict[Any, ObjectShape] = {}
        self._built: dict[Any, ObjectShape] = {}

    def build(self, hint: Any, where: str) -> Shape:
        """The shape of a type; `where` is named when the type is not supported.

        Raises:
            UsageError: no JSON value can be read into this type.
        """
        if hint is Any or hint is object or hint == JSONValue or hint in _JSON_VALUE:
            return AnyShape()
        if hint == JSONObject:
            return MapShape(AnyShape())
        if hint in _SCALARS:
            return _SCALARS[hint]
        if hasattr(hint, "__supertype__"):
            return self.build(hint.__supertype__, where)
        if isinstance(hint, type) and not isinstance(hint, types.GenericAlias):
            return self._class(hint, where)
        if (alias := getattr(hint, "__value__", None)) is not None:  # `type X = …`, Python 3.12
            return self.build(alias, where)
        return self._generic(hint, where)

    def _class(self, hint: type[Any], where: str) -> Shape:
        if issubclass(hint, Enum):
            return ChoiceShape(tuple((_wire(member), member) for member in hint))
        if hint is tuple:
            return ArrayShape(AnyShape(), tuple)
        if hint in _ARRAYS:
            return self._array(hint, AnyShape(), where)
        if hint in _MAPS:
            return MapShape(AnyShape())
        if typing.is_typeddict(hint) or attrs.has(hint) or hasattr(hint, "__dataclass_fields__"):
            return self._object(hint, where)
        raise _unsupported(hint, where)

    def _generic(self, hint: Any, where: str) -> Shape:
        origin, arguments = typing.get_origin(hint), typing.get_args(hint)
        if origin is typing.Annotated:
            return self._annotated(arguments[0], arguments[1:], where)
        if origin is Literal:
            return ChoiceShape(tuple((_wire(value), value) for value in arguments))
        if origin is Union or origin is types.UnionType:
            return UnionShape(tuple(self.build(option, where) for option in arguments))
        if origin is tuple:
            if len(arguments) == 2 and arguments[1] is Ellipsis:
                return ArrayShape(self.build(arguments[0], where), tuple)
            return TupleShape(tuple(self.build(item, where) for item in arguments))
        if origin in _ARRAYS:
            return self._array(origin, self.build(arguments[0], where), where)
        if origin in _MAPS:
            if arguments[0] is not str:
                raise UsageError(
                    f"{where}: the keys of a JSON object are strings, not `{_name(arguments[0])}`"
                )
            return MapShape(self.build(arguments[1], where))
        raise _unsupported(hint, where)

    def _array(self, origin: Any, item: Shape, where: str) -> Shape:
        make = _ARRAYS[origin]
        if make is not list and item.kinds & {"array", "object"}:
            raise UsageError(f"{where}: the items of a set must be scalars", hint="Use a list.")
        return ArrayShape(item, make)

    def _annotated(self, hint: Any, markers: tuple[Any, ...], where: str) -> Shape:
        for marker in markers:
            if isinstance(marker, Env | Reference | NotYet | Duration):
                raise UsageError(
                    f"{where}: `{type(marker).__name__}` is for settings, not for arguments"
                )
        bounds = tuple(marker for marker in markers if isinstance(marker, Range | Length | Pattern))
        texts = [marker.text for marker in markers if isinstance(marker, Doc)]
        shape = self.build(hint, where)
        return BoundedShape(shape, bounds, " ".join(texts)) if bounds or texts else shape

    def _object(self, cls: type[Any], where: str) -> Shape:
        if cls in self._open:
            self._define(cls, self._open[cls])
            return self._open[cls]
        if cls in self._built:
            return self._built[cls]
        shape = ObjectShape(cls.__name__, _maker(cls))
        self._open[cls] = shape
        try:
            shape.fields = fields_of(self, _items_of(cls, where), where)
        finally:
            del self._open[cls]
        self._built[cls] = shape
        return shape

    def _define(self, cls: type[Any], shape: ObjectShape) -> None:
        if shape.reference:
            return
        name = next(
            name
            for number in range(1, len(self.definitions) + 2)
            if (name := cls.__name__ + (str(number) if number > 1 else "")) not in self.definitions
        )
        self.definitions[name] = shape
        shape.reference = f"#/$defs/{name}"

    def definition_schemas(self) -> Schema:
        """`$defs` and its content; nothing when no class holds itself."""
        if not self.definitions:
            return {}
        return {"$defs": {name: shape.definition for name, shape in self.definitions.items()}}


def fields_of(builder: ShapeBuilder, items: list[_Item], where: str) -> tuple[Field, ...]:
    """The fields of a class."""
    return tuple(
        Field(
            key=item.key,
            shape=builder.build(item.hint, f"{where}.{item.key}"),
            is_required=item.is_required,
            default=item.default,
        )
        for item in items
    )


def type_hints(owner: Any, where: str) -> dict[str, Any]:
    """The annotations of a function or class, resolved, markers included.

    Raises:
        UsageError: one of them names something that cannot be looked up at run time.
    """
    try:
        return typing.get_type_hints(owner, include_extras=True)
    except NameError as error:
        raise UsageError(
            f"{where}: the annotation `{error.name}` cannot be looked up",
            hint="Import it at run time, not only under `TYPE_CHECKING`, at the top of the module.",
        ) from error


def _items_of(cls: type[Any], where: str) -> list[_Item]:
    hints = type_hints(cls, f"{where} ({cls.__name__})")
    if typing.is_typeddict(cls):
        return [_typed_dict_item(cls, key, hint) for key, hint in hints.items()]
    if attrs.has(cls):
        return [
            _Item(
                key=field.alias,
                hint=hints.get(field.name, Any),
                is_required=field.default is attrs.NOTHING,
                default=_shown_default(field.default),
            )
            for field in attrs.fields(cls)
            if field.init
        ]
    return [
        _dataclass_item(field, hints)
        for field in vars(cls)["__dataclass_fields__"].values()
        if field.init
    ]


def _dataclass_item(field: Any, hints: Mapping[str, Any]) -> _Item:
    import dataclasses

    has_default = field.default is not dataclasses.MISSING
    is_required = not has_default and field.default_factory is dataclasses.MISSING
    default = _shown_default(field.default) if has_default else attrs.NOTHING
    return _Item(key=field.name, hint=hints[field.name], is_required=is_required, default=default)


def _typed_dict_item(cls: Any, key: str, hint: Any) -> _Item:
    # With postponed annotations `__required_keys__` overlooks the markers, so they are read here.
    origin = typing.get_origin(hint)
    if origin in (typing.Required, typing.NotRequired):
        return _Item(key=key, hint=typing.get_args(hint)[0], is_required=origin is typing.Required)
    return _Item(key=key, hint=hint, is_required=key in cls.__required_keys__)


def _maker(cls: type[Any]) -> Callable[[dict[str, Any]], Any]:
    if typing.is_typeddict(cls):
        return dict
    return lambda fields: cls(**fields)


def _shown_default(default: Any) -> Any:
    """The default as JSON, or `attrs.NOTHING` when it is made afresh or is not JSON."""
    if default is attrs.NOTHING or isinstance(default, cast("type[Any]", attrs.Factory)):
        return attrs.NOTHING
    try:
        return to_json(default)
    except TypeError:
        return attrs.NOTHING


def _wire(value: Any) -> JSONValue:
    """How a choice is written: an enum's member by its value if a scalar, else by its name."""
    if isinstance(value, Enum):
        return value.value if isinstance(value.value, str | int | float) else value.name
    if value is None or isinstance(value, str | int | bool):
        return value
    raise UsageError(f"the choice {value!r} cannot be written in JSON")


def _name(hint: Any) -> str:
    return hint.__qualname__ if isinstance(hint, type) else str(hint)


def _unsupported(hint: Any, where: str) -> UsageError:
    return UsageError(
        f"{where}: no JSON value can be read into `{_name(hint)}`",
        hint=f"Supported are {_SUPPORTED}.",
    )
