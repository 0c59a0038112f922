"""The tool `execute_command`."""

from __future__ import annotations

import asyncio
import os
import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from hector.errors import ComponentOpenError, PathOutsideRootError, ToolError
from hector.message import TextPart
from hector.spi import BuildContext, Doc, Length, Tool, ToolContext, ToolOutput, function_tool
from hector_std.contained import ContainedFolder
from hector_std.tools_command.process import STOP_TIMEOUT_S, Finished, run_program
from hector_std.tools_command.provider import CommandToolsSettings
from hector_std.tools_command.rules import CommandRules

__all__ = ["IDEMPOTENCY_KEY_VARIABLE", "CommandTools", "open_command_tools"]

IDEMPOTENCY_KEY_VARIABLE = "HECTOR_IDEMPOTENCY_KEY"
"""Where a command finds the key that is the same on every retry of its call."""

_PASSED_ON = ("HOME", "LANG", "LC_ALL", "LC_CTYPE", "LOGNAME", "TMPDIR", "TZ", "USER")


class CommandTools:
    """The tool of one folder and one list of commands."""

    def __init__(self, settings: CommandToolsSettings, root: Path) -> None:
        """Make the tool; `root` is the folder that commands run in."""
        self._settings = settings
        self._folder = ContainedFolder(root)
        self._environment = _environment(settings)
        self._rules = CommandRules(
            allowed=tuple(tuple(shlex.split(start)) for start in settings.allowed_commands),
            denied=tuple(re.compile(pattern) for pattern in settings.denied_patterns),
            root=root.absolute(),
            path=self._environment["PATH"],
        )
        self._tool = function_tool(
            self._execute,
            name="execute_command",
            description=_description(self._rules),
            effect=settings.effect,
            needs_approval=True,
            approval_prompt="May this command run? {command}",
            # Longer than the command may take, so that the model gets to see how far it came.
            timeout_s=settings.timeout + 3 * STOP_TIMEOUT_S,
        )

    @property
    def rules(self) -> CommandRules:
        """Which commands may run."""
        return self._rules

    def tools(self) -> Sequence[Tool]:
        """See `Toolset`."""
        return (self._tool,)

    async def _execute(
        self,
        command: Annotated[str, Doc("the command, with its arguments"), Length(1)],
        context: ToolContext,
        working_directory: Annotated[
            str, Doc("the folder to run it in, inside the one that `.` stands for")
        ] = ".",
    ) -> ToolOutput:
        arguments = await asyncio.to_thread(self._rules.program_and_arguments, command)
        folder = await asyncio.to_thread(self._resolved, working_directory)
        environment = {**self._environment, IDEMPOTENCY_KEY_VARIABLE: context.idempotency_key}
        try:
            finished = await run_program(
                arguments,
                folder=folder,
                environment=environment,
                timeout_s=self._settings.timeout,
                max_output=self._settings.max_output,
            )
        except OSError as error:
            raise ToolError(f"`{command}` could not be started: {error.strerror}") from error
        return _shown(finished, self._settings.timeout)

    def _resolved(self, path: str) -> str:
        """A folder inside the root, with every link resolved."""
        try:
            folder = Path(os.path.realpath(self._folder.root), self._folder.relative(path))
        except PathOutsideRootError as error:
            raise PathOutsideRootError(
                f"`{path}` lies outside the folder that commands run in"
            ) from error
        if not folder.is_dir():
            raise ToolError(f"`{path}` is not a folder")
        return str(folder)


def _environment(settings: CommandToolsSettings) -> dict[str, str]:
    """Of Hector's own variables only those that say where things are, and in which language."""
    passed = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    given = {name: value.reveal() for name, value in settings.env.items()}
    environment = {"PATH": os.environ.get("PATH", os.defpath), "TERM": "dumb"} | passed | given
    folders = environment["PATH"].split(os.pathsep)
    environment["PATH"] = os.pathsep.join(folder for folder in folders if os.path.isabs(folder))  # noqa: PTH117 - keeps any string
    return environment


def _description(rules: CommandRules) -> str:
    if rules.has_shell:
        return (
            "Run a command with `sh`. Its output and errors are returned. It cannot ask anything."
        )
    allowed = ", ".join(f"`{shlex.join(start)}`" for start in rules.allowed)
    return (
        "Run a program and get its output and errors. There is no shell: no pipes, redirections, variables or "
        f"wildcards. It cannot ask anything. A command begins with one of: {allowed}."
    )


def _shown(finished: Finished, timeout_s: float) -> ToolOutput:
    text = finished.output.decode(errors="replace")
    if finished.is_late:
        end = f"[ended after {timeout_s:g} s: it took too long]"
    elif finished.exit_code < 0:
        end = f"[ended by signal {-finished.exit_code}]"
    elif finished.exit_code:
        end = f"[exit code {finished.exit_code}]"
    else:
        return ToolOutput(content=(TextPart(text or "[no output]"),))
    separator = "" if not text or text.endswith("\n") else "\n"
    return ToolOutput(content=(TextPart(f"{text}{separator}{end}"),), is_error=True)


async def open_command_tools(settings: CommandToolsSettings, context: BuildContext) -> CommandTools:
    """Make the tool.

    Raises:
        ComponentOpenError: the folder or a program does not exist, or the system has no process groups.
    """
    if os.name != "posix":
        raise ComponentOpenError(context.path, "needs a system with process groups, such as Linux")
    root = settings.working_directory or context.config_dir
    if not await asyncio.to_thread(root.is_dir):
        raise ComponentOpenError(
            context.path,
            f"cannot run commands in `{root}`: there is no such folder",
            hint="correct `working_directory`; a relative path is relative to the config's folder",
        )
    tools = CommandTools(settings, root)
    for start in tools.rules.allowed:
        if await asyncio.to_thread(tools.rules.find, start[0]) is None:
            raise ComponentOpenError(
                context.path,
                f"allows the command `{start[0]}`, and there is no such program",
                hint="install it, or correct `allowed_commands`",
            )
    return tools
