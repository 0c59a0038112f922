"""The directory source and the globs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hector.errors import DocumentError
from hector.spi import DocumentFailure, RawDocument
from hector_std.conformance import TestDirectory
from hector_std.directory import DirectorySettings
from hector_std.directory_source import DirectorySource
from hector_std.globs import Glob

__all__ = ["TestDirectory"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    for path in ("b.md", "a/z.test.ts", "a/z.ts", "a/deep/c.md", "node_modules/x.md", "photo.png"):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(path)
    (tmp_path / "outside.md").write_text("outside")
    (folder / "link.md").symlink_to("b.md")
    (folder / "away.md").symlink_to("../outside.md")
    (folder / "a" / "up").symlink_to("..")
    return folder


async def found(folder: Path, **options: Any) -> list[RawDocument | DocumentFailure]:
    source = DirectorySource(DirectorySettings(path=folder, **options))
    return [item async for item in source.documents()]


async def ids(folder: Path, **options: Any) -> list[str]:
    return [item.id for item in await found(folder, **options)]


async def test_text_files_are_found_sorted_without_links_and_excluded_folders(
    folder: Path,
) -> None:
    assert await ids(folder) == ["a/deep/c.md", "a/z.test.ts", "a/z.ts", "b.md"]


async def test_patterns_mean_what_globs_mean(folder: Path) -> None:
    assert await ids(folder, include=("*.test.ts",)) == ["a/z.test.ts"]
    assert await ids(folder, include=("/*.md",)) == ["b.md"]
    assert await ids(folder, include=("a/**/*.{md,ts}",), exclude=("deep",)) == [
        "a/z.test.ts",
        "a/z.ts",
    ]


async def test_links_are_followed_when_asked_but_never_out_of_the_folder(folder: Path) -> None:
    assert await ids(folder, include=("*.md",), follow_symlinks=True) == [
        "a/deep/c.md",
        "b.md",
        "link.md",
    ]


async def test_a_document_has_its_name_content_and_path(folder: Path) -> None:
    document = (await found(folder, include=("c.md",)))[0]
    assert document == RawDocument(
        id="a/deep/c.md", data=b"a/deep/c.md", name="c.md", metadata={"path": "a/deep/c.md"}
    )


async def test_what_cannot_be_read_is_a_failure_beside_the_others(folder: Path) -> None:
    (folder / "big.md").write_text("x" * 100)
    (folder / os.fsdecode(b"bad\xff.md")).write_text("x")
    failures = [
        item for item in await found(folder, max_file_size=50) if isinstance(item, DocumentFailure)
    ]
    assert failures == [
        DocumentFailure(id="bad\ufffd.md", reason="its name is not valid Unicode"),
        DocumentFailure(id="big.md", reason="`big.md` has 100 bytes; at most 50 are read"),
    ]


async def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="is not a folder"):
        await ids(tmp_path / "none")


@pytest.mark.parametrize(
    ("pattern", "path", "is_match"),
    [
        ("*.md", "a/b.md", True),
        ("/*.md", "a/b.md", False),
        ("docs/*.md", "docs/a/b.md", False),
        ("docs/**/*.md", "docs/b.md", True),
        ("docs/**", "docs/a/b.md", True),
        ("**/a/**/b", "x/a/y/z/b", True),
        ("a?c", "a/c", False),
        ("*.{md,txt}", "x.txt", True),
        ("[ab].md", "b.md", True),
        ("build/", "build", True),
        ("Makefile", "sub/Makefile", True),
        ("makefile", "Makefile", False),
    ],
)
def test_a_glob_matches(pattern: str, path: str, is_match: bool) -> None:
    assert Glob(pattern).matches(path) is is_match


@given(st.lists(st.sampled_from(["a", "b", "ab"]), min_size=1, max_size=6))
def test_a_path_matches_itself_and_below_any_double_star(parts: list[str]) -> None:
    path = "/".join(parts)
    assert Glob("/" + path).matches(path)
    assert Glob("**/" + parts[-1]).matches(path)
    assert Glob("/" + "/".join("**" for _ in parts) + "/*").matches(path)
    assert not Glob("/" + path + "/*").matches(path)


def test_a_hostile_glob_is_quick() -> None:
    assert not Glob("*a" * 60 + "b").matches("a" * 250)
    assert not Glob("/".join(["**", "a"] * 40) + "/b").matches("/".join(["a"] * 200))
