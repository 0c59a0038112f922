from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hector.config import (
    ComponentEntry,
    ProviderIndex,
    canonical,
    fingerprint,
    read_text,
    structure,
)
from hector.spi import Provider, Secret

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.text().map(Secret)
    | st.builds(Path, st.sampled_from(["a", "b"]))
    | st.frozensets(st.integers(), max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(VALUES)
def test_the_canonical_form_is_json(value: Any) -> None:
    json.dumps(canonical(value), allow_nan=False)


@given(st.text(min_size=8))
def test_a_secret_does_not_show_in_it(value: str) -> None:
    assert value not in json.dumps(canonical({"key": Secret(value)}), ensure_ascii=False)


@attrs.frozen
class One:
    key: Any


@attrs.frozen
class Two:
    key: Any


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (One(1), Two(1)),
        (One(1), {"key": 1}),
        (Secret("a"), Secret("b")),
        (Secret("a"), "a"),
        (Path("a"), "a"),
        (frozenset({1}), [1]),
        (1, "1"),
        ({"a": 1}, {"b": 1}),
        ([1, 2], [2, 1]),
        (None, False),
    ],
)
def test_what_differs_has_another_canonical_form(left: object, right: object) -> None:
    assert json.dumps(canonical(left)) != json.dumps(canonical(right))


@given(st.dictionaries(st.text(), st.integers()), st.randoms())
def test_the_order_of_a_map_does_not_matter(value: dict[str, int], random: Any) -> None:
    items = list(value.items())
    random.shuffle(items)

    assert entry_mark(dict(items)) == entry_mark(value)


def entry_mark(settings: Any, **changes: Any) -> str:
    provider = Provider(kind="llm", type="x", settings=One, create="module:create")
    values: dict[str, Any] = {
        "kind": "llm", "name": "a", "path": "llms.a", "type": "x",
        "provider": provider, "settings": settings, **changes,
    }  # fmt: skip
    return fingerprint(ComponentEntry(**values), [])


def test_what_has_no_canonical_form_is_refused() -> None:
    with pytest.raises(TypeError, match="a object has no canonical form"):
        canonical(object())


CONFIG = """\
llms:
  main: {provider: openai, api_key: "${KEY}", model: a}
agents:
  helper: {description: d, instruction: i}
"""


def marks(
    text: str, index: ProviderIndex, dependencies: tuple[str, ...] = (), key: str = "k"
) -> list[str]:
    config = structure(read_text(text, env={"KEY": key}, file="/c/config.yaml"), index)
    return [
        fingerprint(config.components["llm"]["main"], dependencies),
        fingerprint(config.components["agent"]["helper"], dependencies),
    ]


def test_the_same_config_has_the_same_fingerprints(index: ProviderIndex) -> None:
    first = marks(CONFIG, index)

    assert marks(f"# moved\n\n{CONFIG}", index) == first
    assert all(len(mark) == 32 for mark in first)


def test_a_rotated_secret_changes_the_one_that_holds_it(index: ProviderIndex) -> None:
    old, new = marks(CONFIG, index), marks(CONFIG, index, key="other")

    assert old[0] != new[0]
    assert old[1] == new[1]


def test_a_setting_a_description_and_a_reference_change_it(index: ProviderIndex) -> None:
    original = marks(CONFIG, index)

    for before, after in (
        ("instruction: i", "instruction: j"),
        ("description: d", "description: e"),
        ("instruction: i}", "instruction: i}\ntools: {t: {type: files}}"),
    ):
        changed = marks(CONFIG.replace(before, after), index)
        assert changed[0] == original[0]
        assert changed[1] != original[1]


def test_a_display_name_changes_nothing_that_is_built(index: ProviderIndex) -> None:
    changed = CONFIG.replace("description: d", "description: d, name: Title, visibility: private")

    assert marks(changed, index) == marks(CONFIG, index)


def test_a_changed_dependency_changes_it_and_their_order_does_not(index: ProviderIndex) -> None:
    assert marks(CONFIG, index, ("x",)) != marks(CONFIG, index)
    assert marks(CONFIG, index, ("x", "y")) == marks(CONFIG, index, ("y", "x"))


def test_another_provider_changes_it() -> None:
    def other(settings: Any, context: Any) -> None: ...

    here = entry_mark(One(1))
    for change in (
        Provider(kind="llm", type="x", settings=One, create="module:other"),
        Provider(kind="llm", type="x", settings=One, create=other),
        Provider(kind="llm", type="y", settings=One, create="module:create"),
    ):
        assert entry_mark(One(1), provider=change) != here
