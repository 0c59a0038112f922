"""TOML into the tree. The parser tells places for bad syntax only, so the nodes below have none."""

from __future__ import annotations

from hector.config.node import Node, node_of
from hector.errors import ConfigError, Diagnostic

__all__ = ["read_toml"]


def read_toml(text: str, file: str | None, problems: list[Diagnostic]) -> Node:
    """The tree of a TOML document; dates and times, which no key takes, are reported in `problems`.

    Raises:
        ConfigError: bad syntax (H112), duplicate keys among it.
    """
    import tomli

    try:
        value = tomli.loads(text)
    except tomli.TOMLDecodeError as error:
        problem = Diagnostic(
            code="H112",
            path="",
            message=f"invalid TOML: {_lower_first(error.msg)}",
            file=file,
            line=error.lineno,
            column=error.colno,
        )
        raise ConfigError((problem,)) from error
    except ValueError as error:  # an integer with more digits than Python converts
        message = "invalid TOML: a number is too long"
        problem = Diagnostic(code="H112", path="", message=message, file=file)
        raise ConfigError((problem,)) from error
    except RecursionError as error:
        problem = Diagnostic(
            code="H112", path="", message="invalid TOML: nested too deeply", file=file
        )
        raise ConfigError((problem,)) from error
    return node_of(value, problems, file=file)


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]
