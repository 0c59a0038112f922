"""The command line: one module per command, loaded when the command runs."""

from __future__ import annotations

from hector.cli.app import main

__all__ = ["main"]
