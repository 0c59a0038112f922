"""The tools `read_file`, `list_files` and `grep_search`."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated, TypeVar

from hector.errors import ToolArgumentsError, ToolError, UsageError
from hector.spi import BuildContext, Doc, Length, Range, Tool, function_tool
from hector_std.contained import ContainedFolder
from hector_std.globs import GlobSet
from hector_std.text_decoding import NotTextError, decode_text
from hector_std.tools_files.grep import Grep, Interruption
from hector_std.tools_files.provider import FileToolsSettings

__all__ = ["FileTools", "open_file_tools"]

T = TypeVar("T")

LONGEST_LINE = 2000


class FileTools:
    """The tools of one folder. All work is done in threads, which end soon after a cancellation."""

    def __init__(self, settings: FileToolsSettings) -> None:
        self._settings = settings
        self._folder = ContainedFolder(settings.root)
        self._denied = GlobSet.of(settings.deny)
        self._skipped = GlobSet.of((*settings.exclude, *settings.deny))
        functions: dict[str, Callable[..., object]] = {
            "read_file": self.read_file,
            "list_files": self.list_files,
            "grep_search": self.grep_search,
        }
        self._tools = tuple(
            function_tool(functions[name], effect="pure", timeout_s=settings.timeout)
            for name in dict.fromkeys(settings.tools)
        )

    def tools(self) -> Sequence[Tool]:
        """The tools, in the order of the settings."""
        return self._tools

    async def read_file(
        self,
        path: Annotated[str, Doc("the file, relative to the folder"), Length(1)],
        start_line: Annotated[int, Doc("first line to read, from 1"), Range(1)] = 1,
        end_line: Annotated[
            int | None, Doc("last line to read; to the end if null"), Range(1)
        ] = None,
    ) -> str:
        """Read a text file, or some lines of it."""
        if end_line is not None and end_line < start_line:
            raise ToolError(
                f"end_line ({end_line}) must not be less than start_line ({start_line})"
            )
        text = await self._in_thread(lambda _: self._text(path))
        lines = text.split("\n")
        if lines[-1] == "":
            lines.pop()
        if start_line > max(1, len(lines)):
            raise ToolError(f"`{path}` has {len(lines)} lines; there is no line {start_line}")
        wanted = lines[start_line - 1 : end_line]
        return self._capped(wanted, start_line, len(lines))

    async def list_files(
        self,
        path: Annotated[str, Doc("the folder to list; `.` for all")] = ".",
        pattern: Annotated[
            str | None, Doc("glob the path below `path` must match, such as `**/*.py`")
        ] = None,
        recursive: Annotated[bool, Doc("whether to list the folders within as well")] = False,
    ) -> str:
        """List files and folders, one per line; a folder ends with `/`, a file has its size."""
        found = await self._in_thread(lambda stop: self._list(path, pattern, recursive, stop))
        most = self._settings.max_results
        lines = found[:most]
        if len(found) > most:
            lines.append(
                f"[{most} of {len(found)} entries; name a folder or a pattern to see others]"
            )
        return "\n".join(lines) if lines else "[nothing found]"

    async def grep_search(
        self,
        pattern: Annotated[str, Doc("regular expression, matched line by line"), Length(1, 1000)],
        path: Annotated[str, Doc("the file or folder to search; `.` for all")] = ".",
        *,
        file_pattern: Annotated[
            str | None, Doc("glob of the files to search, such as `*.md` or `src/**/*.py`")
        ] = None,
        case_insensitive: Annotated[bool, Doc("whether `a` also matches `A`")] = False,
        context_lines: Annotated[
            int, Doc("lines to show before and after each match"), Range(0, 20)
        ] = 0,
        max_results: Annotated[
            int | None, Doc("most matches to show; null takes the configured number"), Range(1)
        ] = None,
    ) -> str:
        """Search the lines of text files for a regular expression.

        Matches are shown as `path:line:text`, lines around them as `path-line-text`.
        """
        most = min(max_results or self._settings.max_results, self._settings.max_results)
        globs = _globs("file_pattern", file_pattern)
        # A little less than the call may take, so that the model learns why.
        deadline_s = time.monotonic() + self._settings.timeout * 0.9

        def search(stop: threading.Event) -> str:
            grep = Grep.compile(
                pattern,
                ignores_case=case_insensitive,
                context_lines=context_lines,
                most=most,
                most_characters=self._settings.max_output,
                interruption=Interruption(stop, deadline_s),
            )
            for file in self._files(path, globs):
                if not grep.add(file, partial(self._text, file)):
                    break
            return grep.report()

        return await self._in_thread(search)

    def _files(self, path: str, globs: GlobSet | None) -> Sequence[str]:
        relative = self._folder.relative(path)
        if self._settings.root.joinpath(relative).is_file():
            return [relative]
        entries = self._folder.walk(relative, is_skipped=self._skipped.matches)
        return [
            entry.path
            for entry in entries
            if not entry.is_folder and (globs is None or globs.matches(entry.path))
        ]

    def _list(
        self, path: str, pattern: str | None, is_recursive: bool, stop: threading.Event
    ) -> list[str]:
        globs = _globs("pattern", pattern)
        base = self._folder.relative(path)
        skip = 0 if base == "." else len(base) + 1
        found: list[str] = []
        entries = self._folder.walk(
            base,
            is_recursive=is_recursive or "/" in (pattern or "") or "**" in (pattern or ""),
            is_skipped=self._skipped.matches,
        )
        for entry in entries:
            if stop.is_set():
                break
            if globs is None or globs.matches(entry.path[skip:]):
                shown = entry.path.encode(errors="surrogateescape").decode(errors="replace")
                found.append(f"{shown}/" if entry.is_folder else f"{shown} ({entry.size:,} bytes)")
        return found

    def _text(self, path: str) -> str:
        if self._denied.matches(self._folder.relative(path)):
            raise ToolError(f"`{path}` may hold secrets and is not read")
        data = self._folder.read(path, limit=self._settings.max_file_size)
        try:
            return decode_text(data)[0]
        except NotTextError as error:
            raise ToolError(f"`{path}` cannot be shown: {error}") from error

    def _capped(self, lines: Sequence[str], start: int, total: int) -> str:
        shown: list[str] = []
        left = self._settings.max_output
        for line in lines:
            cut = line
            if len(line) > LONGEST_LINE:
                cut = f"{line[:LONGEST_LINE]}… [line of {len(line):,} characters cut]"
            left -= len(cut) + 1
            if left < 0 and shown:
                last = start + len(shown) - 1
                shown.append(
                    f"[lines {start} to {last} of {total}; read on with start_line={last + 1}]"
                )
                break
            shown.append(cut)
        return "\n".join(shown)

    async def _in_thread(self, work: Callable[[threading.Event], T]) -> T:
        stop = threading.Event()
        try:
            return await asyncio.to_thread(work, stop)
        finally:
            stop.set()


def _globs(argument: str, pattern: str | None) -> GlobSet | None:
    try:
        return None if pattern is None else GlobSet.of([pattern])
    except UsageError as error:
        raise ToolArgumentsError(f"argument `{argument}`: {error.message}") from error


async def open_file_tools(settings: FileToolsSettings, context: BuildContext) -> FileTools:
    """Make the tools.

    Raises:
        ToolError: the root is not a folder.
    """
    if not await asyncio.to_thread(settings.root.is_dir):
        raise ToolError(
            f"`{context.path}.root` is not a folder: {settings.root}",
            hint="A relative path is relative to the folder of the config file.",
        )
    return FileTools(settings)
