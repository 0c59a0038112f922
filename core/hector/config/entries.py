"""Named entries of the config, each read by the provider it selects and by the kernel."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

import attrs

from hector.config.component import ComponentEntry
from hector.config.config import DocumentStoreSettings
from hector.config.exclusive import exclusive_claims
from hector.config.node import INVALID, Node, child_path, key_problem, value_problem
from hector.config.providers import (
    KIND_WORDS,
    ProviderIndex,
    ProviderProblem,
    choose_llm_type,
    unknown_provider,
)
from hector.config.sections import AgentCommon, DocumentStoreKeys, ToolsetCommon
from hector.config.shape import (
    Reading,
    RecordShape,
    UsedReference,
    read_records,
    record_shape,
    wrong_type,
)
from hector.config.suggest import did_you_mean
from hector.errors import UsageError
from hector.spi import Provider

__all__ = ["SECTIONS", "EntryReader", "ReadEntry", "Section", "component_kind"]


@attrs.frozen(kw_only=True)
class Section:
    """A map of named entries at the root of the config.

    Attributes:
        key: at the root.
        kind: of its components.
        selector: the key that names the provider's type; empty when the kernel builds the kind
            itself.
        default_type: the type when the selector is absent, or None.
        common: the kernel's own keys.
    """

    key: str
    kind: str
    selector: str = ""
    default_type: str | None = None
    common: type[Any] | None = None


SECTIONS: Final = (
    Section(key="llms", kind="llm", selector="provider"),
    Section(key="embedders", kind="embedder", selector="provider"),
    Section(key="databases", kind="session_backend", selector="driver"),
    Section(key="vector_stores", kind="vector_store", selector="type", default_type="chromem"),
    Section(key="tools", kind="toolset", selector="type", common=ToolsetCommon),
    Section(key="document_stores", kind="document_store"),
    Section(key="agents", kind="agent", selector="type", default_type="llm", common=AgentCommon),
)
SOURCE: Final = Section(
    key="source", kind="document_source", selector="type", default_type="directory"
)
CHUNKING: Final = Section(
    key="chunking", kind="chunker", selector="strategy", default_type="semantic"
)

AGENT_NAME: Final = "[a-zA-Z][a-zA-Z0-9_-]*"
ENTRY_NAME: Final = "[a-zA-Z0-9_][a-zA-Z0-9_-]*"
_SELECTOR_SPELLINGS: Final[Mapping[tuple[str, str], str]] = {
    ("session_backend", "sqlite3"): "sqlite",
    ("session_backend", "postgresql"): "postgres",
    ("session_backend", "mariadb"): "mysql",
}


def component_kind(reference_kind: str) -> str:
    """The kind of component that a kind of reference names: a `database` is a `session_backend`."""
    return "session_backend" if reference_kind == "database" else reference_kind


@attrs.frozen(kw_only=True)
class ReadEntry:
    """An entry that was read, valid or not.

    Attributes:
        entry: without its references, or None when something is wrong with it.
        used: the references met in it.
        is_enabled: false for an entry that says so.
    """

    section: Section
    name: str
    path: str
    node: Node
    entry: ComponentEntry | None
    used: tuple[UsedReference, ...]
    is_enabled: bool = True


class KnownEntries(Protocol):
    """Entries that were read before."""

    def read(
        self,
        section: Section,
        name: str,
        node: Node,
        reading: Reading,
        read: Callable[[Section, str, Node], ReadEntry],
    ) -> ReadEntry:
        """The entry as it was read before, or as `read` gives it."""
        ...


@attrs.frozen
class EntryReader:
    """Reads entries with the providers that are installed."""

    _providers: ProviderIndex
    _reading: Reading
    _known: KnownEntries | None = None

    def section(self, section: Section, node: Node) -> list[ReadEntry]:
        """Every entry of a section, in order. An entry without keys may be left empty."""
        if not isinstance(node.value, dict):
            if node.value is not INVALID:
                self._reading.problems.append(
                    wrong_type(node, section.key, "a map of named entries")
                )
            return []
        if self._known is None:
            return [self.entry(section, name, item) for name, item in node.entries.items()]
        return [
            self._known.read(section, name, item, self._reading, self.entry)
            for name, item in node.entries.items()
        ]

    def entry(self, section: Section, name: str, node: Node) -> ReadEntry:
        """One entry, with everything that is wrong with it reported."""
        path = child_path(section.key, name)
        if node.value is None:
            node = node.with_value({})
        start = len(self._reading.references)
        is_named_well = self._check_name(section, name, node, path)
        entry, is_enabled = None, True
        if not isinstance(node.value, dict):
            if node.value is not INVALID:
                self._reading.problems.append(wrong_type(node, path, "a map"))
        elif section.selector:
            entry, is_enabled = self._component(section, name, node, path)
        else:
            entry = self._document_store(section, name, node, path)
        used = tuple(self._reading.references[start:])
        del self._reading.references[start:]
        return ReadEntry(
            section=section,
            name=name,
            path=path,
            node=node,
            entry=entry if is_named_well else None,
            used=used,
            is_enabled=is_enabled,
        )

    def _check_name(self, section: Section, name: str, node: Node, path: str) -> bool:
        is_agent = section.kind == "agent"
        pattern = AGENT_NAME if is_agent else ENTRY_NAME
        if not re.fullmatch(pattern, name):
            message = f"the name of {'an agent' if is_agent else 'an entry'} must match `{pattern}`"
        elif is_agent and name == "user":
            message = "an agent cannot be called `user`: that is who writes the messages"
        else:
            return True
        self._reading.problems.append(key_problem(node, "H104", path, message))
        return False

    def _component(
        self, section: Section, name: str, node: Node, path: str
    ) -> tuple[ComponentEntry | None, bool]:
        """The entry, and whether it is enabled."""
        reading = self._reading
        enabled = node.entries.get("enabled")
        is_enabled = (
            section.common is not ToolsetCommon or enabled is None or enabled.value is not False
        )
        # A toolset that is switched off may be of a plugin that is not installed.
        type_name, provider = self._select(section, node, path, is_needed=is_enabled)
        record = self._settings_shape(provider, node, path) if provider else None
        common_shape = record_shape(section.common) if section.common else None
        records = [shape for shape in (record, common_shape) if shape is not None]
        others = (section.selector,) if record is not None else node.entries
        values = read_records(node, path, records, reading, other_keys=others)
        common = values[-1] if common_shape is not None else None
        if common_shape is not None and common is not INVALID and isinstance(common, ToolsetCommon):
            is_enabled = common.enabled
        if provider is None or record is None or INVALID in values:
            return None, is_enabled
        claims = exclusive_claims(provider, values[0])
        if isinstance(claims, str):
            reading.problems.append(key_problem(node, "H116", path, claims, hint="tell its author"))
            return None, is_enabled
        entry = ComponentEntry(
            kind=section.kind,
            name=name,
            path=path,
            type=type_name,
            provider=provider,
            settings=values[0],
            common=common,
            exclusive=claims,
        )
        return entry, is_enabled

    def _select(
        self, section: Section, node: Node, path: str, *, is_needed: bool
    ) -> tuple[str, Provider | None]:
        """The type and its provider, or None when that was reported."""
        selector = node.entries.get(section.selector)
        selector_path = child_path(path, section.selector)
        problems = self._reading.problems
        if selector is None:
            type_name = self._default_type(section)
            if type_name is None:
                types = self._providers.types(section.kind)
                hint = did_you_mean("", types, none="no plugin that offers one is installed")
                if is_needed:
                    problems.append(
                        key_problem(node, "H105", selector_path, "is missing", hint=hint)
                    )
                return "", None
        elif selector.value is INVALID:
            return "", None
        elif not isinstance(selector.value, str):
            problems.append(wrong_type(selector, selector_path, "a string"))
            return "", None
        else:
            type_name = self._canonical_type(section, selector, selector_path)
        found = self._providers.find(section.kind, type_name)
        if isinstance(found, Provider):
            return type_name, found
        if is_needed:
            self._report(found, section, type_name, selector or node, selector_path)
        return type_name, None

    def _canonical_type(self, section: Section, selector: Node, path: str) -> str:
        type_name: str = selector.value
        canonical = _SELECTOR_SPELLINGS.get((section.kind, type_name))
        if canonical is None or type_name in self._providers.types(section.kind):
            return type_name
        message = f"a deprecated spelling of `{canonical}`"
        problem = value_problem(
            selector, "H111", path, message, hint=f"write `{canonical}`", severity="warning"
        )
        self._reading.problems.append(problem)
        return canonical

    def _default_type(self, section: Section) -> str | None:
        if section.kind == "llm":
            return choose_llm_type(self._reading.variables, self._providers.types("llm"))
        return section.default_type

    def _report(
        self, found: ProviderProblem, section: Section, type: str, node: Node, path: str
    ) -> None:
        hint = found.hint
        message = found.message
        if hint is None and found.code == "H107":
            hint = unknown_provider(section.kind, type, self._providers.types(section.kind)).hint
        if node.raw is not None:
            message = f"no {KIND_WORDS[section.kind]} type is called what `{node.raw}` holds"
            hint = did_you_mean("", self._providers.types(section.kind))
        self._reading.problems.append(value_problem(node, found.code, path, message, hint=hint))

    def _settings_shape(self, provider: Provider, node: Node, path: str) -> RecordShape | None:
        try:
            return record_shape(provider.settings)
        except UsageError as error:
            message = f"the plugin of `{provider.type}` is broken: {error.message}"
            self._reading.problems.append(
                key_problem(node, "H116", path, message, hint="tell its author")
            )
            return None

    def _document_store(
        self, section: Section, name: str, node: Node, path: str
    ) -> ComponentEntry | None:
        keys = read_records(
            node,
            path,
            (record_shape(DocumentStoreKeys),),
            self._reading,
            other_keys=(SOURCE.key, CHUNKING.key),
        )[0]
        source = self._part(SOURCE, name, node, path)
        chunking = self._part(CHUNKING, name, node, path)
        if keys is INVALID or source is None or chunking is None:
            return None
        settings = DocumentStoreSettings(
            source=source,
            chunking=chunking,
            vector_store=keys.vector_store,
            embedder=keys.embedder,
            collection=keys.collection or name,
            description=keys.description,
            search=keys.search,
            indexing=keys.indexing,
        )
        return ComponentEntry(
            kind=section.kind,
            name=name,
            path=path,
            type="",
            provider=None,
            settings=settings,
            exclusive=source.exclusive | chunking.exclusive,
        )

    def _part(self, part: Section, name: str, store: Node, path: str) -> ComponentEntry | None:
        node = store.entries.get(part.key)
        part_path = child_path(path, part.key)
        if node is None or node.value is None:
            node = store.with_value({}) if node is None else node.with_value({})
        if not isinstance(node.value, dict):
            if node.value is not INVALID:
                self._reading.problems.append(wrong_type(node, part_path, "a map"))
            return None
        return self._component(part, name, node, part_path)[0]
