# ruff: noqa: E501 - messages are compared in full, each on one line
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hector.config import (
    ComponentEntry,
    Config,
    ProviderIndex,
    ProviderProblem,
    ReferenceUse,
    choose_llm_type,
    diagnose,
    plugins_section,
    problem_at,
    read,
    read_text,
    structure,
    structure_settings,
)
from hector.errors import ConfigError
from hector.spi import Provider, Secret

Check = Callable[..., list[str]]

FULL = """\
version: "1.0"
name: library
description: Answers questions
llms:
  main: {provider: openai, model: gpt, api_key: "${KEY}", timeout: 1500ms, thinking: {}}
embedders:
  words: {provider: lexical}
vector_stores:
  local:
tools:
  files: {type: files, roots: [docs, /tmp], description: Files}
  off: {type: gone, enabled: false, whatever: 1}
databases:
  db: {driver: sqlite, database: sessions.db}
document_stores:
  manual:
    source: {path: docs}
    chunking: {size: 500, embedder: words}
    search: {top_k: 3}
agents:
  helper:
    name: The Helper
    description: Helps
    instruction: Help.
    skills: [{id: help, tags: [a]}]
  boss:
    tools: [files.read_file]
    document_stores: []
    sub_agents: [helper]
server:
  host: 0.0.0.0
  port: 0
  public_url: https://example.org/
  build_timeout: 2m
  sessions: {backend: sql, database: db}
  observability:
    tracing: {enabled: true, exporter: stdout, sampling_rate: 0.5}
    metrics: {enabled: true, endpoint: /m}
  reload: {drain_timeout: 5}
plugins: {require: ["hector>=0.1"], disable: [x], prefer: {llm.openai: hector-plugin-openai}}
logger: {level: debug, format: json, file: log.txt}
defaults: {llm: main}
"""


def load(text: str, index: ProviderIndex, **env: str) -> Config:
    return structure(read_text(text, file="/etc/hector/config.yaml", env=env), index)


KEYS = st.sampled_from(
    [
        "llms",
        "agents",
        "tools",
        "document_stores",
        "databases",
        "server",
        "plugins",
        "logger",
        "defaults",
        "storage",
        "sessions",
        "observability",
        "provider",
        "type",
        "driver",
        "source",
        "chunking",
        "path",
        "llm",
        "sub_agents",
        "require",
        "enabled",
        "backend",
        "database",
        "name",
        "skills",
        "default",
        "a",
        "b",
    ]
)
VALUES = st.recursive(
    st.none() | st.integers() | st.booleans() | st.floats() | st.text(max_size=3) | KEYS
    | st.sampled_from(["openai", "offline", "files", "sqlite", "sql", "${X}", "${X:-a}"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=25,
)  # fmt: skip


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
@given(config=st.dictionaries(KEYS, VALUES, max_size=6))
def test_whatever_is_written_there_is_a_config_or_problems(
    index: ProviderIndex, config: dict[str, Any]
) -> None:
    try:
        raw = read(config, env={"X": "b"})
    except ConfigError as error:
        assert {item.code for item in error.diagnostics} <= {"H114"}  # noqa: PT017
        return
    problems = diagnose(raw, index)
    errors = [item for item in problems if item.severity == "error"]

    assert all(item.message and item.code.startswith("H1") for item in problems)
    if errors:
        with pytest.raises(ConfigError):
            structure(raw, index)
    else:
        assert structure(raw, index).warnings == problems


@pytest.fixture
def full(index: ProviderIndex) -> Config:
    return load(FULL, index, KEY="sk-1")


def settings_of(config: Config, kind: str, name: str) -> Any:
    return config.components[kind][name].settings


def test_the_kernels_sections_arrive_as_values(full: Config) -> None:
    assert (full.name, full.description, full.version) == ("library", "Answers questions", "1.0")
    server = full.server
    assert (server.host, server.port, server.build_timeout) == ("0.0.0.0", 0, 120.0)
    assert server.public_url == "https://example.org/"
    assert server.reload.drain_timeout == 5.0
    assert server.observability.tracing.exporter == "stdout"
    assert server.observability.tracing.sampling_rate == 0.5
    assert server.observability.metrics.endpoint == "/m"
    assert full.plugins.require == ("hector>=0.1",)
    assert full.plugins.disable == ("x",)
    assert full.plugins.prefer == {"llm.openai": "hector-plugin-openai"}
    assert (full.logger.level, full.logger.format) == ("debug", "json")
    assert full.logger.file == Path("/etc/hector/log.txt")
    assert full.defaults.llm == "main"
    assert full.warnings == ()


def test_an_empty_config_has_safe_defaults(index: ProviderIndex) -> None:
    config = load("", index)

    assert config.name == "hector"
    assert (config.server.host, config.server.port) == ("127.0.0.1", 8080)
    assert config.server.sessions.backend == "inmemory"
    assert config.server.sessions.entry is None
    assert not config.server.observability.tracing.enabled
    assert not config.server.observability.metrics.enabled
    assert all(not entries for entries in config.components.values())


def test_the_providers_settings_arrive_as_instances_of_their_class(full: Config) -> None:
    main = settings_of(full, "llm", "main")

    assert main.api_key == Secret("sk-1")
    assert main.timeout == 1.5
    assert main.thinking.budget_tokens == 1024
    assert settings_of(full, "toolset", "files").roots == (Path("/etc/hector/docs"), Path("/tmp"))


def test_an_entry_knows_its_place_its_type_and_its_provider(full: Config) -> None:
    entry = full.components["llm"]["main"]

    assert (entry.kind, entry.name, entry.path, entry.type) == (
        "llm",
        "main",
        "llms.main",
        "openai",
    )
    assert entry.provider is not None
    assert entry.provider.type == "openai"
    assert full.components["vector_store"]["local"].type == "chromem"


def test_common_keys_go_to_the_kernel(full: Config) -> None:
    helper = full.components["agent"]["helper"]

    assert (helper.common.name, helper.common.description) == ("The Helper", "Helps")
    assert helper.common.skills[0].tags == ("a",)
    assert helper.common.visibility == "public"
    assert helper.settings.instruction == "Help."
    assert full.components["toolset"]["files"].common.description == "Files"


def test_a_disabled_toolset_is_left_out_even_if_nobody_offers_its_type(full: Config) -> None:
    assert list(full.components["toolset"]) == ["files"]


def test_the_database_of_the_sessions_is_resolved(full: Config) -> None:
    entry = full.server.sessions.entry

    assert isinstance(entry, ComponentEntry)
    assert entry is full.components["session_backend"]["db"]
    assert entry.settings.database == Path("/etc/hector/sessions.db")


def test_a_document_store_has_its_parts(full: Config) -> None:
    store = full.components["document_store"]["manual"]
    parts = store.settings

    assert store.provider is None
    assert (parts.source.kind, parts.source.type) == ("document_source", "directory")
    assert parts.source.settings.path == Path("/etc/hector/docs")
    assert parts.source.path == "document_stores.manual.source"
    assert (parts.chunking.kind, parts.chunking.type, parts.chunking.settings.size) == (
        "chunker",
        "semantic",
        500,
    )
    assert (parts.vector_store, parts.embedder, parts.collection) == ("local", "words", "manual")
    assert (parts.search.top_k, parts.search.threshold) == (3, 0.0)


def use(kind: str, name: str, path: str) -> ReferenceUse:
    return ReferenceUse(kind=kind, name=name, path=path)


def test_references_are_listed_with_what_was_omitted_expanded(full: Config) -> None:
    store = full.components["document_store"]["manual"]
    chunking_path = "document_stores.manual.chunking.embedder"

    assert full.components["agent"]["helper"].references == (
        use("llm", "main", "agents.helper.llm"),
        use("toolset", "files", "agents.helper.tools"),
        use("document_store", "manual", "agents.helper.document_stores"),
    )
    assert full.components["agent"]["boss"].references == (
        use("llm", "main", "agents.boss.llm"),
        use("toolset", "files", "agents.boss.tools[0]"),
        use("agent", "helper", "agents.boss.sub_agents[0]"),
    )
    assert set(store.references) == {
        use("vector_store", "local", "document_stores.manual.vector_store"),
        use("embedder", "words", "document_stores.manual.embedder"),
        use("embedder", "words", chunking_path),
    }
    assert store.settings.chunking.references == (use("embedder", "words", chunking_path),)
    assert store.settings.source.references == ()


def test_a_qualified_type_selects_the_same_provider(index: ProviderIndex) -> None:
    config = load("llms: {a: {provider: 'my-dist:openai', api_key: x}}", index)

    assert config.components["llm"]["a"].type == "my-dist:openai"


@pytest.mark.parametrize(
    ("env", "chosen"),
    [
        ({}, "offline"),
        ({"OPENAI_API_KEY": "k"}, "openai"),
        ({"OPENAI_API_KEY": ""}, "offline"),
        ({"ANTHROPIC_API_KEY": "k"}, "offline"),
        ({"ANTHROPIC_API_KEY": "k", "OPENAI_API_KEY": "k"}, "openai"),
    ],
)
def test_without_llms_there_is_a_default_one_by_the_environment(
    index: ProviderIndex, env: dict[str, str], chosen: str
) -> None:
    config = load("agents: {a: {}}", index, **env)

    assert config.components["llm"]["default"].type == chosen
    assert config.components["agent"]["a"].references[0].name == "default"


@pytest.mark.parametrize(
    ("variable", "chosen"),
    [
        ("ANTHROPIC_API_KEY", "anthropic"),
        ("GEMINI_API_KEY", "gemini"),
        ("GOOGLE_API_KEY", "gemini"),
        ("CO_API_KEY", "cohere"),
        ("COHERE_API_KEY", "cohere"),
    ],
)
def test_each_usual_name_of_a_key_chooses_its_vendor(variable: str, chosen: str) -> None:
    types = ["anthropic", "cohere", "gemini", "offline", "openai"]
    assert choose_llm_type({variable: "k"}, types) == chosen
    assert choose_llm_type({variable: "k"}, ["offline"]) == "offline"
    assert choose_llm_type({variable: "k", "OPENAI_API_KEY": "k"}, types) == "openai"


def test_an_llm_without_provider_is_chosen_the_same_way(index: ProviderIndex) -> None:
    assert load("llms: {a: }", index).components["llm"]["a"].type == "offline"


def test_without_stores_and_embedders_documents_have_the_standard_ones(
    index: ProviderIndex,
) -> None:
    config = load("document_stores: {d: {source: {path: x}}}", index)

    assert config.components["embedder"]["default"].type == "lexical"
    assert config.components["vector_store"]["default"].type == "chromem"


def test_an_omitted_llm_is_the_only_one(index: ProviderIndex) -> None:
    config = load("llms: {one: {provider: offline}}\nagents: {a: {}}", index)

    assert config.components["agent"]["a"].settings.llm == "one"


def test_an_omitted_llm_is_the_one_of_defaults(index: ProviderIndex) -> None:
    text = "llms: {default: {provider: offline}, b: {provider: offline}}\nagents: {a: {}}\n"

    assert load(text, index).components["agent"]["a"].settings.llm == "default"
    chosen = load(f"{text}defaults: {{llm: b}}", index)
    assert chosen.components["agent"]["a"].settings.llm == "b"


def test_every_problem_comes_at_once_in_file_order(index: ProviderIndex) -> None:
    text = "agents:\n  a: {llm: x}\nserver:\n  port: -1\n  hots: y\nllms: {b: {provider: z}}\n"
    with pytest.raises(ConfigError) as caught:
        load(text, index)

    places = [(item.line, item.code) for item in caught.value.diagnostics]
    assert places == [(2, "H108"), (4, "H104"), (5, "H102"), (6, "H107")]
    assert str(caught.value).startswith("[H100] 4 problems in the config\n")


def test_warnings_do_not_keep_a_config_from_use(index: ProviderIndex) -> None:
    text = "databases: {d: {driver: sqlite3, database: x}}\nserver: {sessions: {backend: sql}}"
    config = load(text, index)

    assert [item.code for item in config.warnings] == ["H111"]
    assert config.components["session_backend"]["d"].type == "sqlite"


SPELLINGS = [
    ("storage: {sessions: {backend: inmemory}}", 11, "storage.sessions", "server.sessions"),
    ("observability: {metrics: {}}", 1, "observability", "server.observability"),
]


@pytest.mark.parametrize(("text", "column", "path", "canonical"), SPELLINGS)
def test_a_later_spelling_is_a_warning(
    check: Check, text: str, column: int, path: str, canonical: str
) -> None:
    assert check(text) == [
        (
            f"config.yaml:1:{column}: [H111] {path}: a deprecated spelling of `{canonical}`\n"
            f"  hint: write `{canonical}`"
        )
    ]


def test_a_later_spelling_has_the_same_effect(index: ProviderIndex) -> None:
    config = load(
        "databases: {d: {driver: sqlite, database: x}}\n"
        "storage: {sessions: {backend: sql, database: d}}\n"
        "observability: {tracing: {enabled: true}}\n",
        index,
    )

    assert config.server.sessions.database == "d"
    assert config.server.sessions.entry is config.components["session_backend"]["d"]
    assert config.server.observability.tracing.enabled


def test_both_spellings_at_once_contradict_each_other(check: Check) -> None:
    found = check("server: {sessions: {}}\nstorage: {sessions: {}}\n")

    assert found[1] == (
        "config.yaml:2:11: [H118] storage.sessions: `server.sessions` is there too\n"
        "  hint: keep that one only"
    )


NOT_YET = [
    *(
        f"server.{key}"
        for key in (
            "grpc_port", "transport", "tls", "cors", "auth", "studio", "tasks",
            "rate_limiting",
            "observability.tracing.headers", "observability.tracing.insecure",
            "observability.tracing.timeout", "observability.tracing.capture_payloads",
            "observability.tracing.debug_exporter", "observability.tracing.service_version",
            "observability.metrics.namespace", "observability.metrics.subsystem",
            "observability.metrics.const_labels",
        )
    ),
    *(f"storage.{key}" for key in ("tasks",)),
    "guardrails",
    "rate_limiting",
    *(
        f"agents.a.{key}"
        for key in (
            "guardrails", "trigger", "notifications", "context", "structured_output", "prompt",
            "global_instruction", "include_context", "include_context_limit",
            "include_context_max_length", "search",
        )
    ),
    *(
        f"document_stores.d.{key}"
        for key in (
            "watch", "incremental_indexing", "mcp_parsers", "indexing.retry", "search.enable_hyde",
            "search.hyde_llm", "search.enable_rerank", "search.rerank_llm",
            "search.rerank_max_results", "search.enable_multi_query", "search.multi_query_llm",
            "search.multi_query_count",
        )
    ),
    "llms.main.realtime",
]  # fmt: skip


@pytest.mark.parametrize("path", NOT_YET)
def test_a_key_of_a_later_version_is_refused_by_name(check: Check, path: str) -> None:
    entries = {
        "tools": "type: files",
        "document_stores": "source: {path: x}",
        "llms": "provider: openai, api_key: k",
    }
    keys = path.split(".")
    inner = "1"
    for key in reversed(keys[2:]):
        inner = f"{{{key}: {inner}}}"
    body = inner
    if len(keys) > 1:
        content = inner.removeprefix("{").removesuffix("}") if len(keys) > 2 else f"{keys[1]}: 1"
        if keys[0] in ("server", "storage"):
            content = f"{keys[1]}: {inner}"
            body = f"{{{content}}}"
        else:
            own = entries.get(keys[0], "")
            body = f"{{{keys[1]}: {{{', '.join(filter(None, (own, content)))}}}}}"
    found = check(f"{keys[0]}: {body}")

    assert len(found) == 1, found
    assert f"[H110] {path}: `{keys[-1]}` is not supported yet" in found[0]


def test_a_provider_may_support_what_the_kernel_does_not_yet(index: ProviderIndex) -> None:
    config = load("tools: {m: {type: mcp, url: x, require_approval: true}}", index)

    assert config.components["toolset"]["m"].settings.require_approval is True


def test_sql_sessions_of_several_databases_name_one(check: Check) -> None:
    text = "databases: {a: {driver: sqlite, database: x}, b: {driver: sqlite, database: y}}\n"
    assert check(f"{text}server:\n  sessions: {{backend: sql}}\n") == [
        (
            "config.yaml:3:3: [H105] server.sessions.database: is missing\n"
            "  hint: name an entry of `databases`: a, b"
        )
    ]


@pytest.mark.parametrize(
    ("databases", "name", "file"),
    [
        ("", "default", ".hector/sessions.db"),
        ("databases: {only: {driver: sqlite, database: x.db}}\n", "only", "x.db"),
        (
            "databases: {a: {driver: sqlite, database: a.db}, default: {driver: sqlite, database: d.db}}\n",
            "default",
            "d.db",
        ),
    ],
)
@pytest.mark.parametrize("owner", ["server", "storage"])
def test_sql_sessions_take_the_database_that_is_meant(
    index: ProviderIndex, databases: str, name: str, file: str, owner: str
) -> None:
    """The default, the only one, or a file beside the config where there is none."""
    sessions = load(f"{databases}{owner}: {{sessions: {{backend: sql}}}}\n", index).server.sessions

    assert sessions.database == name
    assert sessions.entry is not None
    assert str(sessions.entry.settings.database).endswith(file)


def test_a_database_without_sql_would_have_no_effect(check: Check) -> None:
    text = "databases: {d: {driver: sqlite, database: x}}\nserver: {sessions: {database: d}}\n"

    assert check(text) == [
        "config.yaml:2:21: [H104] server.sessions.database: has no effect unless `backend` is `sql`"
    ]


def test_the_database_of_the_sessions_must_be_there(check: Check) -> None:
    assert check("server: {sessions: {backend: sql, database: d}}") == [
        (
            "config.yaml:1:45: [H108] server.sessions.database: there is no database `d`\n"
            "  hint: add it under `databases`"
        )
    ]


@pytest.mark.parametrize("name", ["1a", "a b", "a.b", "ä", "-a"])
def test_an_agent_has_a_plain_name(check: Check, name: str) -> None:
    (found,) = check(f"agents:\n  '{name}': {{}}\n")

    assert found.startswith("config.yaml:2:3: [H104] agents")
    assert found.endswith("the name of an agent must match `[a-zA-Z][a-zA-Z0-9_-]*`")


def test_no_agent_is_called_user(check: Check) -> None:
    assert check("agents:\n  user:\n") == [
        (
            "config.yaml:2:3: [H104] agents.user: an agent cannot be called `user`: "
            "that is who writes the messages"
        )
    ]


def test_a_name_with_a_dot_would_be_taken_for_a_member(check: Check) -> None:
    assert check("tools:\n  a.b: {type: files}\n") == [
        (
            'config.yaml:2:3: [H104] tools["a.b"]: '
            "the name of an entry must match `[a-zA-Z0-9_][a-zA-Z0-9_-]*`"
        )
    ]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("[1]", "config.yaml:1:1: [H103] expected a map of sections, but found a list"),
        ("5", "config.yaml:1:1: [H103] expected a map of sections, but found an integer `5`"),
        ("llms: [x]", "config.yaml:1:7: [H103] llms: expected a map of named entries, but found a list"),
        ("agents: {a: x}", "config.yaml:1:13: [H103] agents.a: expected a map, but found a string `x`"),
        ("server: 5", "config.yaml:1:9: [H103] server: expected a map, but found an integer `5`"),
        (
            "document_stores: {d: {source: x}}",
            "config.yaml:1:31: [H103] document_stores.d.source: expected a map, but found a string `x`",
        ),
        (
            "llms: {a: {provider: 5}}",
            "config.yaml:1:22: [H103] llms.a.provider: expected a string, but found an integer `5`",
        ),
        (
            "tools: {a: {}}",
            "config.yaml:1:9: [H105] tools.a.type: is missing\n  hint: one of: files, mcp",
        ),
        (
            "llms: {a: {provider: opena}}",
            ("config.yaml:1:22: [H107] llms.a.provider: no installed plugin offers the LLM type `opena`\n"
            "  hint: did you mean `openai`? (one of: offline, openai)"),
        ),
        (
            "llms: {a: {provider: anthropic}}",
            ("config.yaml:1:22: [H107] llms.a.provider: no installed plugin offers the LLM type `anthropic`\n"
            "  hint: install it: pip install hector-plugin-anthropic (installed: offline, openai)"),
        ),
        (
            "vector_stores: {a: {type: qdrant}}",
            ("config.yaml:1:27: [H107] vector_stores.a.type: no installed plugin offers the vector store type `qdrant`\n"
            "  hint: install it: pip install hector-plugin-qdrant (installed: chromem)"),
        ),
        (
            "tools: {a: {type: mcp}}",
            "config.yaml:1:9: [H104] tools.a: give either `url` or `command`",
        ),
        (
            "tools: {a: {type: mcp, command: c, args: [b, -x]}}",
            "config.yaml:1:46: [H104] tools.a.args[1]: is a flag\n  hint: name it `--`",
        ),
        (
            "plugins: {require: ['a b']}",
            ("config.yaml:1:21: [H104] plugins.require[0]: "
            "is not a requirement such as `hector-plugin-openai>=0.1`"),
        ),
        (
            "plugins: {prefer: {openai: x}}",
            "config.yaml:1:20: [H104] plugins.prefer.openai: must match `[a-z_]+\\.[a-z][a-z0-9_]*`",
        ),
        (
            "name: ''",
            "config.yaml:1:7: [H104] name: must not be empty",
        ),
        (
            "version: 2",
            "config.yaml:1:10: [H103] version: expected a string, but found an integer `2`\n  hint: quote it",
        ),
        (
            "sever: {}",
            ("config.yaml:1:1: [H102] sever: unknown key\n  hint: did you mean `server`? (one of: agents, databases, "
            "defaults, description, document_stores, embedders, llms, logger, name, observability, plugins, server, "
            "storage, tools, vector_stores, version)"),
        ),
        (
            "logger: {format: simple}",
            "config.yaml:1:18: [H104] logger.format: `simple` is not allowed here\n  hint: one of: text, json",
        ),
    ],
)  # fmt: skip
def test_a_problem_has_its_exact_place_and_text(check: Check, text: str, found: str) -> None:
    assert check(text) == [found]


@pytest.mark.parametrize("code", ["H107", "H113", "H116"])
def test_what_the_registry_says_is_passed_on(index: ProviderIndex, code: str) -> None:
    class Failing:
        def find(self, kind: str, type: str) -> Provider | ProviderProblem:
            return ProviderProblem(code=code, message="it is so", hint="do that")

        types = staticmethod(index.types)
        providers = staticmethod(index.providers)

    raw = read_text("llms:\n  a:\n    provider: x\n", env={}, file="config.yaml")

    assert [str(item) for item in diagnose(raw, Failing())] == [
        f"config.yaml:3:15: [{code}] llms.a.provider: it is so\n  hint: do that"
    ]


class Plain:
    """No attrs class."""


@pytest.mark.parametrize(
    ("declared", "problem"),
    [
        (Plain, "is not an attrs class"),
        ("no_such_module:Plain", "`no_such_module:Plain` cannot be imported: No module named"),
        ("hector.spi:Nothing", "module 'hector.spi' has no attribute 'Nothing'"),
        ("hector.spi:KINDS", "the settings class `hector.spi:KINDS` is no class"),
        ("", "the settings class `` cannot be imported: Empty module name"),
    ],
)
def test_a_plugin_with_a_broken_settings_class_is_told(
    index: ProviderIndex, declared: type[Any] | str, problem: str
) -> None:
    class Broken:
        def find(self, kind: str, type: str) -> Provider | ProviderProblem:
            return Provider(kind="llm", type="x", settings=declared, create="a:b")

        types = staticmethod(index.types)
        providers = staticmethod(index.providers)

    raw = read_text("llms: {a: {provider: x, key: 1}}", env={}, file="config.yaml")
    (found,) = [str(item) for item in diagnose(raw, Broken())]

    assert found.startswith("config.yaml:1:8: [H116] llms.a: the plugin of `x` is broken: ")
    assert problem in found


def test_the_plugins_section_is_read_without_any_provider() -> None:
    raw = read_text("plugins: {disable: [x]}\nllms: 5\n", env={})

    assert plugins_section(raw).disable == ("x",)
    assert plugins_section(read_text("", env={})).require == ()


def test_a_wrong_plugins_section_raises_with_its_problems_only() -> None:
    raw = read_text("plugins: {disable: x}\nllms: 5\n", env={}, file="config.yaml")
    with pytest.raises(ConfigError) as caught:
        plugins_section(raw)

    assert [str(item) for item in caught.value.diagnostics] == [
        (
            "config.yaml:1:20: [H103] plugins.disable: expected a list, but found a string `x`\n"
            "  hint: write it as a list of one: `[…]`"
        )
    ]


def test_somebody_elses_problem_is_placed_by_its_keys() -> None:
    text = "plugins:\n  require: [a, b]\ntools:\n  'a.b': {x: 1}\n"
    raw = read_text(text, env={}, file="config.yaml")

    def place(*keys: str | int) -> tuple[str, int | None, int | None]:
        found = problem_at(raw, keys, "H117", "m")
        return found.path, found.line, found.column

    assert place("plugins", "require", 1) == ("plugins.require[1]", 2, 16)
    assert place("tools", "a.b", "x") == ('tools["a.b"].x', 4, 14)
    assert place("plugins", "require", 7) == ("plugins.require[7]", 2, 12)
    assert place("gone", "away") == ("gone.away", 1, 1)


def test_settings_of_a_component_that_no_entry_names(index: ProviderIndex) -> None:
    provider = index.find("llm", "openai")
    assert isinstance(provider, Provider)
    made = structure_settings(
        provider,
        {"model": "$x ${y}"},
        path="llms.a",
        config_dir=Path("/"),
        env={"OPENAI_API_KEY": "k"},
    )

    assert made.model == "$x ${y}"
    assert made.api_key == Secret("k")
    with pytest.raises(ConfigError) as caught:
        structure_settings(provider, {"modl": 1}, path="llms.a", config_dir=Path("/"), env={})
    assert [(item.code, item.path) for item in caught.value.diagnostics] == [
        ("H102", "llms.a.modl"),
        ("H105", "llms.a.api_key"),
    ]


def test_a_settings_class_may_refuse_several_keys_each_at_its_place(check: Check) -> None:
    """At the nearest place that is there; what concerns the whole stands at the entry."""
    assert check("tools: {a: {type: mcp, url: '', args: [-x]}}") == [
        "config.yaml:1:9: [H104] tools.a: is of no use",
        "config.yaml:1:24: [H104] tools.a.url: is empty",
        "config.yaml:1:40: [H104] tools.a.args[0]: is a flag\n  hint: name it `--`",
    ]
