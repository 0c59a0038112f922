"""`hector chat`."""

from __future__ import annotations

import asyncio
import sys
from contextlib import aclosing
from pathlib import Path

import click

from hector.cli.answer import AnswerPrinter
from hector.cli.choose import choose_agent
from hector.cli.files import config_option, find_config
from hector.errors import ComponentNotFoundError
from hector.runtime import Runtime
from hector.runtime.invoke import new_id

__all__ = ["command"]

HELP = """/agent [NAME]   talk to another agent, or list them
/session [ID]   go on in another session, or say which this is
/new            begin a new session
/tools          list the toolsets and their tools
/help           this list
/quit           leave (so does Ctrl-D)
Ctrl-C stops an answer; at the prompt it leaves."""


class Conversation:
    """What the chat talks to, and in which session."""

    def __init__(self, runtime: Runtime, agent: str, session: str) -> None:
        self.runtime = runtime
        self.agent = agent
        self.session = session

    def obey(self, line: str) -> bool:
        """Do what a line that begins with `/` says; whether the chat goes on."""
        word, _, argument = line[1:].partition(" ")
        argument = argument.strip()
        if word in ("quit", "exit", "q"):
            return False
        if word == "agent" and argument:
            self._switch(argument)
        elif word == "agent":
            for info in self.runtime.agents.values():
                mark = "*" if info.name == self.agent else " "
                click.echo(f"{mark} {info.name}  {info.description}", err=True)
        elif word in ("session", "new"):
            self.session = argument or (new_id() if word == "new" else self.session)
            click.echo(f"session {self.session}", err=True)
        elif word == "tools":
            self._list_tools()
        elif word == "help":
            click.echo(HELP, err=True)
        else:
            click.echo(f"There is no /{word}. /help lists what there is.", err=True)
        return True

    def _switch(self, name: str) -> None:
        try:
            self.agent = choose_agent(self.runtime, name)
            click.echo(f"agent {self.agent}", err=True)
        except ComponentNotFoundError as error:
            click.echo(str(error), err=True)

    def _list_tools(self) -> None:
        for name in self.runtime.config.components.get("toolset", {}):
            for tool in self.runtime.toolset(name).tools():
                click.echo(
                    f"{name}.{tool.spec.name}  {tool.spec.description.splitlines()[0]}", err=True
                )

    async def answer(self, line: str) -> None:
        """Ask the agent and print what it says; Ctrl-C stops it."""
        printer = AnswerPrinter()
        task = asyncio.current_task()
        loop = asyncio.get_running_loop()

        def stop() -> None:
            if task is not None:
                task.cancel()

        import signal

        loop.add_signal_handler(signal.SIGINT, stop)
        try:
            async with aclosing(self.runtime.run(self.agent, line, session=self.session)) as events:
                async for event in events:
                    printer.show(event)
        except asyncio.CancelledError:
            if task is not None:
                task.uncancel()
            click.echo("\nstopped", err=True)
        finally:
            loop.remove_signal_handler(signal.SIGINT)


async def _prompted() -> str | None:
    """The next line, or None at the end of the input; with editing and history on a terminal."""
    if not sys.stdin.isatty():
        line = await asyncio.to_thread(sys.stdin.readline)
        return line or None
    from prompt_toolkit import PromptSession

    session: PromptSession[str] = _prompted.__dict__.setdefault("session", PromptSession())
    try:
        return await session.prompt_async("> ")
    except (EOFError, KeyboardInterrupt):
        return None


async def _talk(config: Path, agent: str | None, session: str | None) -> None:
    async with Runtime.open(config) as runtime:
        conversation = Conversation(runtime, choose_agent(runtime, agent), session or new_id())
        click.echo(f"{conversation.agent} of {runtime.name}. /help lists the commands.", err=True)
        while (line := await _prompted()) is not None:
            line = line.strip()
            if line.startswith("/"):
                if not conversation.obey(line):
                    return
            elif line:
                await conversation.answer(line)


@click.command("chat")
@config_option
@click.option("-a", "--agent", help="The agent. Default: the first one of the config.")
@click.option("-s", "--session", help="Go on in this session; needs a config that keeps sessions.")
def command(config_file: Path | None, agent: str | None, session: str | None) -> None:
    """Talk with an agent in the terminal."""
    asyncio.run(_talk(find_config(config_file), agent, session))
