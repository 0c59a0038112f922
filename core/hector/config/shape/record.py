"""The shape of an attrs class, and of an entry whose keys are spread over several of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import attrs

from hector.config.node import INVALID, Node, child_path, key_problem, value_problem
from hector.config.shape.shape import Reading, Shape, UsedReference, wrong_type
from hector.config.suggest import did_you_mean
from hector.errors import Diagnostic, UsageError
from hector.spi import Reference, Secret, SettingsProblem, SettingsRefusedError

__all__ = ["Alias", "Field", "RecordShape", "Resolved", "read_records"]


@attrs.frozen
class Alias:
    """Marks a key of the config room as a later spelling of another one: accepted with a warning.

    Attributes:
        canonical: the path to write instead.
    """

    canonical: str


@attrs.frozen
class Resolved:
    """Marks an attribute that is no key: the config room fills it in afterwards."""


@attrs.frozen(kw_only=True)
class Field:
    """One key of a settings class.

    Attributes:
        default: as attrs keeps it: a value, `attrs.Factory`, or `attrs.NOTHING` when the key is
            required.
        reference: the marker, if the key itself names components.
    """

    key: str
    shape: Shape
    default: Any = attrs.NOTHING
    doc: str = ""
    env: tuple[str, ...] = ()
    not_yet: str | None = None
    alias: Alias | None = None
    reference: Reference | None = None

    @property
    def is_required(self) -> bool:
        """Whether it has no default."""
        return self.default is attrs.NOTHING

    def read(self, node: Node, path: str, reading: Reading) -> Any:
        """The value of a key that is there."""
        if self.not_yet is not None:
            message = f"`{self.key}` is not supported yet"
            reading.problems.append(
                key_problem(node, "H110", path, message, hint=self.not_yet or None)
            )
            return INVALID
        if self.alias is not None:
            hint = f"write `{self.alias.canonical}`"
            message = f"a deprecated spelling of `{self.alias.canonical}`"
            reading.problems.append(
                key_problem(node, "H111", path, message, hint=hint, severity="warning")
            )
        if node.value is None and self.reference is not None and self.default is None:
            return self._absent_reference(self.reference, node, path, reading)  # null says as much
        return self.shape.read(node, path, reading)

    def absent(self, owner: Node, path: str, reading: Reading) -> Any:
        """The value of a key that is not there; `NOTHING` for the default that attrs fills in."""
        for name in self.env:
            if text := reading.variables.get(name):
                node = Node(
                    text, owner.file, owner.line, owner.column, owner.key_line, owner.key_column
                )
                node.raw, node.is_whole = f"${{{name}}}", True
                return self.shape.read(node, path, reading)
        if self.is_required:
            hint = f"set it, or the environment variable `{self.env[0]}`" if self.env else None
            reading.problems.append(key_problem(owner, "H105", path, "is missing", hint=hint))
            return INVALID
        if self.reference is not None:
            return self._absent_reference(self.reference, owner, path, reading)
        if isinstance(self.shape, RecordShape) and self.default is not None:
            # Its own keys may come from the environment or name components, though nobody wrote
            # them.
            return self.shape.read(owner.with_value({}), path, reading)
        return _joined(self.default, reading.folder) if self.shape.holds_path else attrs.NOTHING

    def _absent_reference(
        self, reference: Reference, owner: Node, path: str, reading: Reading
    ) -> Any:
        name = self.default
        if name == "default":
            name = reading.default_names.get(reference.kind, name)
        if isinstance(name, str) or (name is None and reference.is_all_when_omitted):
            used = UsedReference(
                reference=reference, name=name, path=path, node=owner, is_omitted=True
            )
            reading.references.append(used)
        return name if isinstance(name, str) else attrs.NOTHING


def _joined(default: Any, folder: Path) -> Any:
    if isinstance(default, Path):
        return folder / default.expanduser()
    if isinstance(default, tuple):
        items = cast("tuple[object, ...]", default)
        return tuple(_joined(item, folder) for item in items)
    return attrs.NOTHING


@attrs.frozen(kw_only=True)
class RecordShape(Shape):
    """An attrs class: a map with known keys."""

    cls: type[Any]
    fields: Mapping[str, Field]

    expected = "a map"

    def read(self, node: Node, path: str, reading: Reading) -> Any:
        """See `Shape`."""
        if node.value is INVALID:
            return INVALID
        if not isinstance(node.value, dict):
            reading.problems.append(wrong_type(node, path, self.expected))
            return INVALID
        return read_records(node, path, (self,), reading)[0]

    def accepts(self, value: object) -> bool:
        """See `Shape`."""
        return isinstance(value, dict)

    def schema(self) -> dict[str, Any]:
        """See `Shape`."""
        return {
            "type": "object",
            "properties": self.property_schemas(),
            "required": self.required_keys(),
            "additionalProperties": False,
        }

    def property_schemas(self, *, without: Iterable[str] = ()) -> dict[str, Any]:
        """The schema of every supported key; those in `without` are left out."""
        left_out = set(without)
        supported = (field for field in self.fields.values() if field.not_yet is None)
        return {field.key: _field_schema(field) for field in supported if field.key not in left_out}

    def required_keys(self) -> list[str]:
        """The keys that must be written; one that the environment may fill is not among them."""
        return [field.key for field in self.fields.values() if field.is_required and not field.env]

    def make(self, values: dict[str, Any], node: Node, path: str, reading: Reading) -> Any:
        """An instance; what the class itself refuses is H104 at the entry, or where it says."""
        try:
            return self.cls(**values)
        except UsageError as error:
            reading.problems.append(key_problem(node, "H104", path, error.message, hint=error.hint))
        except SettingsRefusedError as error:
            reading.problems.extend(_placed(problem, node, path) for problem in error.problems)
        except (ValueError, TypeError) as error:
            reading.problems.append(
                key_problem(node, "H104", path, str(error.args[0] if error.args else error))
            )
        return INVALID


def _placed(problem: SettingsProblem, node: Node, path: str) -> Diagnostic:
    """H104 at the key or the item that the problem names, or at the nearest one around it that is there."""
    report = key_problem
    for key in problem.keys:
        if isinstance(key, int):
            path = f"{path}[{key}]"
            if 0 <= key < len(node.items):
                node, report = node.items[key], value_problem
            continue
        path = child_path(path, key)
        if key in node.entries:
            node, report = node.entries[key], key_problem
    return report(node, "H104", path, problem.message, hint=problem.hint)


def _field_schema(field: Field) -> dict[str, Any]:
    schema = field.shape.schema()
    if field.doc:
        schema["description"] = field.doc
    if field.alias is not None:
        schema["deprecated"] = True
    default = field.default
    if isinstance(default, str | int | float | bool) and not isinstance(default, Secret):
        schema["default"] = default
    return schema


def read_records(
    node: Node,
    path: str,
    records: Sequence[RecordShape],
    reading: Reading,
    *,
    other_keys: Iterable[str] = (),
) -> list[Any]:
    """Read one map into several attrs classes, each taking its own keys.

    A key that two of them have goes to both, but for one that is not supported yet: whoever
    supports it gets it, and where nobody does the first one refuses it.
    A key that none of them has is H102.

    Args:
        node: a map.
        path: where it stands.
        records: the shapes of the classes.
        reading: where problems go.
        other_keys: keys that somebody else reads.

    Returns:
        An instance for each shape, or `INVALID` in its place.
    """
    entries = node.entries
    supported = {
        key for record in records for key, field in record.fields.items() if field.not_yet is None
    }
    known = supported.union(*(record.fields for record in records), other_keys)
    if not entries.keys() <= known:
        choices = sorted(supported.union(other_keys))
        for key in entries:
            if key not in known:
                hint = did_you_mean(key, choices, none="no key is known here")
                problem = key_problem(
                    entries[key], "H102", child_path(path, key), "unknown key", hint=hint
                )
                reading.problems.append(problem)
    is_spoilt = not entries.keys() <= known
    instances: list[Any] = []
    claimed = set(supported)
    for record in records:
        values = _read_fields(node, path, record, claimed, reading)
        claimed.update(key for key, field in record.fields.items() if field.not_yet is not None)
        instances.append(INVALID if values is None else record.make(values, node, path, reading))
    return [INVALID] * len(records) if is_spoilt else instances


def _read_fields(
    node: Node, path: str, record: RecordShape, claimed: set[str], reading: Reading
) -> dict[str, Any] | None:
    """Keyword arguments for the class, or None when one of them is invalid.

    A key that is not supported yet and is `claimed` was taken or refused for another class.
    """
    values: dict[str, Any] = {}
    is_valid = True
    entries = node.entries
    prefix = f"{path}." if path else ""
    for key, field in record.fields.items():
        item = entries.get(key)
        if item is None:
            value = field.absent(node, prefix + key, reading)
        elif field.not_yet is not None and key in claimed:
            continue
        else:
            value = field.read(item, prefix + key, reading)
        if value is INVALID:
            is_valid = False
        elif value is not attrs.NOTHING:
            values[key] = value
    return values if is_valid else None
