"""From a config file to a config and its registry: the one way that `validate`, `open` and `reload` share."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence

import attrs

from hector.config import (
    Config,
    ConfigInput,
    Memory,
    PluginsConfig,
    RawConfig,
    diagnose,
    give_way,
    giving_way,
    plugins_section,
    problem_at,
    read,
    structure,
    structure_again,
)
from hector.errors import ConfigError, Diagnostic
from hector.plugin.registry import Registry
from hector.plugin.registry_cache import RegistryCache
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
            providers: see `hector.plugin.registry.build_registry`.
        """
        self._env = env
        self._providers = tuple(providers)
        self._registries = RegistryCache(self._providers)
        self._memory: Memory | None = None
        self._plan: Plan | None = None

    def plan(self, config: ConfigInput) -> Planned:
        """Read a config and plan its components; what did not change is taken from the last plan.

        Entries that say the same are the same `ComponentEntry` objects, and specs of which nothing changed the same
        `ComponentSpec` objects, as the last time that a config was planned.

        Raises:
            ConfigError: with everything that is wrong; what was remembered stays as it was.
        """
        with giving_way():
            return self._plan_again(config)

    def _plan_again(self, config: ConfigInput) -> Planned:
        memory = self._memory
        if memory is not None:
            try:
                return self._planned(config, memory)
            except ConfigError:
                pass  # once more from scratch, for the places in the messages
        return self._planned(config, None)

    def _planned(self, config: ConfigInput, memory: Memory | None) -> Planned:
        watch = _Watch()
        raw = read(config, env=self._env, memory=memory)
        watch.lap("read")
        registry, problems = _registry_for(raw, self._registries.get, self._registries.unmet)
        watch.lap("registry")
        if problems:
            raise ConfigError((*problems, *diagnose(raw, registry)))
        checked, remembered = structure_again(raw, registry, memory)
        watch.lap("structure")
        plan = make_plan(checked, registry, self._plan)
        watch.lap("plan")
        give_way()
        self._memory, self._plan = remembered, plan
        return Planned(plan=plan, phases=watch.laps)

    def check(self, config: ConfigInput) -> tuple[Diagnostic, ...]:
        """See `check_config`; may be called at any time, also while `plan` runs."""
        return check_config(config, env=self._env, providers=self._providers)


class _Watch:
    """Laps of a stopwatch, in seconds."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self.laps[name], self._last = now - self._last, now


def _registry_for(
    raw: RawConfig,
    registry_of: Callable[[PluginsConfig], Registry],
    unmet: Callable[[Sequence[str]], Mapping[str, str]],
) -> tuple[Registry, list[Diagnostic]]:
    section = plugins_section(raw)
    problems = _unmet(raw, section.require, unmet) if section.require else []
    return registry_of(section), problems


def _unmet(
    raw: RawConfig, require: Sequence[str], unmet_of: Callable[[Sequence[str]], Mapping[str, str]]
) -> list[Diagnostic]:
    unmet = unmet_of(require)
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


def _once(raw: RawConfig, providers: Iterable[Provider]) -> tuple[Registry, list[Diagnostic]]:
    cache = RegistryCache(providers)
    return _registry_for(raw, cache.get, cache.unmet)


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
    registry, problems = _once(raw, providers)
    if problems:
        raise ConfigError((*problems, *diagnose(raw, registry)))
    return structure(raw, registry), registry


def check_config(
    config: ConfigInput, *, env: Mapping[str, str] | None = None, providers: Iterable[Provider] = ()
) -> tuple[Diagnostic, ...]:
    """Everything that is wrong or doubtful about a config, errors and warnings, in file order; nothing is built."""
    try:
        raw = read(config, env=env)
        registry, problems = _once(raw, providers)
    except ConfigError as error:
        return error.diagnostics
    return (*problems, *diagnose(raw, registry))
