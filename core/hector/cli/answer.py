"""Events on a terminal: the answer goes to stdout, everything else to stderr."""

from __future__ import annotations

import json

import click

from hector.message import Event, TextPart, ThinkingPart, ToolCall, ToolResult, event_to_json

__all__ = ["EXIT_CODES", "AnswerPrinter", "JsonPrinter"]

EXIT_CODES = {"completed": 0, "failed": 1, "input_required": 3, "canceled": 130}
"""Outcome to exit code."""


class JsonPrinter:
    """One JSON object per event and line."""

    exit_code = 1

    def show(self, event: Event) -> None:
        """Print an event."""
        click.echo(json.dumps(event_to_json(event), ensure_ascii=False))
        if event.outcome is not None:
            self.exit_code = EXIT_CODES[event.outcome]


class AnswerPrinter:
    """The text of the agents the user talks to, as it comes; tool calls as one line each on stderr."""

    def __init__(self, *, is_quiet: bool = False) -> None:
        self.exit_code = 1
        self._is_quiet = is_quiet
        self._streamed: set[str] = set()
        self._is_midline = False

    def show(self, event: Event) -> None:
        """Print what of an event is for the user."""
        is_inner = "call:" in event.branch
        if event.kind == "delta" and not is_inner:
            self._streamed.add(event.id)
            if event.is_restart:
                self._end_line()
                click.echo("· the model failed, and begins its answer anew", err=True)
            self._write(event.text)
        elif event.kind == "message" and not is_inner and event.author != "user":
            if event.id not in self._streamed:
                self._write(event.text)
            self._end_line()
        elif event.kind in ("tool_intent", "tool_result"):
            self._note(event)
        elif event.kind == "finished":
            self._finish(event)

    def _write(self, text: str) -> None:
        if text:
            click.echo(text, nl=False)
            self._is_midline = not text.endswith("\n")

    def _end_line(self) -> None:
        if self._is_midline:
            click.echo()
            self._is_midline = False

    def _note(self, event: Event) -> None:
        if self._is_quiet:
            return
        self._end_line()
        for part in event.parts:
            if isinstance(part, ToolCall):
                arguments = json.dumps(part.arguments, ensure_ascii=False)
                click.echo(f"· {event.author} calls {part.name} {_short(arguments)}", err=True)
            elif isinstance(part, ToolResult) and part.is_error:
                text = " ".join(
                    item.text for item in part.content if isinstance(item, TextPart | ThinkingPart)
                )
                click.echo(f"· {part.name} failed: {_short(text)}", err=True)

    def _finish(self, event: Event) -> None:
        self._end_line()
        if event.outcome is not None:
            self.exit_code = EXIT_CODES[event.outcome]
        if event.failure is not None:
            click.echo(f"error: [{event.failure.code}] {event.failure.message}", err=True)
            if event.failure.hint:
                click.echo(f"  hint: {event.failure.hint}", err=True)


def _short(text: str, limit: int = 120) -> str:
    line = " ".join(text.split())
    return line if len(line) <= limit else f"{line[: limit - 1]}…"
