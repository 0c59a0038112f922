"""From a config file to a config and its registry: the one way that `validate`, `open` and `reload` share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hector.config import Config, RawConfig, diagnose, plugins_section, problem_at, read, structure
from hector.errors import ConfigError, Diagnostic
from hector.plugin.registry import Registry, build_registry
from hector.spi import Provider

__all__ = ["ConfigInput", "Loaded", "check_config", "load_config"]

ConfigInput = str | Path | Mapping[str, Any]
"""A file, or the same structure as a mapping."""

Loaded = tuple[Config, Registry]
"""A checked config, and the providers it was checked against."""


def _registry_for(
    raw: RawConfig, providers: Iterable[Provider]
) -> tuple[Registry, list[Diagnostic]]:
    section = plugins_section(raw)
    problems = _unmet(raw, section.require) if section.require else []
    registry = build_registry(disable=section.disable, prefer=section.prefer, providers=providers)
    return registry, problems


def _unmet(raw: RawConfig, require: Sequence[str]) -> list[Diagnostic]:
    from hector.plugin.requirements import unmet_requirements  # most configs require nothing

    unmet = dict(unmet_requirements(require))
    return [
        problem_at(
            raw,
            ("plugins", "require", index),
            "H117",
            unmet[specifier],
            hint=f"pip install '{specifier}'",
        )
        for index, specifier in enumerate(require)
        if specifier in unmet
    ]


def load_config(
    config: ConfigInput, *, env: Mapping[str, str] | None = None, providers: Iterable[Provider] = ()
) -> Loaded:
    """Read, check and structure a config.

    Args:
        config: see `ConfigInput`.
        env: takes the place of the process's environment.
        providers: see `build_registry`.

    Raises:
        ConfigError: with everything that is wrong.
    """
    raw = read(config, env=env)
    registry, problems = _registry_for(raw, providers)
    if problems:
        raise ConfigError((*problems, *diagnose(raw, registry)))
    return structure(raw, registry), registry


def check_config(
    config: ConfigInput, *, env: Mapping[str, str] | None = None, providers: Iterable[Provider] = ()
) -> tuple[Diagnostic, ...]:
    """Everything that is wrong or doubtful about a config, errors and warnings, in file order; nothing is built."""
    try:
        raw = read(config, env=env)
        registry, problems = _registry_for(raw, providers)
    except ConfigError as error:
        return error.diagnostics
    return (*problems, *diagnose(raw, registry))
