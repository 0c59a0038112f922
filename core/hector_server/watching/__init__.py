"""Reloads that a changed file asks for, or a signal: `hector serve --watch` and SIGHUP."""

from __future__ import annotations

from hector_server.watching.beside import reload_when_asked

__all__ = ["reload_when_asked"]
