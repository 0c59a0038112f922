"""A file has one idea and a function fits on a screen."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path

FILE_LINES = 400
FUNCTION_LINES = 70
FUNCTION_LINES_WISHED = 40
VAGUE_MODULES = {"base", "common", "helper", "helpers", "misc", "util", "utils"}
VAGUE_WORDS = {"Helper", "Impl", "Manager"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(tree: ast.AST) -> Iterator[Function]:
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def length(function: Function) -> int:
    """Lines from `def` to the end, without the docstring: explaining is not penalised."""
    lines = (function.end_lineno or function.lineno) - function.lineno + 1
    first = function.body[0]
    if ast.get_docstring(function, clean=False) is None:
        return lines
    return lines - ((first.end_lineno or first.lineno) - first.lineno + 1)


def test_the_length_of_a_function_leaves_out_its_docstring() -> None:
    source = 'def f(\n    a,\n):\n    """One.\n\n    Two.\n    """\n    return a\n'

    assert [length(function) for function in functions(ast.parse(source))] == [4]


def test_no_file_is_longer_than_400_lines(sources: list[Path]) -> None:
    lengths = {path: len(path.read_text().splitlines()) for path in sources}

    assert {str(path): lines for path, lines in lengths.items() if lines > FILE_LINES} == {}


def test_no_function_is_longer_than_70_lines(
    sources: list[Path], repository: Path, record_property: Callable[[str, object], None]
) -> None:
    """Those above 40 are named at the end of the run."""
    found = [
        (length(function), f"{path.relative_to(repository)}:{function.lineno} {function.name}")
        for path in sources
        for function in functions(ast.parse(path.read_text()))
    ]
    long = sorted((item for item in found if item[0] > FUNCTION_LINES_WISHED), reverse=True)
    record_property("functions above 40 lines", "\n".join(f"{n:4} {name}" for n, name in long))

    assert [name for lines, name in long if lines > FUNCTION_LINES] == []


def test_every_module_is_named_for_what_it_is(sources: list[Path]) -> None:
    assert [str(path) for path in sources if VAGUE_MODULES & {path.stem, path.parent.name}] == []


def test_every_class_is_named_for_what_it_is(sources: list[Path]) -> None:
    vague = [
        f"{path}:{node.lineno} {node.name}"
        for path in sources
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef)
        and VAGUE_WORDS & set(re.findall(r"[A-Z][a-z]+", node.name))
    ]

    assert vague == []
