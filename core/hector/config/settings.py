"""One provider's settings from a plain mapping, for a component that no entry names."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hector.config.environment import read_environment
from hector.config.node import INVALID, node_of
from hector.config.shape import Reading, read_records, record_shape
from hector.errors import ConfigError, Diagnostic
from hector.spi import Provider

__all__ = ["structure_settings"]


def structure_settings(
    provider: Provider,
    settings: Mapping[str, Any],
    *,
    path: str,
    config_dir: Path,
    env: Mapping[str, str] | None = None,
) -> Any:
    """An instance of the provider's settings class.

    Args:
        provider: whose settings they are.
        settings: its keys, without the selector. Strings are taken as they are: interpolation is
            over by now.
        path: what to call the place in messages.
        config_dir: relative paths start here.
        env: variables for absent keys, instead of `os.environ` and the `.env` files.

    Raises:
        ConfigError: something is wrong with them; it carries every problem.
        UsageError: the settings class itself cannot be read.
    """
    problems: list[Diagnostic] = []
    node = node_of(settings, problems, path)
    variables = read_environment(config_dir, env, problems).variables
    reading = Reading(folder=config_dir, variables=variables, problems=problems)
    value = read_records(node, path, (record_shape(provider.settings),), reading)[0]
    if value is INVALID or problems:
        raise ConfigError(tuple(problems))
    return value
