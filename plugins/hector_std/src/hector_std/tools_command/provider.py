"""What the toolset `command` declares: its settings and its provider."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import attrs

from hector.spi import Doc, Duration, Length, Provider, Range, Secret

__all__ = ["DENIED_PATTERNS", "PROVIDERS", "CommandToolsSettings"]

DENIED_PATTERNS = (
    r"\brm\b.*\s-(\w*[rR]|-recursive)",
    r"--no-preserve-root",
    r"(^|[;&|(`])\s*(\S*/)?(sudo|su|doas|mkfs\S*|fdisk|dd|shutdown|reboot|halt|poweroff)(\s|$)",
    r">\s*/(dev|etc)/(?!null\b)",
    r":\s*\(\s*\)\s*\{",
    r"\|\s*(\S*/)?(ba|da|z|k)?sh\b",
    r"\bchmod\b.*\s0?777\b",
)
"""What is refused unless the config lists patterns of its own."""


@attrs.frozen(kw_only=True)
class CommandToolsSettings:
    """Keys of a toolset of type `command`.

    Raises:
        ValueError: keys that do not go together, or a pattern that is none; the text names them.
    """

    allowed_commands: Annotated[
        tuple[Annotated[str, Length(1)], ...],
        Doc("what a command may begin with, word by word, such as `ls` or `git log`"),
    ] = ()
    shell: Annotated[
        bool,
        Doc("have `sh` read the command; nothing can be said then about what it may begin with"),
    ] = False
    denied_patterns: Annotated[
        tuple[Annotated[str, Length(1)], ...],
        Doc("regular expressions; a command that one of them is found in does not run"),
    ] = DENIED_PATTERNS
    working_directory: Annotated[
        Path | None,
        Doc("the folder commands run in, or in one inside it; the config's folder when omitted"),
    ] = None
    env: Annotated[
        Mapping[str, Secret],
        Doc("environment of the commands; of Hector's own they get PATH, HOME and a few more"),
    ] = attrs.field(factory=dict[str, Secret])
    effect: Annotated[
        Literal["pure", "idempotent", "unsafe"],
        Doc("what running a command a second time does: nothing, nothing more, or harm"),
    ] = "unsafe"
    timeout: Annotated[
        float,
        Duration(),
        Range(minimum=0, is_minimum_exclusive=True),
        Doc("how long one command may take; then it is ended with all that it has started"),
    ] = 60.0
    max_output: Annotated[
        int, Range(minimum=100), Doc("most bytes of output shown; the middle of more is left out")
    ] = 50_000

    def __attrs_post_init__(self) -> None:
        """Refuse what cannot be enforced."""
        if self.shell and self.allowed_commands:
            raise ValueError(
                "`allowed_commands` cannot be enforced with `shell: true`: a shell runs what it likes"
            )
        if not self.shell and not self.allowed_commands:
            raise ValueError("give `allowed_commands`, or `shell: true` to allow any command")
        for start in self.allowed_commands:
            try:
                words = shlex.split(start)
            except ValueError as error:
                raise ValueError(
                    f"`allowed_commands` holds {start!r}, which cannot be read: {error}"
                ) from error
            if not words:
                raise ValueError(f"`allowed_commands` holds {start!r}, which is no command")
        for pattern in self.denied_patterns:
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(
                    f"`denied_patterns` holds {pattern!r}, which is no pattern: {error}"
                ) from error


PROVIDERS: tuple[Provider, ...] = (
    Provider(
        kind="toolset",
        type="command",
        settings=CommandToolsSettings,
        create="hector_std.tools_command.toolset:open_command_tools",
        summary="execute_command: programs on a list, in one folder, each approved by a person",
    ),
)
