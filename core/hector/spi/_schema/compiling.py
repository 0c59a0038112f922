"""From a schema to its check; references lead to places inside of it only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import unquote

from hector.spi._arguments.shapes import is_array, is_object, shown
from hector.spi._schema.judging import Check, Judging, SchemaMistakeError
from hector.spi._schema.parts import PART_KEYWORDS
from hector.spi._schema.values import VALUE_KEYWORDS

__all__ = ["compiled"]

_OLD = ("draft-03", "draft-04", "draft-06", "draft-07")
"""Drafts in which nothing beside a reference counts."""


def compiled(schema: Any) -> Check:
    """The check of a schema of draft 2020-12, or of what earlier drafts have in common with it.

    Keywords that are not known judge nothing; `format` is one of them, and `unevaluatedProperties` and
    `unevaluatedItems` are.

    Raises:
        SchemaMistakeError: it is no schema; the text says where and why.
    """
    return _Compiler(schema).whole()


class _Compiler:
    def __init__(self, schema: Any) -> None:
        self._root = schema
        stated = schema.get("$schema") if is_object(schema) else None
        self._is_old = isinstance(stated, str) and any(word in stated for word in _OLD)
        self._made: dict[int, Check] = {}
        self._wanted: list[tuple[Any, str]] = []

    def whole(self) -> Check:
        check = self.compile(self._root, "")
        while self._wanted:  # what is referred to, and what that refers to
            target, reference = self._wanted.pop()
            if id(target) not in self._made:
                self._made[id(target)] = self.compile(target, reference)
        return check

    def compile(self, schema: Any, where: str) -> Check:
        if isinstance(schema, bool):
            return _anything if schema else _nothing
        if not is_object(schema):
            place = f"`{where}` is" if where else "it is"
            raise SchemaMistakeError(f"{place} {shown(schema)}, and not a map")
        if "$dynamicRef" in schema:
            raise SchemaMistakeError("`$dynamicRef` is not understood")
        checks = [self._reference(schema["$ref"])] if "$ref" in schema else []
        if not (checks and self._is_old):
            checks += self._checks(schema, where)
        return _all(checks)

    def _checks(self, keywords: Mapping[str, Any], where: str) -> list[Check]:
        def compile(schema: Any, step: str) -> Check:
            return self.compile(schema, f"{where}.{step}" if where else step)

        made: list[Check] = []
        try:
            for word, given in keywords.items():
                if word in VALUE_KEYWORDS:
                    made.append(VALUE_KEYWORDS[word](given, keywords))
                elif word in PART_KEYWORDS:
                    made.append(PART_KEYWORDS[word](given, keywords, compile))
        except SchemaMistakeError as error:
            if where and not str(error).startswith(("at ", "it refers", f"`{where}")):
                raise SchemaMistakeError(f"at `{where}`: {error}") from error
            raise
        return made

    def _reference(self, reference: Any) -> Check:
        if not isinstance(reference, str):
            raise SchemaMistakeError("`$ref` is no text")
        target = self._target(reference)
        self._wanted.append((target, reference))

        def check(value: Any, path: str, judging: Judging) -> None:
            judging.step()
            self._made[id(target)](value, path, judging)

        return check

    def _target(self, reference: str) -> Any:
        if not reference.startswith("#"):
            raise SchemaMistakeError(f"it refers to `{reference}`, outside of it")
        pointer = unquote(reference[1:])
        found: Any = self._root
        if pointer and not pointer.startswith("/"):
            found = _anchored(self._root, pointer)
            if found is None:
                raise SchemaMistakeError(f"it refers to `{reference}`, which is not there")
            return found
        for step in pointer.split("/")[1:]:
            name = step.replace("~1", "/").replace("~0", "~")
            if is_object(found) and name in found:
                found = found[name]
            elif is_array(found) and name.isdecimal() and int(name) < len(found):
                found = found[int(name)]
            else:
                raise SchemaMistakeError(f"it refers to `{reference}`, which is not there")
        return found


def _anchored(schema: Any, anchor: str) -> Any:
    """The schema with an `$anchor`, or None."""
    if is_object(schema):
        if schema.get("$anchor") == anchor:
            return schema
        inner: Iterable[Any] = schema.values()
    elif is_array(schema):
        inner = schema
    else:
        return None
    return next((it for item in inner if (it := _anchored(item, anchor)) is not None), None)


def _all(checks: list[Check]) -> Check:
    def check(value: Any, path: str, judging: Judging) -> None:
        judging.step()
        for item in checks:
            item(value, path, judging)

    return check


def _anything(_value: Any, _path: str, _judging: Judging) -> None:
    """Whatever it is."""


def _nothing(_value: Any, path: str, judging: Judging) -> None:
    judging.add(path, "must not be there")
