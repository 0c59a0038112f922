from __future__ import annotations

from collections.abc import Callable
from graphlib import CycleError, TopologicalSorter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hector.config import ProviderIndex, diagnose, read, read_text, structure
from hector.errors import ConfigError

Check = Callable[..., list[str]]

LLMS = "llms: {default: {provider: offline}}\n"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (
            "agents:\n  a: {llm: defauult}\n",
            (
                "config.yaml:3:12: [H108] agents.a.llm: there is no LLM `defauult`\n"
                "  hint: did you mean `default`? (one of: default)"
            ),
        ),
        (
            "agents:\n  a: {tools: [files]}\n",
            (
                "config.yaml:3:15: [H108] agents.a.tools[0]: there is no toolset `files`\n"
                "  hint: add it under `tools`"
            ),
        ),
        (
            "agents:\n  a: {sub_agents: [b]}\n  c: {}\n",
            (
                "config.yaml:3:20: [H108] agents.a.sub_agents[0]: there is no agent `b`\n"
                "  hint: one of: a, c"
            ),
        ),
        (
            "agents:\n  a: {document_stores: [x]}\n",
            (
                "config.yaml:3:25: [H108] agents.a.document_stores[0]: there is no document store `x`\n"
                "  hint: add it under `document_stores`"
            ),
        ),
        (
            "document_stores:\n  d: {source: {path: x}, embedder: e}\n",
            (
                "config.yaml:3:36: [H108] document_stores.d.embedder: there is no embedder `e`\n"
                "  hint: one of: default"
            ),
        ),
        (
            "document_stores:\n  d: {source: {path: x}, vector_store: v}\nvector_stores: {w: {}}\n",
            (
                "config.yaml:3:40: [H108] document_stores.d.vector_store: there is no vector store `v`\n"
                "  hint: one of: w"
            ),
        ),
        (
            "document_stores:\n  d: {source: {path: x}, chunking: {embedder: e}}\n",
            (
                "config.yaml:3:47: [H108] document_stores.d.chunking.embedder: there is no embedder `e`\n"
                "  hint: one of: default"
            ),
        ),
        (
            "defaults: {llm: x}\n",
            "config.yaml:2:17: [H108] defaults.llm: there is no LLM `x`\n  hint: one of: default",
        ),
    ],
)
def test_a_dangling_reference_is_told_with_what_there_is(
    check: Check, text: str, found: str
) -> None:
    assert check(LLMS + text) == [found]


def test_an_omitted_llm_that_is_not_there_is_told_with_what_to_do(check: Check) -> None:
    text = "llms: {a: {provider: offline}, b: {provider: offline}}\nagents:\n  x:\n"

    assert check(text) == [
        (
            "config.yaml:3:3: [H108] agents.x.llm: no LLM is named here, and there is no `default`\n"
            "  hint: set `llm`, or `defaults.llm` (one of: a, b)"
        )
    ]


def test_an_omitted_embedder_of_several_is_told(check: Check) -> None:
    text = (
        "embedders: {a: {provider: lexical}, b: {provider: lexical}}\n"
        "document_stores:\n  d: {source: {path: x}}\n"
    )

    assert check(text) == [
        (
            "config.yaml:3:3: [H108] document_stores.d.embedder: "
            "no embedder is named here, and there is no `default`\n"
            "  hint: set `embedder` (one of: a, b)"
        )
    ]


def test_a_disabled_toolset_is_told_as_such(check: Check) -> None:
    text = "tools: {t: {type: files, enabled: false}}\nagents:\n  a: {tools: [t.x]}\n"

    assert check(text) == [
        (
            "config.yaml:3:15: [H108] agents.a.tools[0]: the toolset `t` is disabled\n"
            "  hint: set `tools.t.enabled` to true, or remove the reference"
        )
    ]


def test_only_references_that_allow_it_name_a_member(check: Check) -> None:
    text = (
        "tools: {t: {type: files}}\nagents:\n  a: {tools: [t.any_name]}\n  b: {sub_agents: [a.x]}\n"
    )

    assert check(text) == [
        (
            "config.yaml:4:20: [H108] agents.b.sub_agents[0]: there is no agent `a.x`\n"
            "  hint: one of: a, b"
        )
    ]


def test_a_name_that_a_variable_holds_is_not_shown(check: Check) -> None:
    found = check(f"{LLMS}agents: {{a: {{llm: '${{WHICH}}'}}}}", env={"WHICH": "sk-very-secret"})

    assert found == [
        (
            "config.yaml:2:19: [H108] agents.a.llm: there is no LLM called what `${WHICH}` holds\n"
            "  hint: one of: default"
        )
    ]


def test_a_reference_to_a_broken_entry_does_not_dangle(check: Check) -> None:
    text = "llms: {m: {provider: gone}}\nagents: {a: {llm: m}}\n"

    assert [line.partition("]")[0] for line in check(text)] == ["config.yaml:1:22: [H107"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (
            "agents:\n  a: {sub_agents: [a]}\n",
            (
                "config.yaml:2:20: [H109] agents.a.sub_agents[0]: "
                "circular reference: agents.a → agents.a"
            ),
        ),
        (
            "agents:\n  a: {sub_agents: [b]}\n  b: {agent_tools: [c]}\n  c: {sub_agents: [b]}\n",
            (
                "config.yaml:4:20: [H109] agents.c.sub_agents[0]: "
                "circular reference: agents.b → agents.c → agents.b"
            ),
        ),
    ],
)
def test_a_loop_is_named_in_full(check: Check, text: str, found: str) -> None:
    assert check(text) == [f"{found}\n  hint: remove one of them"]


def test_a_diamond_is_no_loop(check: Check) -> None:
    text = "agents: {a: {sub_agents: [b, c]}, b: {sub_agents: [d]}, c: {agent_tools: [d]}, d: {}}"

    assert check(text) == []


def test_a_chain_of_thousands_of_agents_is_followed(index: ProviderIndex) -> None:
    agents = {f"a{n}": {"sub_agents": [f"a{n + 1}"]} for n in range(3000)}
    config = {"agents": {**agents, "a3000": {}}}

    assert diagnose(read(config, env={}), index) == ()
    config["agents"]["a3000"] = {"sub_agents": ["a0"]}
    (found,) = diagnose(read(config, env={}), index)
    assert found.code == "H109"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])  # the index never changes
@given(
    st.integers(1, 7).flatmap(
        lambda count: st.lists(
            st.tuples(st.integers(0, count - 1), st.integers(0, count - 1)), max_size=12
        ).map(lambda edges: (count, edges))
    )
)
def test_a_graph_is_refused_exactly_when_it_has_a_loop(
    index: ProviderIndex, graph: tuple[int, list[tuple[int, int]]]
) -> None:
    count, edges = graph
    agents = {
        f"a{n}": {"sub_agents": [f"a{end}" for start, end in edges if start == n]}
        for n in range(count)
    }
    try:
        TopologicalSorter({name: body["sub_agents"] for name, body in agents.items()}).prepare()
        is_circular = False
    except CycleError:
        is_circular = True

    found = diagnose(read({"agents": agents}, env={}), index)

    assert bool(found) is is_circular
    assert {item.code for item in found} <= {"H109"}


def test_structure_refuses_what_diagnose_reports(index: ProviderIndex) -> None:
    raw = read_text("agents: {a: {sub_agents: [a]}}", env={})
    with pytest.raises(ConfigError) as caught:
        structure(raw, index)

    assert caught.value.diagnostics == diagnose(raw, index)


def test_null_refers_to_as_much_as_leaving_out(index: ProviderIndex) -> None:
    """What an agent may use is known, also when "all" was written as null."""
    text = (
        LLMS
        + "document_stores: {d: {source: {path: x}}}\nagents: {a: {document_stores: null}, b: {}}\n"
    )
    config = structure(read_text(text, env={}), index)
    written, omitted = config.of_kind("agent")["a"], config.of_kind("agent")["b"]

    assert [(use.kind, use.name) for use in written.references] == [
        (use.kind, use.name) for use in omitted.references
    ]
    assert ("document_store", "d") in [(use.kind, use.name) for use in written.references]
