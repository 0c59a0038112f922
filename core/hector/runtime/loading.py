"""From a config file to a config and its registry: the one way that `validate`, `open` and `reload` share."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence

import attrs

from hector.config import (
    Config,
    ConfigInput,
    RawConfig,
    diagnose,
    plugins_section,
    problem_at,
    read,
    structure,
)
from hector.errors import ConfigError, Diagnostic
from hector.plugin.registry import Registry, build_registry
from hector.runtime.plan import Plan, make_plan
from hector.spi import Provider

__all__ = ["ConfigInput", "ConfigLoader", "Loaded", "Planned", "check_config", "load_config"]

Loaded = tuple[Config, Registry]
"""A checked config, and the providers it was checked against."""


@attrs.frozen(kw_only=True)
class Planned:
    """What a config asks for, and how long it took to find out.

    Attributes:
        plan: the graph of components.
        phases: seconds of `read`, `registry`, `structure` and `plan`.
    """

    plan: Plan
    phases: Mapping[str, float]


class ConfigLoader:
    """Reads, checks and plans configs, again and again.

    One for each runtime. It is blocking: call it in a thread, never twice at once.
    """

    def __init__(
        self, *, env: Mapping[str, str] | None = None, providers: Iterable[Provider] = ()
    ) -> None:
        """Remember what stays the same from call to call.

        Args:
            env: takes the place of the process's environment and of `.env` files.
            providers: see `build_registry`.
        """
        self._env = env
        self._providers = tuple(providers)

    def plan(self, config: ConfigInput) -> Planned:
        """Read a config and plan its components; whatever did not change is the same object as the last time.

        Raises:
            ConfigError: with everything that is wrong; what was remembered stays as it was.
        """
        marks = [time.perf_counter()]
        raw = read(config, env=self._env)
        marks.append(time.perf_counter())
        registry, problems = _registry_for(raw, self._providers)
        marks.append(time.perf_counter())
        if problems:
            raise ConfigError((*problems, *diagnose(raw, registry)))
        checked = structure(raw, registry)
        marks.append(time.perf_counter())
        plan = make_plan(checked, registry)
        marks.append(time.perf_counter())
        names = ("read", "registry", "structure", "plan")
        phases = {name: marks[i + 1] - marks[i] for i, name in enumerate(names)}
        return Planned(plan=plan, phases=phases)

    def check(self, config: ConfigInput) -> tuple[Diagnostic, ...]:
        """See `check_config`; may be called at any time, also while `plan` runs."""
        return check_config(config, env=self._env, providers=self._providers)


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
