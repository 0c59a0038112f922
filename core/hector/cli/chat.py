"""`hector chat`."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import click

from hector.cli.answer import AnswerPrinter
from hector.cli.choose import choose_agent, warn_if_forgetful
from hector.cli.exchange import Exchange
from hector.cli.files import config_option, find_config
from hector.cli.log import quiet_logging
from hector.cli.prompt import Prompt, has_terminal
from hector.errors import HectorError
from hector.message import Event
from hector.runtime import Runtime
from hector.runtime.start import new_id

__all__ = ["command"]

HELP = """/agent [NAME]   talk to another agent, or list them
/session [ID]   go on in another session, or say which this is
/new            begin a new session
/decide         decide about tool calls of this session that wait
/tools          list the toolsets and their tools
/help           this list
/quit           leave (so does Ctrl-D)
Ctrl-C stops an answer; at the prompt it leaves."""


class Conversation:
    """Whom the chat talks to, for which user, and in which session."""

    def __init__(self, runtime: Runtime, agent: str, *, user: str, session: str) -> None:
        self.runtime = runtime
        self.agent = agent
        self.user = user
        self.session = session
        self.prompt = Prompt()

    async def obey(self, line: str) -> bool:
        """Do what a line that begins with `/` says; whether the chat goes on."""
        word, _, argument = line[1:].partition(" ")
        argument = argument.strip()
        match word:
            case "quit" | "exit" | "q":
                return False
            case "agent":
                self._switch(argument) if argument else self._list_agents()
            case "session" | "new":
                self.session = argument or (new_id() if word == "new" else self.session)
                _say(f"session {self.session}")
            case "tools":
                self._list_tools()
            case "decide":
                await self._decide()
            case "help":
                _say(HELP)
            case _:
                _say(f"There is no /{word}. /help lists what there is.")
        return True

    def _switch(self, name: str) -> None:
        try:
            self.agent = choose_agent(self.runtime, name)
        except click.BadParameter as error:
            _say(error.message)
        else:
            _say(f"agent {self.agent}")

    def _list_agents(self) -> None:
        for info in self.runtime.agents.values():
            mark = "*" if info.name == self.agent else " "
            _say(f"{mark} {info.name}  {info.description}".rstrip())

    def _list_tools(self) -> None:
        names = tuple(self.runtime.config.components.get("toolset", {}))
        for name in names:
            for tool in self.runtime.toolset(name).tools():
                summary = tool.spec.description.partition("\n")[0]
                _say(f"{name}.{tool.spec.name}  {summary}".rstrip())
        if not names:
            _say("The config has no toolsets.")

    async def answer(self, line: str) -> None:
        """Ask the agent and print what it says; Ctrl-C stops it, and the session says so."""
        task = new_id()
        events = self.runtime.run(self.agent, line, user=self.user, session=self.session, task=task)
        await self._follow(self._exchange(task), events)

    async def _decide(self) -> None:
        """Decide about what waits in this session."""
        waiting = await self.runtime.tasks.approvals(user=self.user, session=self.session)
        if not waiting:
            _say("Nothing waits for a decision here.")
        elif not has_terminal():
            _say("Nobody can be asked here: this is no terminal.")
            return
        for task in dict.fromkeys(pending.task.id for pending in waiting):
            exchange = self._exchange(task)
            if await exchange.decide():
                await self._follow(exchange, exchange.resumed())

    def _exchange(self, task: str) -> Exchange:
        return Exchange(
            self.runtime, task, AnswerPrinter(), asks=has_terminal(), prompt=self.prompt
        )

    async def _follow(self, exchange: Exchange, events: AsyncGenerator[Event]) -> None:
        await self._print(exchange, events)
        while exchange.is_waiting and await exchange.decide():
            await self._print(exchange, exchange.resumed())
        if exchange.is_waiting:
            await exchange.tell_waiting()
            if has_terminal():
                _say("Or, while this chat runs: /decide")

    async def _print(self, exchange: Exchange, events: AsyncGenerator[Event]) -> None:
        exchange.is_waiting = False
        async with asyncio.TaskGroup() as group:
            work = group.create_task(_stream(exchange, events))
            with _on_interrupt(work.cancel):
                await asyncio.wait([work])
        if work.cancelled():
            _say("\nstopped")


async def _stream(exchange: Exchange, events: AsyncGenerator[Event]) -> None:
    try:
        await exchange.stream(events)
    except HectorError as error:  # such as a session that is busy elsewhere: the chat goes on
        _say(f"error: {error}")


def _say(text: str) -> None:
    click.echo(text, err=True)


@contextmanager
def _on_interrupt(stop: Callable[[], object]) -> Generator[None]:
    """Ctrl-C calls `stop` inside of the block, and does what it did before after it."""
    loop = asyncio.get_running_loop()

    def interrupted(*_: object) -> None:
        loop.call_soon_threadsafe(stop)

    before = signal.signal(signal.SIGINT, interrupted)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


async def _talk(config: Path, agent: str | None, session: str | None, user: str) -> None:
    async with Runtime.open(config, resumes=False) as runtime:
        conversation = Conversation(
            runtime, choose_agent(runtime, agent), user=user, session=session or new_id()
        )
        if session is not None:
            warn_if_forgetful(runtime)
        _say(f"{conversation.agent} of {runtime.name}. /help lists the commands.")
        while (line := await conversation.prompt.line()) is not None:
            line = line.strip()
            if line.startswith("/"):
                if not await conversation.obey(line):
                    return
            elif line:
                await conversation.answer(line)


@click.command("chat")
@config_option
@click.option("-a", "--agent", help="The agent. Default: the first one of the config.")
@click.option("-s", "--session", help="Go on in this session; needs a config that keeps sessions.")
@click.option("--user", default="local", show_default=True, help="Whose session.")
@click.pass_obj
def command(
    is_debug: bool,
    /,
    *,
    config_file: Path | None,
    agent: str | None,
    session: str | None,
    user: str,
) -> None:
    """Talk with an agent in the terminal; without one, a line of stdin is a message."""
    file = find_config(config_file)
    quiet_logging(is_debug=is_debug)
    asyncio.run(_talk(file, agent, session, user))
    if sys.stdin.isatty():
        _say("bye")
