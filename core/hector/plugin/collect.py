"""Importing plugins and asking their hooks: guarded, one at a time, each error kept as data."""

from __future__ import annotations

import importlib
import inspect
import time
from collections.abc import Callable, Iterable
from typing import Any

import attrs
import pluggy

from hector.plugin.hookspecs import PROJECT, HookSpecs
from hector.plugin.imported import remember_import
from hector.plugin.records import PluginRecord
from hector.plugin.swap_hook import SwapHook
from hector.spi import GenerationChange, Kind, Provider

__all__ = ["HOOKS", "collect"]

HOOKS: dict[str, Kind] = {
    "hector_llm_providers": "llm",
    "hector_embedder_providers": "embedder",
    "hector_vector_providers": "vector_store",
    "hector_toolset_providers": "toolset",
    "hector_agent_types": "agent",
    "hector_document_sources": "document_source",
    "hector_document_parsers": "document_parser",
    "hector_chunkers": "chunker",
    "hector_session_backends": "session_backend",
}
"""Which hook speaks for which kind."""


def _import(reference: str) -> object:
    module_name, _, attribute = reference.partition(":")
    found: object = importlib.import_module(module_name)
    for name in filter(None, attribute.split(".")):
        found = getattr(found, name)
    return found


def _providers(manager: pluggy.PluginManager) -> Iterable[Provider]:
    for hook_name, kind in HOOKS.items():
        results: list[Any] = getattr(manager.hook, hook_name)()
        for result in results:
            for provider in result:
                yield _checked(provider, hook_name, kind)


def _checked(provider: object, hook_name: str, kind: Kind) -> Provider:
    if not isinstance(provider, Provider):
        raise TypeError(f"{hook_name} gave a {type(provider).__name__}, not a hector.spi.Provider")
    if provider.kind != kind:
        raise TypeError(
            f"{hook_name} gave `{provider.type}` of kind {provider.kind}, it is there for kind {kind}"
        )
    declared = (
        provider.declared_settings
    )  # one that is named by a string is looked at when it is used
    if not isinstance(declared, str) and not attrs.has(declared):
        raise TypeError(f"the settings of {kind} `{provider.type}` are not an attrs class")
    return provider


def _swap_hook(manager: pluggy.PluginManager, name: str, plugin: str) -> SwapHook | None:
    """The plugin's implementation, bound so that it outlives the manager."""
    caller: pluggy.HookCaller = getattr(manager.hook, name)
    for implementation in caller.get_hookimpls():
        if implementation.wrapper or implementation.hookwrapper:
            raise TypeError(f"{name} is a wrapper; a lifecycle hook wraps nothing")
        function: Callable[..., object] = implementation.function
        # An implementation may leave out the argument, as for every hook.
        takes_change = bool(implementation.argnames)
        return SwapHook(plugin, name, function if takes_change else _without_change(function))
    return None


def _without_change(function: Callable[[], object]) -> Callable[[GenerationChange], object]:
    if inspect.iscoroutinefunction(function):

        async def call_async(_change: GenerationChange) -> None:
            await function()

        return call_async
    return lambda _change: function()


def _load(record: PluginRecord, manager: pluggy.PluginManager) -> PluginRecord:
    started = time.perf_counter()
    plugin = _import(record.module)
    remember_import(record)
    import_s = time.perf_counter() - started
    label = f"{record.distribution}:{record.name}"
    manager.register(plugin, name=label)
    manager.check_pending()
    loaded = attrs.evolve(
        record,
        state="loaded",
        import_s=import_s,
        providers=tuple(_providers(manager)),
        before_swap=_swap_hook(manager, "hector_before_swap", record.label),
        after_swap=_swap_hook(manager, "hector_after_swap", record.label),
    )
    manager.unregister(plugin)
    remember_import(loaded)
    return loaded


def _failed(record: PluginRecord, error: BaseException) -> PluginRecord:
    reason = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    remedy = (
        f"repair or remove it (pip uninstall {record.distribution}), or list it in plugins.disable"
    )
    return attrs.evolve(record, state="failed", error=reason, remedy=remedy)


def _manager() -> pluggy.PluginManager:
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(HookSpecs)
    return manager


def collect(records: Iterable[PluginRecord]) -> tuple[PluginRecord, ...]:
    """Import every `discovered` plugin and gather its providers and lifecycle hooks.

    A plugin that raises at import or in a hook, or whose hooks do not fit the specs, becomes a `failed` record; the
    others are not touched. A plugin is alone with its manager while it is asked, and a manager that saw one fail is
    thrown away: nothing is left behind, neither by a failure nor by the next reload.
    """
    collected: list[PluginRecord] = []
    manager: pluggy.PluginManager | None = None
    for record in records:
        if record.state != "discovered":
            collected.append(record)
            continue
        manager = manager or _manager()
        # The border to other people's code: whatever a plugin's import raises, SystemExit included, is its own.
        try:
            collected.append(_load(record, manager))
        except (Exception, SystemExit) as error:  # noqa: BLE001 - the border to plugins
            collected.append(_failed(record, error))
            manager = None
    return tuple(collected)
