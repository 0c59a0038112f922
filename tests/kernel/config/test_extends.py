from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hector.config import read
from hector.config.merging import merge
from hector.config.node import Node, node_of, plain
from hector.errors import ConfigError

TREES = st.dictionaries(
    st.sampled_from("abc"),
    st.recursive(
        st.integers() | st.none() | st.lists(st.integers(), max_size=2),
        lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
        max_leaves=8,
    ),
    max_size=3,
)


def tree(value: object) -> Node:
    return node_of(value, [])


@given(TREES)
def test_an_empty_config_changes_nothing(value: object) -> None:
    assert plain(merge(tree(value), tree({}))) == value
    assert plain(merge(tree({}), tree(value))) == value


@given(TREES)
def test_a_config_over_itself_is_itself(value: object) -> None:
    assert plain(merge(tree(value), tree(value))) == value


@given(TREES, TREES)
def test_the_upper_config_has_the_last_word_and_loses_nothing(base: object, over: object) -> None:
    merged = merge(tree(base), tree(over))

    assert plain(merge(merged, tree(over))) == plain(merged)
    assert _is_contained(over, plain(merged))


def _is_contained(part: object, whole: object) -> bool:
    if not isinstance(part, dict) or not part:
        return part in ({}, whole)
    return isinstance(whole, dict) and all(
        key in whole and _is_contained(value, whole[key])  # pyright: ignore[reportUnknownArgumentType]
        for key, value in part.items()  # pyright: ignore[reportUnknownVariableType]
    )


@given(TREES, TREES)
def test_merging_changes_neither_tree(base: object, over: object) -> None:
    lower, upper = tree(base), tree(over)
    merge(lower, upper)

    assert plain(lower) == base
    assert plain(upper) == over


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text)
    return folder / "main.yaml"


def refusal(path: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        read(path, env={})
    return str(caught.value.diagnostics[0]).replace(f"{path.parent}/", "")


def test_maps_are_merged_and_lists_replaced(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        base="a: {x: 1, y: 2}\nlist: [1, 2]\nonly: base\n",
        main="extends: base.yaml\na: {y: 3, z: 4}\nlist: [3]\n",
    )

    assert plain(read(path, env={}).root) == {
        "a": {"x": 1, "y": 3, "z": 4},
        "list": [3],
        "only": "base",
    }


def test_of_several_the_later_one_wins_and_the_file_itself_over_all(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        one="a: 1\nb: 1\nc: 1\n",
        two="b: 2\nc: 2\n",
        main="extends: [one.yaml, two.yaml]\nc: 3\n",
    )
    raw = read(path, env={})

    assert plain(raw.root) == {"a": 1, "b": 2, "c": 3}
    assert raw.source.files == (path, tmp_path / "one.yaml", tmp_path / "two.yaml")


def test_paths_are_relative_to_the_file_that_names_them(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    write(tmp_path / "shared", base="extends: more.toml\na: 1\n")
    (tmp_path / "shared" / "more.toml").write_text("b = 2\n")
    path = write(tmp_path, main="extends: shared/base.yaml\n")

    assert plain(read(path, env={}).root) == {"a": 1, "b": 2}


def test_a_base_may_be_reached_twice(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        base="a: 1\n",
        left="extends: base.yaml\nb: 1\n",
        right="extends: base.yaml\nc: 1\n",
        main="extends: [left.yaml, right.yaml]\n",
    )

    assert plain(read(path, env={}).root) == {"a": 1, "b": 1, "c": 1}


def test_a_problem_is_told_in_the_file_that_has_it(tmp_path: Path) -> None:
    path = write(tmp_path, base="x: 1\na:\n  b: ${GONE}\n", main="extends: base.yaml\nc: ${LOST}\n")
    problems = [str(item).replace(f"{tmp_path}/", "") for item in read(path, env={}).problems]

    assert [line.partition(" [")[0] for line in problems] == ["base.yaml:3:6:", "main.yaml:2:4:"]


def test_a_variable_that_is_overruled_need_not_be_set(tmp_path: Path) -> None:
    path = write(tmp_path, base="a: ${GONE}\n", main="extends: base.yaml\na: 1\n")

    assert read(path, env={}).problems == ()


def test_the_path_itself_may_have_variables(tmp_path: Path) -> None:
    path = write(tmp_path, base="a: 1\n", main="extends: ${WHICH}.yaml\n")

    assert plain(read(path, env={"WHICH": "base"}).root) == {"a": 1}
    assert refusal(path) == "main.yaml:1:10: [H106] extends: the variable `WHICH` is not set"


def test_a_missing_base_is_told_where_it_is_named(tmp_path: Path) -> None:
    path = write(tmp_path, main="name: x\nextends:\n  - gone.yaml\n")

    assert refusal(path) == (
        "main.yaml:3:5: [H114] extends[0]: `gone.yaml` does not exist\n"
        "  hint: the path is relative to this file"
    )


def test_a_base_with_bad_syntax_is_told_in_its_own_file(tmp_path: Path) -> None:
    path = write(tmp_path, base="a: b: c\n", main="extends: base.yaml\n")

    assert refusal(path).startswith("base.yaml:1:5: [H112] invalid YAML: ")


def test_a_circle_is_told_with_every_file_in_it(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        main="extends: one.yaml\n",
        one="extends: two.yaml\n",
        two="a: 1\nextends: [one.yaml]\n",
    )

    assert refusal(path) == (
        "two.yaml:2:11: [H114] extends[0]: extends itself: one.yaml → two.yaml → one.yaml"
    )


def test_a_file_that_extends_itself_is_told(tmp_path: Path) -> None:
    path = write(tmp_path, main="extends: ./main.yaml\n")

    assert refusal(path) == (
        "main.yaml:1:10: [H114] extends: extends itself: main.yaml → main.yaml"
    )


@pytest.mark.parametrize("value", ["5", "''", "[5]", "{a: b}", "[]", "null"])
def test_what_is_no_path_is_refused(tmp_path: Path, value: str) -> None:
    path = write(tmp_path, main=f"extends: {value}\n")

    assert "[H114]" in refusal(path)
    assert "expected the path of a config, or a list of them" in refusal(path)


def test_a_base_that_is_no_map_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, base="[1]", main="extends: base.yaml\n")

    assert refusal(path) == ("main.yaml:1:10: [H114] extends: `base.yaml` is not a map of sections")
