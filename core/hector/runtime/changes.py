"""What a reload changed, and what it cannot change."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

import attrs

from hector.config import (
    Config,
    ServerConfig,
    changed_keys,
    changed_values,
    give_way,
    giving_way,
    provider_identity,
)
from hector.plugin.registry import Registry
from hector.runtime.plan import ComponentSpec, Plan
from hector.runtime.reload_report import Change, Comparison, RestartNeed
from hector.spi import Provider

__all__ = ["compare"]


def compare(
    old: Plan, new: Plan, *, down: Collection[str] = (), started: Config | None = None
) -> Comparison:
    """What it takes to get from one plan to another. Pure: it builds nothing and reads nothing.

    Args:
        old: of the running generation.
        new: of the config to come.
        down: paths of running components that have ended by themselves; they are rebuilt with all that use them.
        started: the config that host, port, sessions and the like are in force from; that of `old` if absent.
    """
    with giving_way():
        return _compare(old, new, down, started or old.config)


def _compare(old: Plan, new: Plan, down: Collection[str], started: Config) -> Comparison:
    before, after = old.specs, new.specs
    rebuilt = _rebuilt(before, after, down)
    changes: dict[str, Change] = {}
    for path in before:
        give_way()
        if path not in after:
            changes[path] = Change(path=path, action="remove")
    carried_over = 0
    for path, spec in after.items():
        give_way()
        carried_over += path in before and path not in rebuilt
        if path not in before:
            changes[path] = Change(path=path, action="add")
        elif path in rebuilt:
            causes = _causes(before[path], spec, rebuilt, down, new.registry)
            changes[path] = Change(path=path, action="rebuild", causes=causes)
    handed_over = _handed_over(changes, before, after)
    needs = _restart_needs(started, new)
    return Comparison(
        changes={
            path: attrs.evolve(changes[path], is_exclusive=True)
            if path in handed_over
            else changes[path]
            for path in sorted(changes)
        },
        carried_over=carried_over,
        needs_restart=needs,
        is_same=not changes and _is_same_beside(old, new),
    )


def _rebuilt(
    before: Mapping[str, ComponentSpec], after: Mapping[str, ComponentSpec], down: Collection[str]
) -> set[str]:
    """Paths on both sides that cannot stay: another fingerprint, ended, or built on one of these."""
    rebuilt: set[str] = set()
    for path, spec in after.items():  # dependencies come first in a plan
        give_way()
        earlier = before.get(path)
        if earlier is None or (earlier is spec and not down):
            continue
        if (
            earlier.fingerprint != spec.fingerprint
            or path in down
            or not rebuilt.isdisjoint(spec.dependencies)
        ):
            rebuilt.add(path)
    return rebuilt


def _causes(
    old: ComponentSpec,
    new: ComponentSpec,
    rebuilt: Collection[str],
    down: Collection[str],
    registry: Registry,
) -> tuple[str, ...]:
    causes = list(changed_keys(old.entry, new.entry))
    causes += [path for path in new.dependencies if path in rebuilt]
    is_same_type = old.entry.type == new.entry.type
    if is_same_type and provider_identity(old.entry.provider) != provider_identity(
        new.entry.provider
    ):
        causes.append(f"plugin {_distribution(registry, new.entry.provider)}")
    if new.path in down:
        causes.append("down")
    return tuple(dict.fromkeys(causes))


def _distribution(registry: Registry, provider: Provider | None) -> str:
    if provider is None:
        return ""
    offers = registry.offers.get((provider.kind, provider.type), ())
    return next((offer.distribution for offer in offers if offer.provider is provider), "")


def _handed_over(
    changes: Mapping[str, Change],
    before: Mapping[str, ComponentSpec],
    after: Mapping[str, ComponentSpec],
) -> set[str]:
    """Paths of the components that let go of, or wait for, something that only one can hold."""
    released = {claim for path in changes if path in before for claim in before[path].exclusive}
    wanted = {claim for path in changes if path in after for claim in after[path].exclusive}
    both = released & wanted
    if not both:
        return set()
    return {
        path
        for path in changes
        if any(path in specs and both & specs[path].exclusive for specs in (before, after))
    }


_LIVE_SERVER_KEYS = frozenset({"build_timeout", "reload", "shutdown_timeout"})
"""Keys of `server` that take effect with the reload; whatever else changes there waits for a restart."""

_SHOWN_SERVER_KEYS = frozenset({"host", "port", "public_url"})


def _restart_needs(running: Config, new: Plan) -> tuple[RestartNeed, ...]:
    config = new.config
    needs = [*_server_needs(running.server, config.server), *_plugin_needs(new.registry)]
    if running.name != config.name:
        reason = f"sessions stay under `{running.name}`, the name is `{config.name}` now"
        needs.append(RestartNeed(subject="name", reason=reason))
    if keys := changed_values("logger", running.logger, config.logger):
        needs.append(RestartNeed(subject="logger", reason=_changed(keys)))
    return tuple(sorted(needs, key=lambda need: need.subject))


def _server_needs(running: ServerConfig, wanted: ServerConfig) -> Iterator[RestartNeed]:
    for field in attrs.fields(ServerConfig):
        if field.name in _LIVE_SERVER_KEYS:
            continue
        subject = f"server.{field.name}"
        old, new = getattr(running, field.name), getattr(wanted, field.name)
        keys = changed_values(subject, old, new)
        if not keys:
            continue
        if field.name in _SHOWN_SERVER_KEYS:
            reason = f"it was {_shown(old)} at the start, the config says {_shown(new)}"
        else:
            reason = _changed(keys)
        yield RestartNeed(subject=subject, reason=reason)


def _shown(value: object) -> str:
    return "nothing" if value is None else f"`{value}`"


def _changed(keys: Sequence[str]) -> str:
    return f"changed: {', '.join(keys)}"


def _plugin_needs(registry: Registry) -> Iterator[RestartNeed]:
    for record in registry.records:
        if record.state == "removed":
            reason = f"loaded {record.version}, was removed"
        elif record.installed_version is not None:
            reason = f"loaded {record.version}, installed {record.installed_version}"
        else:
            continue
        yield RestartNeed(subject=f"plugin {record.name}", reason=reason)


def _is_same_beside(old: Plan, new: Plan) -> bool:
    """Whether all that no component depends on is the same: names, cards, visibility, draining, plugins."""
    before, after = old.config, new.config
    if changed_values("", _beside(before), _beside(after)):
        return False
    for kind, entries in after.components.items():
        earlier = before.components.get(kind, {})
        if list(entries) != list(earlier):
            return False
        for name, entry in entries.items():
            give_way()
            if entry is not earlier[name] and (
                entry.common != earlier[name].common or changed_keys(earlier[name], entry)
            ):
                return False
    return _plugins(old.registry) == _plugins(new.registry)


def _beside(config: Config) -> dict[str, object]:
    return {
        "name": config.name,
        "description": config.description,
        "version": config.version,
        "server": config.server,
        "plugins": config.plugins,
        "logger": config.logger,
        "defaults": config.defaults,
    }


def _plugins(registry: Registry) -> list[tuple[object, ...]]:
    return [
        (r.distribution, r.name, r.module, r.version, r.installed_version, r.state, r.error)
        for r in registry.records
    ]
