"""The file tools: what they show, what they refuse, and that nothing outside the root is read."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
import time
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from hector.errors import PathOutsideRootError, ToolArgumentsError, ToolError, ToolTimeoutError
from hector.spi import BuildContext, Invocation, ToolContext
from hector_std import contained
from hector_std.conformance import TestFileTools
from hector_std.contained import ContainedFolder
from hector_std.tools_files import FileToolsSettings
from hector_std.tools_files.toolset import FileTools, open_file_tools

__all__ = ["TestFileTools"]

CONTEXT = ToolContext(call_id="c", idempotency_key="k", invocation=cast("Invocation", None))
SECRET = "the secret outside"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    (root / "src" / "deep").mkdir(parents=True)
    (root / "notes.md").write_text("one\ntwo apples\nthree\nfour Apples\nfive\n")
    (root / "a..b.txt").write_text("dots are fine")
    (root / "src" / "main.py").write_text("print('apples')\n")
    (root / "src" / "deep" / "x.py").write_text("pass\n")
    (root / "binary.bin").write_bytes(b"\x00\x01apples")
    (root / ".git").mkdir()
    (root / ".git" / "config").write_text("apples")
    (tmp_path / "secret.txt").write_text(SECRET)
    (tmp_path / "root-beside").mkdir()
    (tmp_path / "root-beside" / "secret.txt").write_text(SECRET)
    (root / "inside").symlink_to("src/main.py")
    (root / "outside").symlink_to("../secret.txt")
    (root / "outside_folder").symlink_to(tmp_path)
    (root / "loop").symlink_to("loop")
    os.mkfifo(root / "pipe")
    return root


def call(root: Path, tool: str, /, **arguments: Any) -> str:
    options: dict[str, Any] = {
        key: arguments.pop(key)
        for key in list(arguments)
        if key.startswith("max_") and key != "max_results"
    }
    tools = {
        item.spec.name: item for item in FileTools(FileToolsSettings(root=root, **options)).tools()
    }
    return cast("str", asyncio.run(cast("Any", tools[tool].call(arguments, CONTEXT))))


def test_a_file_is_read_whole_or_by_lines(root: Path) -> None:
    assert call(root, "read_file", path="notes.md").split("\n")[:2] == ["one", "two apples"]
    assert call(root, "read_file", path="notes.md", start_line=2, end_line=3) == "two apples\nthree"
    assert call(root, "read_file", path="a..b.txt") == "dots are fine"
    assert call(root, "read_file", path="inside") == "print('apples')"
    assert call(root, "read_file", path=str(root / "notes.md"), end_line=1) == "one"


def test_long_output_is_cut_with_a_notice_that_says_how_to_go_on(root: Path) -> None:
    (root / "long.txt").write_text("\n".join(f"line {number}" for number in range(1, 101)))
    (root / "wide.txt").write_text("x" * 5000)

    shown = call(root, "read_file", path="long.txt", max_output=100)
    assert shown.split("\n")[-1] == "[lines 1 to 13 of 100; read on with start_line=14]"
    assert call(root, "read_file", path="wide.txt").endswith("x… [line of 5,000 characters cut]")


@pytest.mark.parametrize(
    ("path", "error", "message"),
    [
        ("missing.txt", ToolError, "`missing.txt` does not exist"),
        ("src", ToolError, "`src` is a folder"),
        ("pipe", ToolError, "`pipe` is not a regular file"),
        ("binary.bin", ToolError, "`binary.bin` cannot be shown: it is a binary file"),
        ("notes.md/x", ToolError, "`notes.md/x` is not a folder"),
        ("a\0b", ToolError, "'a\\x00b' is not a path"),
        ("x" * 5000, ToolError, f"`{'x' * 5000}` cannot be read: File name too long"),
        ("loop", PathOutsideRootError, "`loop` is a link that cannot be followed"),
        *(
            (path, PathOutsideRootError, f"`{path}` lies outside the folder that may be read")
            for path in ("../secret.txt", "outside", "/etc/passwd", "outside_folder/secret.txt",
                         "../root-beside/secret.txt", "../nothing", "src/../../secret.txt")
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_read_says_why(
    root: Path, path: str, error: type[ToolError], message: str
) -> None:
    with pytest.raises(error) as caught:
        call(root, "read_file", path=path)
    assert caught.value.message == message


def test_a_file_that_is_too_large_is_refused_with_its_size(root: Path) -> None:
    with pytest.raises(ToolError) as caught:
        call(root, "read_file", path="notes.md", max_file_size=10)
    assert caught.value.message == "`notes.md` has 38 bytes; at most 10 are read"


def test_lines_that_are_not_there_are_refused(root: Path) -> None:
    with pytest.raises(ToolError, match=r"`notes\.md` has 5 lines; there is no line 9"):
        call(root, "read_file", path="notes.md", start_line=9)
    with pytest.raises(ToolError, match="must not be less than start_line"):
        call(root, "read_file", path="notes.md", start_line=3, end_line=2)


def test_a_folder_is_listed_sorted_without_links_and_what_is_excluded(root: Path) -> None:
    assert call(root, "list_files") == (
        "a..b.txt (13 bytes)\nbinary.bin (8 bytes)\nnotes.md (38 bytes)\nsrc/"
    )
    assert call(root, "list_files", path="src", recursive=True) == (
        "src/deep/\nsrc/deep/x.py (5 bytes)\nsrc/main.py (16 bytes)"
    )
    assert call(root, "list_files", pattern="**/*.py").count("\n") == 1
    assert call(root, "list_files", pattern="*.rs") == "[nothing found]"
    tools = FileTools(FileToolsSettings(root=root, max_results=2)).tools()
    shown = cast("str", asyncio.run(cast("Any", tools[1].call({}, CONTEXT))))
    assert shown.split("\n")[2:] == ["[2 of 4 entries; name a folder or a pattern to see others]"]


def test_matches_are_shown_with_their_lines(root: Path) -> None:
    assert call(root, "grep_search", pattern="apples") == (
        "notes.md:2:two apples\nsrc/main.py:1:print('apples')\n"
        "[1 files not searched: binary, too large or unreadable]"
    )
    assert call(
        root, "grep_search", pattern="APPLES", path="notes.md", case_insensitive=True,
        context_lines=1,
    ) == (
        "notes.md-1-one\nnotes.md:2:two apples\nnotes.md-3-three\n"
        "notes.md:4:four Apples\nnotes.md-5-five"
    )  # fmt: skip
    assert call(root, "grep_search", pattern="o", file_pattern="*.md", max_results=1) == (
        "notes.md:1:one\n[cut after 1 matches; narrow the search to see others]"
    )
    assert call(root, "grep_search", pattern="zzz", file_pattern="*.md") == "[no match in 1 files]"


def test_a_pattern_that_is_none_is_refused(root: Path) -> None:
    with pytest.raises(ToolArgumentsError, match="argument `pattern` is not a regular expression"):
        call(root, "grep_search", pattern="(")


def test_a_glob_that_explodes_is_refused(root: Path) -> None:
    with pytest.raises(ToolArgumentsError, match=r"argument `pattern`: .* too many alternatives"):
        call(root, "list_files", pattern="{a,b}" * 20)


def test_a_catastrophic_pattern_ends_at_the_deadline(root: Path) -> None:
    (root / "trap.txt").write_text("a" * 5000 + "!")
    tools = FileTools(FileToolsSettings(root=root, timeout=0.3))
    grep = next(tool for tool in tools.tools() if tool.spec.name == "grep_search")
    began = time.monotonic()
    with pytest.raises(ToolTimeoutError, match="the search took too long"):
        asyncio.run(cast("Any", grep.call({"pattern": "(a|aa|aaa)+$.b"}, CONTEXT)))
    assert time.monotonic() - began < 5


async def test_cancellation_ends_the_thread(root: Path) -> None:
    for number in range(300):
        (root / f"{number}.txt").write_text("line\n" * 1000)
    grep = FileTools(FileToolsSettings(root=root)).tools()[2]
    before = threading.active_count()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.02):
            await grep.call({"pattern": "(x|y)*z"}, CONTEXT)
    async with asyncio.timeout(5):
        await asyncio.get_running_loop().shutdown_default_executor()
    assert threading.active_count() <= before


async def test_the_root_must_be_a_folder(tmp_path: Path) -> None:
    class Context:
        path = "tools.files"

    with pytest.raises(ToolError, match=r"`tools\.files\.root` is not a folder"):
        await open_file_tools(
            FileToolsSettings(root=tmp_path / "none"), cast("BuildContext", Context())
        )


segments = st.sampled_from(
    ["..", ".", "", "root", "src", "deep", "notes.md", "secret.txt", "outside", "inside", "loop",
     "outside_folder", "a..b.txt", "...", "~", "\0", "é", "\ud800", "etc", "passwd", "pipe"]
)  # fmt: skip
paths = st.tuples(st.sampled_from(["", "/", "//"]), st.lists(segments, max_size=6)).map(
    lambda pair: pair[0] + "/".join(pair[1])
)


@pytest.mark.parametrize("by_descriptor", [True, False])
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(path=paths | st.text(max_size=20), absolute=st.booleans())
@example(path="outside_folder/root/../secret.txt", absolute=False)
def test_no_path_reads_a_byte_outside_the_root(
    root: Path, by_descriptor: bool, path: str, absolute: bool
) -> None:
    """Whatever the path, what is read is a file of the root, by either way of opening."""
    allowed = {
        file.read_bytes() for file in root.rglob("*") if file.is_file() and not file.is_symlink()
    }
    given_path = f"{root}/{path}" if absolute else path
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(contained, "_BY_DESCRIPTOR", by_descriptor)
        folder = ContainedFolder(root)
        with contextlib.suppress(ToolError):
            assert folder.read(given_path, limit=10_000) in allowed
        try:
            listed = [entry.path for entry in folder.walk(given_path, follow_symlinks=True)]
        except ToolError:
            listed = []
        assert not [name for name in listed if "secret" in name or name.startswith("/")]


@pytest.mark.parametrize("by_descriptor", [True, False])
def test_a_segment_exchanged_for_a_link_after_it_was_resolved_does_not_lead_outside(
    root: Path, by_descriptor: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The exchange is made at the worst moment: between resolving and opening."""
    monkeypatch.setattr(contained, "_BY_DESCRIPTOR", by_descriptor)
    (root / "src" / "secret.txt").write_text("inside")
    resolve = ContainedFolder.relative

    def resolve_then_exchange(self: ContainedFolder, path: str) -> str:
        relative = resolve(self, path)
        (root / "src").rename(root / "moved")
        (root / "src").symlink_to(root.parent)
        return relative

    monkeypatch.setattr(ContainedFolder, "relative", resolve_then_exchange)
    with pytest.raises(ToolError):
        ContainedFolder(root).read("src/secret.txt", limit=1000)


@pytest.mark.parametrize("name", [".env", ".env.local", "deep/.env", "key.pem", "id.key"])
async def test_what_may_hold_secrets_is_neither_read_nor_listed_nor_searched(
    tmp_path: Path, name: str
) -> None:
    """Not by its path, not through a link, not by a search; `deny: []` takes the guard away."""
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.write_text("TOKEN=hunter2")
    (tmp_path / "link.txt").symlink_to(file)
    tools = FileTools(FileToolsSettings(root=tmp_path))

    for path in (name, f"./{name}", "link.txt"):
        with pytest.raises(ToolError):
            await tools.read_file(path)
    listed = await tools.list_files(recursive=True)
    searched = await tools.grep_search("hunter2")

    assert name not in listed
    assert "TOKEN" not in searched
    open_tools = FileTools(FileToolsSettings(root=tmp_path, deny=()))
    assert "hunter2" in await open_tools.read_file(name)
