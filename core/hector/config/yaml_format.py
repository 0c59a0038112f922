"""YAML into the positioned tree: one document, no tags, bounded aliases, the booleans of YAML 1.2.

The tree is built from the parser's events, not by PyYAML's constructor: events carry line and
column, leave the type of a scalar to us, and let duplicate keys, tags and alias bombs be refused
before anything is built from them.
"""

from __future__ import annotations

from typing import Any, Final, cast

import attrs

from hector.config.node import Node, child_path
from hector.config.pace import give_way
from hector.config.scalar import resolve_scalar
from hector.errors import ConfigError, Diagnostic

__all__ = ["Composer", "compose", "read_yaml"]

MAX_DEPTH: Final = 100
MAX_ALIASED_NODES: Final = 100_000


def read_yaml(text: str, file: str | None, problems: list[Diagnostic]) -> Node:
    """The tree of one YAML document; an empty one is an empty map.

    Duplicate keys and keys that are not strings are added to `problems`; what cannot be read at
    all raises.

    Raises:
        ConfigError: bad syntax (H112), or a key or depth or alias count that no config needs.
    """
    return compose(text, file, problems)[0]


def compose(
    text: str, file: str | None, problems: list[Diagnostic], depth: int = 0, first_line: int = 0
) -> tuple[Node, Composer]:
    """The tree of a document or of a part of one, and what is known of its style.

    Args:
        text: the lines.
        file: see `read_yaml`.
        problems: see `read_yaml`.
        depth: how many maps the part stands in.
        first_line: 0-based line where it begins.
    """
    import yaml

    loader_class: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        loader = loader_class(text)
        try:
            composer = Composer(loader, yaml, file, problems, first_line)
            return composer.document(depth), composer
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        raise ConfigError((_syntax_problem(error, file, text),)) from error
    except yaml.reader.ReaderError as error:
        position = cast("int", error.position)
        before = text[:position]
        problem = Diagnostic(
            code="H112",
            path="",
            message=f"invalid YAML: {error.reason} (character U+{ord(text[position]):04X})"
            if position < len(text)
            else f"invalid YAML: {error.reason}",
            file=file,
            line=before.count("\n") + 1,
            column=position - before.rfind("\n"),
        )
        raise ConfigError((problem,)) from error


def _syntax_problem(error: Any, file: str | None, text: str) -> Diagnostic:
    mark = error.problem_mark or error.context_mark
    problem = error.problem or "not understood"
    context = f" {error.context}" if error.context else ""
    return Diagnostic(
        code="H112",
        path="",
        message=f"invalid YAML: {problem}{context}",
        hint=_syntax_hint(problem, context, text.split("\n")[mark.line :][:1], mark.column),
        file=file,
        line=mark.line + 1,
        column=mark.column + 1,
    )


def _syntax_hint(problem: str, context: str, lines: list[str], column: int) -> str | None:
    """What to do about the mistakes that are made most."""
    line = lines[0] if lines else ""
    if "cannot start any token" in problem and line[column : column + 1] == "\t":
        return "indent with spaces, not tabs"
    if "mapping values are not allowed" in problem:
        return 'quote a value that contains ": "'
    if "flow" in context and "${" in line:
        return 'quote it inside brackets: "${NAME}"'
    return None


@attrs.define
class _Anchor:
    node: Node | None = None
    size: int = 0


class Composer:
    """Turns the events of one document into nodes.

    Attributes:
        is_plain: whether the outermost map is in block style, and nothing has an anchor or is merged.
        blocks: keys of the outermost map whose value is a map in block style.
    """

    def __init__(
        self,
        loader: Any,
        yaml: Any,
        file: str | None,
        problems: list[Diagnostic],
        lines_before: int = 0,
    ) -> None:
        self.is_plain = True
        self.blocks: set[str] = set()
        self._first = lines_before + 1
        self._next = loader.get_event
        self._events = yaml
        self._file = file
        self._problems = problems
        self._anchors: dict[str, _Anchor] = {}
        self._count = 0
        self._aliased = 0

    def document(self, depth: int = 0) -> Node:
        """The tree; nodes begin as deep as if they stood in `depth` maps. Raises `ConfigError`."""
        events = self._events
        self._next()  # stream start
        event = self._next()
        if type(event) is events.StreamEndEvent:
            return Node({}, self._file, 1, 1)
        event = self._next()
        self.is_plain = type(event) is events.MappingStartEvent and not event.flow_style
        root = self._node(event, "", depth)
        self._next()  # document end
        event = self._next()
        if type(event) is not events.StreamEndEvent:
            raise self._refuse(
                event, "a config is one YAML document", hint="remove the `---` and what follows it"
            )
        if root.value is None:
            return Node({}, self._file, 1, 1)
        return root

    def _node(self, event: Any, path: str, depth: int) -> Node:
        kind = cast("type[object]", type(event))
        events = self._events
        if kind is events.AliasEvent:
            return self._alias(event)
        if event.tag is not None:
            raise self._refuse(event, f"tags such as `{event.tag}` are not supported", path=path)
        anchor = None
        before = self._count
        self._count += 1
        give_way()
        if event.anchor is not None:
            self.is_plain = False
            anchor = self._anchors[event.anchor] = _Anchor()
        mark = event.start_mark
        if kind is events.ScalarEvent:
            value: Any = resolve_scalar(event.value) if event.implicit[0] else event.value
        elif depth >= MAX_DEPTH:
            raise self._refuse(event, f"nested more than {MAX_DEPTH} levels deep")
        elif kind is events.MappingStartEvent:
            value = self._mapping(path, depth + 1)
        else:
            value = self._sequence(path, depth + 1)
        node = Node(value, self._file, mark.line + self._first, mark.column + 1)
        if anchor is not None:
            anchor.node, anchor.size = node, self._count - before
        return node

    def _sequence(self, path: str, depth: int) -> list[Node]:
        items: list[Node] = []
        end = self._events.SequenceEndEvent
        while type(event := self._next()) is not end:
            items.append(self._node(event, f"{path}[{len(items)}]", depth))
        return items

    def _mapping(self, path: str, depth: int) -> dict[str, Node]:
        entries: dict[str, Node] = {}
        merged: list[Node] = []
        end = self._events.MappingEndEvent
        while type(event := self._next()) is not end:
            key = self._key(event, path, depth)
            key_path = child_path(path, key) if isinstance(key, str) else path
            value = self._next()
            if depth == 1 and isinstance(key, str) and getattr(value, "flow_style", True) is False:
                self._note_block(key, value)
            node = self._node(value, key_path, depth)
            if key == "<<":
                self.is_plain = False
            if key == "<<" and getattr(event, "implicit", (False,))[0]:
                merged += self._merge_sources(node, event, path)
                continue
            if not isinstance(key, str):
                continue
            if key in entries:
                self._report_duplicate(key_path, event, entries[key])
            else:
                entries[key] = self._placed(node, event)
        for source in merged:
            for key, node in source.entries.items():
                entries.setdefault(key, node)
        return entries

    def _note_block(self, key: str, value: Any) -> None:
        if type(value) is self._events.MappingStartEvent:
            self.blocks.add(key)

    def _placed(self, node: Node, key_event: Any) -> Node:
        mark = key_event.start_mark
        if node.key_line is not None:  # an alias: the node itself belongs to another key
            return node.under_key(mark.line + self._first, mark.column + 1)
        node.key_line, node.key_column = mark.line + self._first, mark.column + 1
        return node

    def _key(self, event: Any, path: str, depth: int) -> str | None:
        """The key, or None if it is none (reported; its value is read and dropped)."""
        key = self._node(event, path, depth).value
        if isinstance(key, str):
            return key
        is_scalar = type(event) is self._events.ScalarEvent
        self._problems.append(
            self._problem(
                event,
                "H103",
                path,
                f"the key `{event.value}` is not a string"
                if is_scalar
                else "a key must be a string",
                hint=f'quote it: "{event.value}"' if is_scalar else None,
            )
        )
        return None

    def _merge_sources(self, node: Node, event: Any, path: str) -> list[Node]:
        sources = node.items if isinstance(node.value, list) else [node]
        if all(isinstance(source.value, dict) for source in sources):
            return sources
        self._problems.append(
            self._problem(
                event, "H103", child_path(path, "<<"), "`<<` takes a map or a list of maps"
            )
        )
        return []

    def _alias(self, event: Any) -> Node:
        anchor = self._anchors.get(event.anchor)
        if anchor is None:
            raise self._refuse(event, f"the alias `*{event.anchor}` names no anchor before it")
        if anchor.node is None:
            raise self._refuse(event, f"the alias `*{event.anchor}` contains itself")
        self._count += anchor.size
        self._aliased += anchor.size
        if self._aliased > MAX_ALIASED_NODES:
            raise self._refuse(event, f"aliases expand to more than {MAX_ALIASED_NODES} values")
        node = anchor.node
        mark = event.start_mark
        return node.under_key(mark.line + self._first, mark.column + 1)

    def _report_duplicate(self, path: str, event: Any, first: Node) -> None:
        line = first.key_line
        self._problems.append(
            self._problem(
                event,
                "H118",
                path,
                f"the key is there twice, first in line {line}",
                hint="remove one",
            )
        )

    def _problem(
        self, event: Any, code: str, path: str, message: str, hint: str | None = None
    ) -> Diagnostic:
        mark = event.start_mark
        return Diagnostic(
            code=code,
            path=path,
            message=message,
            hint=hint,
            file=self._file,
            line=mark.line + self._first,
            column=mark.column + 1,
        )

    def _refuse(
        self, event: Any, message: str, *, path: str = "", hint: str | None = None
    ) -> ConfigError:
        return ConfigError((self._problem(event, "H112", path, message, hint),))
