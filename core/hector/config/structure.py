"""From the tree to a checked `Config`, with every problem reported at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

import attrs

from hector.config.component import ComponentEntry, ReferenceUse
from hector.config.config import Config
from hector.config.entries import SECTIONS, EntryReader, ReadEntry
from hector.config.exclusive import claimed_twice
from hector.config.known import Known
from hector.config.memory import Memory
from hector.config.node import INVALID, Invalid, Node, key_problem, value_problem
from hector.config.providers import ProviderIndex, choose_llm_type
from hector.config.reader import RawConfig
from hector.config.references import References
from hector.config.search_index import INDEX_SPELLINGS, check_index, index_of
from hector.config.sections import PluginsConfig, RootKeys
from hector.config.server_sections import ServerConfig
from hector.config.shape import Reading, read_records, record_shape, wrong_type
from hector.config.unused import default_database, unused_databases
from hector.errors import ConfigError, Diagnostic

__all__ = ["diagnose", "plugins_section", "structure", "structure_again"]

_SECTION_KEYS: Final = tuple(section.key for section in SECTIONS)
_SECTION_BY_KIND: Final = {section.kind: section for section in SECTIONS}
_NULLABLE_KEYS: Final = (
    *_SECTION_KEYS,
    "server",
    "plugins",
    "logger",
    "defaults",
    "storage",
    "observability",
)
SESSIONS_FILE: Final = ".hector/sessions.db"
"""Where `backend: sql` keeps sessions when the config has no `databases`, relative to the config."""

_IMPLICIT_TYPES: Final = {"embedder": "lexical", "vector_store": "chromem"}


def structure(raw: RawConfig, providers: ProviderIndex) -> Config:
    """Check a config against the kernel's classes and those of the providers it selects.

    Raises:
        ConfigError: anything is wrong; it carries all errors and warnings in file order.
    """
    return structure_again(raw, providers, None)[0]


def structure_again(
    raw: RawConfig, providers: ProviderIndex, memory: Memory | None
) -> tuple[Config, Memory]:
    """The same, with what is known from an earlier config.

    Args:
        raw: read with the same memory.
        providers: who offers what.
        memory: what the last call gave; None to begin.

    Returns:
        The config, and what to give to the next call. Entries that did not change are the same objects as before.

    Raises:
        ConfigError: anything is wrong. With a memory, the problems say that there are some, not where: read and
            structure the config once more without one.
    """
    structuring = _Structuring(raw, providers, memory)
    config, problems = structuring.run()
    if config is None or structuring.is_stale:
        raise ConfigError(problems)
    return config, structuring.memory(has_warnings=bool(problems))


def diagnose(raw: RawConfig, providers: ProviderIndex) -> tuple[Diagnostic, ...]:
    """Everything that is wrong with a config, errors and warnings, in file order."""
    return _Structuring(raw, providers).run()[1]


def plugins_section(raw: RawConfig) -> PluginsConfig:
    """The `plugins` section alone, which decides what the registry is made of.

    Raises:
        ConfigError: that section is wrong; the rest of the config is not looked at.
    """
    node = raw.root.entries.get("plugins")
    if node is None or node.value is None:
        return PluginsConfig()
    reading = Reading(folder=raw.source.folder, variables=raw.environment.variables)
    section: PluginsConfig | Invalid = record_shape(PluginsConfig).read(node, "plugins", reading)
    _check_requirements(node, reading)
    if reading.problems:
        raise ConfigError(tuple(reading.problems))
    if isinstance(section, Invalid):  # a variable is missing, which was found while reading
        raise ConfigError(raw.problems)
    return section


def _check_requirements(plugins: Node, reading: Reading) -> None:
    require = plugins.entries.get("require")
    if require is None or not require.items:
        return
    from packaging.requirements import InvalidRequirement, Requirement

    for index, item in enumerate(require.items):
        if not isinstance(item.value, str) or not item.value:
            continue
        try:
            Requirement(item.value)
        except InvalidRequirement:
            message = "is not a requirement such as `hector-plugin-openai>=0.1`"
            reading.problems.append(
                value_problem(item, "H104", f"plugins.require[{index}]", message)
            )


class _Structuring:
    """One pass over one config."""

    def __init__(
        self, raw: RawConfig, providers: ProviderIndex, memory: Memory | None = None
    ) -> None:
        self._raw = raw
        self._providers = providers
        self._known = Known(memory, raw, providers)
        self._reading = Reading(
            folder=raw.source.folder,
            variables=raw.environment.variables,
            problems=list(raw.problems),
        )
        self._sections = _sections(raw.root)

    def run(self) -> tuple[Config | None, tuple[Diagnostic, ...]]:
        """The config if there is no error, and all problems in file order."""
        problems = self._reading.problems
        if not isinstance(self._raw.root.value, dict):
            if self._raw.root.value is not INVALID:
                problems.append(wrong_type(self._raw.root, "", "a map of sections"))
            return None, tuple(problems)
        root = self._root()
        read = self._entries(root)
        components, used = self._components(read)
        if root is not None:
            problems.extend(unused_databases(root, read["session_backend"], used))
        ordered = self._ordered()
        if root is None or any(problem.severity == "error" for problem in problems):
            return None, ordered
        config = Config(
            name=root.name,
            description=root.description,
            version=root.version,
            components=components,
            server=_server(root, components),
            plugins=root.plugins,
            logger=root.logger,
            defaults=root.defaults,
            source=self._raw.source,
            warnings=ordered,
        )
        return config, ordered

    def _root(self) -> RootKeys | None:
        """The root's own keys; their references wait in the reading."""
        entries = self._raw.root.entries
        filled = {
            key: node.with_value({}) if node.value is None and key in _NULLABLE_KEYS else node
            for key, node in entries.items()
        }
        node = self._raw.root.with_value(filled)
        root = read_records(
            node, "", (record_shape(RootKeys),), self._reading, other_keys=_SECTION_KEYS
        )[0]
        if "plugins" in filled:
            _check_requirements(filled["plugins"], self._reading)
        self._check_spellings(filled)
        self._check_sessions(filled)
        self._reading.problems.extend(check_index(filled, self._sections))
        return None if root is INVALID else root

    def _check_spellings(self, entries: Mapping[str, Node]) -> None:
        """A key that is there in both spellings has two values, and neither is better."""
        server = _child(entries, "server")
        storage = _child(entries, "storage")
        nodes = [_child(entries, owner).get(key) for owner, key in INDEX_SPELLINGS]
        names = [f"{owner}.{key}" for owner, key in INDEX_SPELLINGS]
        first = next((at for at, node in enumerate(nodes) if node is not None), 0)
        pairs = (
            *(
                (name, node, nodes[first], names[first])
                for name, node in zip(names[first + 1 :], nodes[first + 1 :], strict=True)
            ),
            (
                "observability",
                entries.get("observability"),
                server.get("observability"),
                "server.observability",
            ),
            (
                "storage.sessions",
                storage.get("sessions"),
                server.get("sessions"),
                "server.sessions",
            ),
        )
        for path, node, canonical, canonical_path in pairs:
            if node is not None and canonical is not None:
                message = f"`{canonical_path}` is there too"
                self._reading.problems.append(
                    key_problem(node, "H118", path, message, hint="keep that one only")
                )

    def _check_sessions(self, entries: Mapping[str, Node]) -> None:
        """`sql` takes a database; without one named the `default`, the only one, or a file beside the config."""
        names = list(self._sections["databases"].entries)
        for owner in ("server", "storage"):
            node = _child(entries, owner).get("sessions")
            if node is None or not isinstance(node.value, dict):
                continue
            backend, database = node.entries.get("backend"), node.entries.get("database")
            is_sql = backend is not None and backend.value == "sql"
            path = f"{owner}.sessions.database"
            if is_sql and (database is None or database.value is None):
                if not names or default_database(names) is not None:
                    continue
                hint = f"name an entry of `databases`: {', '.join(names)}"
                self._reading.problems.append(
                    key_problem(node, "H105", path, "is missing", hint=hint)
                )
            elif not is_sql and database is not None and isinstance(database.value, str):
                message = "has no effect unless `backend` is `sql`"
                self._reading.problems.append(key_problem(database, "H104", path, message))

    def _entries(self, root: RootKeys | None) -> dict[str, dict[str, ReadEntry]]:
        """Every entry of every section by kind and name, implicit ones among them."""
        own_references = list(self._reading.references)
        self._reading.references.clear()
        self._add_implicit()
        self._reading.default_names = self._default_names()
        reader = EntryReader(self._providers, self._reading, self._known)
        read = {
            section.kind: {
                item.name: item for item in reader.section(section, self._sections[section.key])
            }
            for section in SECTIONS
        }
        references = References(read, self._reading.problems)
        for used in own_references:
            references.resolve(used)
        return read

    def _add_implicit(self) -> None:
        """Add the `default` of an empty section that the rest of the config cannot do without."""
        has_agents = bool(self._sections["agents"].entries)
        if has_agents and _is_empty(self._sections["llms"]):
            type_name = choose_llm_type(self._reading.variables, self._providers.types("llm"))
            if type_name is not None:
                self._add_default("llms", "provider", type_name)
        if self._keeps_sessions() and _is_empty(self._sections["databases"]):
            self._add_default("databases", "driver", "sqlite", database=SESSIONS_FILE)
        if self._sections["document_stores"].entries:
            for kind, type_name in _IMPLICIT_TYPES.items():
                section = _SECTION_BY_KIND[kind]
                if _is_empty(self._sections[section.key]) and type_name in self._providers.types(
                    kind
                ):
                    self._add_default(section.key, section.selector, type_name)

    def _keeps_sessions(self) -> bool:
        """Whether the config asks for sessions in a database, and names none."""
        owners = (_child(self._raw.root.entries, owner) for owner in ("server", "storage"))
        return any(
            "backend" in sessions
            and sessions["backend"].value == "sql"
            and ("database" not in sessions or sessions["database"].value is None)
            for sessions in (_child(entries, "sessions") for entries in owners)
        )

    def _add_default(self, key: str, selector: str, type_name: str, **values: str) -> None:
        root = self._raw.root
        entry = Node(
            {
                name: Node(value, root.file, root.line, root.column)
                for name, value in {selector: type_name, **values}.items()
            },
            root.file,
            root.line,
            root.column,
        )
        self._sections[key] = self._sections[key].with_value({"default": entry})

    def _default_names(self) -> dict[str, str]:
        """What an omitted reference means: `default` if there is one, else the only entry."""
        names: dict[str, str] = {}
        for kind, section in _SECTION_BY_KIND.items():
            entries = self._sections[section.key].entries
            if "default" not in entries and len(entries) == 1:
                names[kind] = next(iter(entries))
        default_llm = _child(self._raw.root.entries, "defaults").get("llm")
        if default_llm is not None and isinstance(default_llm.value, str):
            names["llm"] = default_llm.value
        return names

    def _components(
        self, read: Mapping[str, Mapping[str, ReadEntry]]
    ) -> tuple[Mapping[str, Mapping[str, ComponentEntry]], set[str]]:
        """The components by kind and name, and the databases that any of them names."""
        references = References(read, self._reading.problems)
        known = self._known
        known.compare_names(read)
        uses: dict[tuple[str, str], Sequence[ReferenceUse]] = {}
        components: dict[str, Mapping[str, ComponentEntry]] = {}
        for kind, items in read.items():
            entries: dict[str, ComponentEntry] = {}
            for name, item in items.items():
                if not item.is_enabled:
                    continue
                own = known.uses(item)
                if own is None:
                    owner = (kind, name)
                    found = (references.resolve(used, owner=owner) for used in item.used)
                    own = tuple(use for group in found for use in group)
                uses[kind, name] = own
                if item.entry is not None:
                    entries[name] = known.entry(item, item.entry, own)
            components[kind] = MappingProxyType(entries)
        references.report_cycles(uses, uses if known.is_first else known.changed)
        if known.has_new_claims:
            every = (item for items in read.values() for item in items.values())
            self._reading.problems.extend(claimed_twice(every))
        named = (use for group in uses.values() for use in group)
        databases = {use.name for use in named if use.kind == "session_backend"}
        return MappingProxyType(components), databases

    @property
    def is_stale(self) -> bool:
        """Whether a place in a message may be out of date."""
        return self._known.is_stale

    def memory(self, *, has_warnings: bool) -> Memory:
        """What to remember; only after a run that gave a config."""
        return self._known.memory(has_warnings=has_warnings)

    def _ordered(self) -> tuple[Diagnostic, ...]:
        """By file, in the order the files were read, then by place; those without a place first."""
        files = {name: index for index, name in enumerate(self._raw.texts)}
        unique = dict.fromkeys(self._reading.problems)
        return tuple(
            sorted(
                unique,
                key=lambda item: (files.get(item.file or "", -1), item.line or 0, item.column or 0),
            )
        )


def _sections(root: Node) -> dict[str, Node]:
    """The node of every section of components; an empty map where there is none."""
    entries = root.entries
    sections: dict[str, Node] = {}
    for key in _SECTION_KEYS:
        node = entries.get(key)
        if node is None or node.value is None:
            node = (node or root).with_value({})
        sections[key] = node
    return sections


def _is_empty(node: Node) -> bool:
    return isinstance(node.value, dict) and not node.entries


def _child(entries: Mapping[str, Node], key: str) -> dict[str, Node]:
    node = entries.get(key)
    return node.entries if node is not None else {}


def _server(root: RootKeys, components: Mapping[str, Mapping[str, ComponentEntry]]) -> ServerConfig:
    """The `server` section with what came under a later spelling, and its database."""
    server = root.server
    if root.observability is not None:
        server = attrs.evolve(server, observability=root.observability)
    if root.storage is not None and root.storage.sessions is not None:
        server = attrs.evolve(server, sessions=root.storage.sessions)
    server = attrs.evolve(server, index=index_of(root, components), memory=None)
    sessions, databases = server.sessions, components["session_backend"]
    if sessions.backend != "sql":
        return server
    name = sessions.database or default_database(list(databases))
    entry = databases[name] if name is not None else None
    return attrs.evolve(server, sessions=attrs.evolve(sessions, database=name, entry=entry))
