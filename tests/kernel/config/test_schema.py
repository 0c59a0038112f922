"""The schema and the check come from the same classes: these tests hold them to one verdict."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any, cast

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hector.config import ProviderIndex, diagnose, read, schema
from hector.errors import Diagnostic, UsageError

NAMES = st.from_regex(r"[a-z][a-z0-9_-]{0,6}", fullmatch=True).filter(lambda name: name != "user")
TEXT = st.text(
    alphabet=st.characters(exclude_characters="$", exclude_categories=["Cs"]), max_size=20
)
WORDS = TEXT.filter(bool)
DURATION = st.floats(0.1, 100) | st.sampled_from(["30s", "500ms", "1.5m", "2h", "1d"])


def keys(required: dict[str, Any] | None = None, **optional: Any) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries(required or {}, optional=optional)


def with_main(entries: dict[str, Any], main: Any) -> dict[str, Any]:
    return {**entries, "main": main}


LLM = keys(
    {"provider": st.just("openai"), "api_key": TEXT},
    model=WORDS,
    base_url=st.just("https://x.org/v1"),
    temperature=st.floats(0, 2) | st.none(),
    max_tokens=st.integers(1, 10**6),
    timeout=DURATION,
    mode=st.sampled_from(["chat", "responses"]),
    effort=st.sampled_from(["low", "high"]),
    stream=st.booleans(),
    headers=st.dictionaries(WORDS, TEXT, max_size=2),
    stop=st.lists(TEXT, max_size=4),
    thinking=st.none() | keys(enabled=st.booleans(), budget_tokens=st.integers(1, 100_000)),
    seed=st.none() | st.integers() | TEXT,
) | keys(provider=st.sampled_from(["offline", "some-dist:offline"]))
AGENT = keys(
    type=st.just("llm"),
    llm=st.just("main"),
    name=TEXT,
    description=TEXT,
    visibility=st.sampled_from(["public", "internal", "private"]),
    instruction=TEXT,
    tools=st.none() | st.just([]) | st.just(["files.read"]),
    skills=st.lists(keys({"id": WORDS}, tags=st.lists(TEXT, max_size=2)), max_size=2),
    input_modes=st.lists(WORDS, min_size=1, max_size=2),
)
STORE = keys(
    {"source": keys({"path": st.just("docs")}, type=st.just("directory"))},
    chunking=keys(strategy=st.just("semantic"), size=st.integers(50, 5000)),
    search=keys(top_k=st.integers(1, 1000), threshold=st.floats(0, 1)),
    indexing=keys(timeout=DURATION, batch_size=st.integers(1, 10_000)),
    description=TEXT,
)
SERVER = keys(
    host=WORDS,
    port=st.integers(0, 65535),
    build_timeout=DURATION,
    shutdown_timeout=DURATION,
    reload=keys(drain_timeout=DURATION),
    sessions=keys(backend=st.just("inmemory")),
    observability=keys(
        tracing=keys(enabled=st.booleans(), sampling_rate=st.floats(0, 1)),
        metrics=keys(endpoint=st.just("/m")),
    ),
)
CONFIG = keys(
    {
        "llms": st.builds(with_main, st.dictionaries(NAMES, LLM, max_size=2), LLM),
        "tools": st.just({"files": {"type": "files"}}),
        "defaults": st.just({"llm": "main"}),
    },
    name=WORDS,
    version=TEXT,
    agents=st.none() | st.dictionaries(NAMES, AGENT | st.none(), max_size=3),
    document_stores=st.dictionaries(NAMES, STORE, max_size=2),
    server=SERVER,
    plugins=keys(require=st.just(["hector"]), disable=st.lists(WORDS, max_size=2)),
    logger=keys(level=st.sampled_from(["debug", "warn"]), format=st.just("json")),
)  # fmt: skip

Place = tuple[str | int, ...]
OPEN_MAPS = {"llms", "tools", "agents", "document_stores", "headers", "prefer"}
same_index = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    max_examples=60,
)  # the index never changes


def verdict(config: Any, index: ProviderIndex) -> tuple[Diagnostic, ...]:
    return diagnose(read(cast("dict[str, Any]", config), env={}), index)


def faults(config: Any, index: ProviderIndex) -> set[Place]:
    """Where the schema finds something, alternatives included."""
    validator: Any = jsonschema.Draft202012Validator(schema(index))

    def places(error: jsonschema.ValidationError) -> Iterator[Place]:
        yield tuple(error.absolute_path)
        for inner in error.context or ():
            yield from places(inner)

    return {place for error in validator.iter_errors(config) for place in places(error)}


def walk(value: Any, place: Place = ()) -> Iterator[tuple[Place, Any]]:
    yield place, value
    children: Any = ()
    if isinstance(value, dict):
        children = cast("dict[str, Any]", value).items()
    if isinstance(value, list):
        children = enumerate(cast("list[Any]", value))
    for key, child in children:
        yield from walk(child, (*place, key))


def replaced(config: Any, place: Place, value: object) -> Any:
    mutant = copy.deepcopy(config)
    target = mutant
    for key in place[:-1]:
        target = target[key]
    target[place[-1]] = value
    return mutant


def path_of(place: Place) -> str:
    from hector.config.node import child_path

    path = ""
    for key in place:
        path = f"{path}[{key}]" if isinstance(key, int) else child_path(path, key)
    return path


@same_index
@given(config=CONFIG)
def test_what_one_takes_the_other_takes(index: ProviderIndex, config: Any) -> None:
    assert verdict(config, index) == ()
    assert faults(config, index) == set()


def mutate(
    data: st.DataObject, config: Any, fits: Callable[[Place, Any], object], index: ProviderIndex
) -> None:
    """Replace one value of those that `fits` has a replacement for; both must see it there."""
    choices = [(place, fits(place, value)) for place, value in walk(config) if place]
    choices = [(place, value) for place, value in choices if value is not None]
    if not choices:
        return
    place, value = data.draw(st.sampled_from(choices))
    mutant = replaced(config, place, value)

    assert path_of(place) in {item.path for item in verdict(mutant, index)}
    assert place in faults(mutant, index)


@same_index
@given(config=CONFIG, data=st.data())
def test_an_unknown_key_anywhere_is_refused_by_both(
    index: ProviderIndex, config: Any, data: st.DataObject
) -> None:
    closed = [
        place
        for place, value in walk(config)
        if isinstance(value, dict) and not (place and place[-1] in OPEN_MAPS)
    ]
    place = data.draw(st.sampled_from(closed))
    mutant = replaced(config, (*place, "unknown_key"), 1)
    found = verdict(mutant, index)

    assert [(item.code, item.path) for item in found] == [
        ("H102", path_of((*place, "unknown_key")))
    ]
    assert place in faults(mutant, index)


def wrong_type(place: Place, value: Any) -> object:
    if place[-1] == "seed" or value is None:
        return None
    return "wrong" if isinstance(value, dict) else {"wrong": 1}


@same_index
@given(config=CONFIG, data=st.data())
def test_a_wrong_type_anywhere_is_refused_by_both(
    index: ProviderIndex, config: Any, data: st.DataObject
) -> None:
    mutate(data, config, wrong_type, index)


def out_of_range(place: Place, value: Any) -> object:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return -1 if is_number and place[-1] != "seed" else None


@same_index
@given(config=CONFIG, data=st.data())
def test_a_number_out_of_range_anywhere_is_refused_by_both(
    index: ProviderIndex, config: Any, data: st.DataObject
) -> None:
    mutate(data, config, out_of_range, index)


def of_no_choice(place: Place, value: Any) -> object:
    is_choice = place[-1] in {
        "visibility",
        "mode",
        "effort",
        "level",
        "format",
        "backend",
        "provider",
    }
    return "nothing-of-this" if is_choice and isinstance(value, str) else None


@same_index
@given(config=CONFIG, data=st.data())
def test_a_value_that_is_no_choice_is_refused_by_both(
    index: ProviderIndex, config: Any, data: st.DataObject
) -> None:
    mutate(data, config, of_no_choice, index)


REFUSED: list[Any] = [
    {"agents": {"user": {}}},
    {"agents": {"1a": {}}},
    {"tools": {"a.b": {"type": "files"}}},
    {"tools": {"a": {}}},
    {"tools": {"a": None}},
    {"llms": {"a": {"provider": "nobody"}}},
    {"llms": {"a": {"provider": "openai", "realtime": True, "api_key": "k"}}},
    {"llms": {"a": {"model": 5}}},
    {"document_stores": {"d": {}}},
    {"document_stores": {"d": None}},
    {"guardrails": {}},
    {"server": {"tls": {}}},
    {"storage": {"memory": {}}},
    {"agents": {"a": {"skills": [{}]}}},
    {"embedders": {"a": {}}},
    {"plugins": {"prefer": {"openai": "x"}}},
    {"server": {"public_url": "ftp://x"}},
    {"llms": []},
]


@pytest.mark.parametrize("config", REFUSED)
def test_what_the_check_refuses_the_schema_refuses(index: ProviderIndex, config: Any) -> None:
    assert [item for item in verdict(config, index) if item.severity == "error"]
    assert faults(config, index)


TAKEN: list[Any] = [
    {},
    {"llms": None, "agents": {"a": None}, "server": None, "storage": None},
    {"llms": {"a": None}},
    {"llms": {"a": {"provider": "x-y:openai", "api_key": "k"}}},
    {"storage": {"sessions": {"backend": "inmemory"}}},
    {"observability": {"metrics": {"enabled": True}}},
    {"vector_stores": {"a": None}},
    {"tools": {"m": {"type": "mcp", "url": "x", "require_approval": True}}},
    {"server": {"port": 80.0}},
]


@pytest.mark.parametrize("config", TAKEN)
def test_what_the_check_takes_the_schema_takes(index: ProviderIndex, config: Any) -> None:
    assert [item for item in verdict(config, index) if item.severity == "error"] == []
    assert faults(config, index) == set()


def test_an_interpolation_may_stand_for_any_value(index: ProviderIndex) -> None:
    config = {
        "server": {"port": "${PORT}", "build_timeout": "${T:-30s}", "public_url": "${URL}"},
        "logger": {"level": "${LEVEL:info}"},
        "llms": {"a": {"provider": "openai", "stream": "${S}", "api_key": "${K}"}},
    }  # fmt: skip
    env = {"PORT": "80", "URL": "http://x", "S": "true", "K": "k"}

    assert diagnose(read(config, env=env), index) == ()
    assert faults(config, index) == set()
    assert faults({"server": {"port": "80"}}, index) == {("server", "port")}


def test_the_schema_is_one(index: ProviderIndex) -> None:
    jsonschema.Draft202012Validator.check_schema(schema(index))

    assert schema(index)["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_it_tells_descriptions_ranges_choices_and_defaults(index: ProviderIndex) -> None:
    server = schema(index)["properties"]["server"]["properties"]

    assert server["port"] == {
        "type": ["integer", "string"],
        "minimum": 0,
        "maximum": 65535,
        "pattern": r"^\$\{[A-Za-z_][A-Za-z0-9_]*(?::.*)?\}$",
        "description": "port to listen on; 0 takes a free one",
        "default": 8080,
    }
    exporter = server["observability"]["properties"]["tracing"]["properties"]["exporter"]
    assert exporter["anyOf"][0] == {"enum": ["otlp", "stdout"]}
    assert exporter["default"] == "otlp"


@pytest.mark.parametrize(
    ("kind", "entry", "wrong"),
    [
        ("llm", {"provider": "offline"}, {"provider": "offline", "x": 1}),
        ("agent", {"instruction": "x"}, {"instruction": 5}),
        ("toolset", {"type": "files"}, {"type": "filez"}),
        ("document_store", {"source": {"path": "x"}}, {"source": {}}),
        ("document_source", {"path": "x"}, {}),
        ("chunker", {"size": 100}, {"size": 1}),
        ("session_backend", {"driver": "sqlite", "database": "x"}, {"driver": "sqlite"}),
        ("embedder", {"provider": "lexical"}, {}),
        ("vector_store", {}, {"type": "qdrant"}),
    ],
)
def test_each_kind_has_a_schema_of_its_own(
    index: ProviderIndex, kind: str, entry: Any, wrong: Any
) -> None:
    validator: Any = jsonschema.Draft202012Validator(schema(index, kind=kind))

    assert validator.is_valid(entry)
    assert not validator.is_valid(wrong)


def test_an_unknown_kind_is_refused_with_what_there_is(index: ProviderIndex) -> None:
    with pytest.raises(UsageError, match="the config has no entries of kind `x`"):
        schema(index, kind="x")
