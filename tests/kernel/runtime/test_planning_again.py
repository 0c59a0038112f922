"""A loader that is asked again says what a new one would say, and takes over what did not change."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import attrs
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from hector.errors import ConfigError
from hector.runtime.changes import compare
from hector.runtime.loading import ConfigInput, ConfigLoader, Planned
from hector.spi import Env, Provider, Range, Reference, Secret


@attrs.frozen(kw_only=True)
class Chat:
    """An LLM of these tests."""

    model: str = "m"
    api_key: Annotated[Secret | None, Env("CHAT_KEY")] = None
    temperature: Annotated[float | None, Range(0, 2)] = None
    options: Mapping[str, Any] = attrs.field(factory=dict[str, Any])
    cache: Path | None = None


@attrs.frozen(kw_only=True)
class Helper:
    """An agent of these tests."""

    llm: Annotated[str, Reference("llm")] = "default"
    tools: Annotated[
        tuple[str, ...] | None, Reference("toolset", is_all_when_omitted=True, allows_member=True)
    ] = None
    sub_agents: Annotated[tuple[str, ...], Reference("agent")] = ()
    instruction: str = ""


@attrs.frozen(kw_only=True)
class Box:
    """A toolset of these tests."""

    roots: tuple[Path, ...] = (Path(),)
    note: str = ""


def _held(box: Box) -> tuple[str, ...]:
    return (f"box:{box.note}",) if box.note.startswith("only") else ()


def _nothing(_settings: Any, _context: Any) -> Any:
    raise AssertionError("nothing is built here")


PROVIDERS = (
    Provider(kind="llm", type="chat", settings=Chat, create=_nothing),
    Provider(kind="agent", type="helper", settings=Helper, create=_nothing),
    Provider(kind="toolset", type="box", settings=Box, create=_nothing, exclusive=_held),
)


def said(plan: Callable[[], Planned]) -> tuple[object, ...]:
    """Everything that a plan says, or everything that is wrong."""
    try:
        made = plan().plan
    except ConfigError as error:
        return ("refused", error.diagnostics)
    config = attrs.evolve(made.config, source=attrs.evolve(made.config.source))
    specs = {
        path: (spec.entry, spec.dependencies, spec.fingerprint, spec.depth)
        for path, spec in made.specs.items()
    }
    order = [(kind, list(entries)) for kind, entries in config.components.items()]
    return ("planned", config, specs, order, config.warnings)


LINES = st.sampled_from(
    2
    * [
        "    temperature: 0.5",
        "    temperature: 1",
        "    model: ${MODEL}",
        "    model: ${MODEL:-small}",
        "    api_key: ${CHAT_KEY:-none}",
        "    options: {a: 1, b: [1, 2]}",
        "    options: {a: true, b: [1, 2.0]}",
        "    options: {b: [1, 2], a: 1}",
        "    options:\n      nested: |\n        text\n        more",
        "    cache: here",
        "    # a comment",
        "",
    ]
    + ["    temperature: 3", "    modle: x", "    model: 'open"]
)
AGENT_LINES = st.sampled_from(
    2
    * [
        "    llm: one",
        "    llm: two",
        "    tools: []",
        "    tools: [box]",
        "    tools: [box.open]",
        "    sub_agents: [c]",
        "    instruction: 'say ''hi'''",
        '    instruction: "two\n      lines"',
        "    instruction: say ${MODEL:-hi}",
        "    visibility: internal",
        "    description: what it is for",
        "# at the left",
    ]
    + ["    sub_agents: [a]", "    sub_agents: [b, c]", "    llm: *anchor", "    input_modes: []"]
)
BOX_LINES = st.sampled_from(
    ["    enabled: false", "    note: only one", "    note: other", "    roots: [x, y]"]
)


def _entry(name: str, first: str, lines: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    body = st.lists(lines, max_size=3, unique_by=lambda line: line.strip().partition(":")[0])
    return body.map(lambda found: "\n".join([f"  {name}:", f"    {first}", *found]))


def _section(
    key: str, names: str, first: str, lines: st.SearchStrategy[str]
) -> st.SearchStrategy[str]:
    chosen = st.permutations(names.split()).flatmap(
        lambda order: st.sampled_from([0, 1, 9, 9, 9, 9]).map(lambda count: order[:count])
    )
    entries = chosen.flatmap(lambda found: st.tuples(*(_entry(n, first, lines) for n in found)))
    return entries.map(lambda found: "\n".join([f"{key}:", *found]) if found else "")


SECTIONS = {
    "name": st.sampled_from(["", "name: one", "name: two", "\n\n# moved\n"]),
    "anchor": st.sampled_from(["", "", "", "description: &anchor one"]),
    "defaults": st.sampled_from(
        ["", "defaults: {llm: one}", "defaults:\n  llm: two", "defaults: {llm: one}"]
    ),
    "observability": st.sampled_from(["", "", "observability: {metrics: {enabled: true}}"]),
    "llms": _section("llms", "one two three", "provider: chat", LINES),
    "tools": _section("tools", "box chest", "type: box", BOX_LINES),
    "agents": _section("agents", "a b c", "type: helper", AGENT_LINES),
    "extends": st.sampled_from(["", "", "", "extends: parent.yaml"]),
    "tail": st.sampled_from([*[""] * 9, "  stray: [", "\t", "agents: {z: {type: helper}}", "..."]),
}
ENVIRONMENTS = st.fixed_dictionaries(
    {},
    optional={
        "MODEL": st.sampled_from(["", "big", "1"]),
        "CHAT_KEY": st.sampled_from(["k1", "k2"]),
    },
)
EDITS = st.lists(
    st.one_of(
        *(st.tuples(st.just(key), values) for key, values in SECTIONS.items()),
        st.tuples(st.just(".env"), ENVIRONMENTS),
        st.tuples(st.just("parent"), SECTIONS["llms"]),
        st.tuples(st.just("folder"), st.sampled_from(["x", "y"])),
        st.tuples(st.just("line"), st.tuples(st.integers(0, 40), st.sampled_from("+++-"))),
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=100, deadline=None)
@given(start=st.fixed_dictionaries(SECTIONS), edits=EDITS)
def test_any_sequence_of_edits_gives_what_a_first_reading_gives(
    start: dict[str, str], edits: list[tuple[str, Any]]
) -> None:
    """Config, fingerprints, order, and problems with their places are those of a loader without a past."""
    parts = dict(start)
    state: dict[str, Any] = {"folder": "x", "env": {}, "parent": "", "line": (99, "+")}
    with TemporaryDirectory() as folder:
        loader = ConfigLoader(env=state["env"], providers=PROVIDERS)
        for key, value in [("name", parts["name"]), *edits]:
            if key == ".env":
                state["env"].clear()
                state["env"].update(value)
            elif key in state:
                state[key] = value
            else:
                parts[key] = value
            file = _written(Path(folder) / state["folder"], parts, state)
            again = said(lambda file=file: loader.plan(file))
            event(str(again[0]))
            first = ConfigLoader(env=dict(state["env"]), providers=PROVIDERS)
            assert again == said(lambda file=file, first=first: first.plan(file))


def _written(folder: Path, parts: Mapping[str, str], state: Mapping[str, Any]) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "parent.yaml").write_text(state["parent"] + "\n")
    lines = "\n".join(part for part in parts.values() if part).split("\n")
    number, edit = state["line"]
    if edit == "-":
        del lines[number : number + 1]
    else:
        lines.insert(number, "    # inserted")
    file = folder / "config.yaml"
    file.write_text("\n".join(lines) + "\n")
    return file


CONFIG: dict[str, Any] = {
    "llms": {"one": {"provider": "chat"}, "two": {"provider": "chat", "model": "${MODEL:-m}"}},
    "tools": {"box": {"type": "box"}},
    "agents": {
        "a": {"type": "helper", "llm": "one"},
        "b": {"type": "helper", "llm": "two", "sub_agents": ["a"]},
    },
}


def _with(config: Mapping[str, Any], section: str, name: str, **keys: Any) -> dict[str, Any]:
    entries = dict(config[section])
    entries[name] = {**entries.get(name, {}), **keys}
    return {**config, section: entries}


def test_specs_of_what_did_not_change_are_the_same_objects() -> None:
    """A changed LLM gives its agents new specs, and nobody else."""
    loader = ConfigLoader(env={}, providers=PROVIDERS)
    old = loader.plan(CONFIG).plan
    new = loader.plan(_with(CONFIG, "llms", "two", temperature=0.5)).plan

    same = {path for path, spec in new.specs.items() if old.specs[path] is spec}
    assert same == {"llms.one", "tools.box", "agents.a"}
    assert new.specs["agents.b"].entry is old.specs["agents.b"].entry
    assert new.registry is old.registry or any(r.state == "failed" for r in new.registry.records)
    assert [new.specs[path].depth for path in ("llms.one", "agents.a", "agents.b")] == [0, 1, 2]


def test_a_rotated_variable_rebuilds_exactly_what_uses_it(tmp_path: Path) -> None:
    """Through `${…}` and through a marker alike, from a `.env` file."""
    import yaml

    file = tmp_path / "config.yaml"
    config = _with(CONFIG, "llms", "two", api_key="none")
    config = _with(config, "llms", "one", api_key="fixed", model="${HECTOR_TEST_MODEL}")
    text = yaml.safe_dump(_with(config, "llms", "three", provider="chat"))
    file.write_text(text)
    env = tmp_path / ".env"
    env.write_text("HECTOR_TEST_MODEL=a\nCHAT_KEY=k1\n")
    loader = ConfigLoader(providers=PROVIDERS)
    first = loader.plan(file).plan
    env.write_text("HECTOR_TEST_MODEL=b\nCHAT_KEY=k1\n")
    second = loader.plan(file).plan
    env.write_text("HECTOR_TEST_MODEL=b\nCHAT_KEY=k2\n")
    third = loader.plan(file).plan

    causes = {path: change.causes for path, change in compare(first, second).changes.items()}
    assert causes == {
        "agents.a": ("llms.one",),
        "agents.b": ("agents.a",),
        "llms.one": ("llms.one.model",),
    }
    assert {path: c.causes for path, c in compare(second, third).changes.items()} == {
        "llms.three": ("llms.three.api_key",)
    }
    assert "k2" not in repr(compare(second, third))


def test_a_bad_config_in_between_costs_nothing_of_what_is_known() -> None:
    """What was remembered of the last good config is still there for the next."""
    loader = ConfigLoader(env={}, providers=PROVIDERS)
    old = loader.plan(CONFIG).plan
    with pytest.raises(ConfigError):
        loader.plan(_with(CONFIG, "llms", "two", temperature="hot"))

    new = loader.plan(CONFIG).plan

    assert all(new.specs[path] is spec for path, spec in old.specs.items())
    assert compare(old, new).is_same


def test_the_phases_are_measured() -> None:
    """Read, registry, structure, plan: seconds, in that order."""
    inputs: ConfigInput = CONFIG
    phases = ConfigLoader(env={}, providers=PROVIDERS).plan(inputs).phases

    assert list(phases) == ["read", "registry", "structure", "plan"]
    assert all(seconds > 0 for seconds in phases.values())
