"""Finding installed plugins without importing them."""
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# (importlib_metadata leaves some of its signatures without types)

from __future__ import annotations

import importlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from email.parser import HeaderParser

import attrs
from importlib_metadata import Distribution, EntryPoint, MetadataPathFinder

from hector.plugin.api import level_problem, parse_level
from hector.plugin.editable import reach
from hector.plugin.imported import is_imported, removed, running_version
from hector.plugin.installation import Installation, installation
from hector.plugin.records import PluginRecord, PluginState

__all__ = ["API_GROUP", "PLUGIN_GROUP", "discover", "refresh"]

PLUGIN_GROUP = "hector.plugins"
API_GROUP = "hector.api"


def refresh() -> None:
    """Forget cached directory listings, so that a distribution installed a moment ago is found.

    Both families of caches must go: `importlib.invalidate_caches()` alone leaves the metadata finder's path cache in
    place where the directory's mtime did not move (CPython gh-116811).
    """
    importlib.invalidate_caches()
    MetadataPathFinder.invalidate_caches()


def _speaks(distribution: Distribution) -> bool:
    """Whether a distribution may bring a plugin: a glance, for there are hundreds and few of them do."""
    return PLUGIN_GROUP in (distribution.read_text("entry_points.txt") or "")


def _identity(distribution: Distribution) -> tuple[str, str]:
    """Name and version as written; empty for what a half-removed distribution leaves behind."""
    text = distribution.read_text("METADATA") or distribution.read_text("PKG-INFO") or ""
    headers = HeaderParser().parsestr(
        text
    )  # `distribution.metadata` would read on through the description
    return headers["Name"] or "", headers["Version"] or ""


def _installed() -> list[Distribution]:
    """Distributions that bring plugins; of several versions the first on the path counts, as for imports."""
    names = {_identity(found)[0] for found in Distribution.discover() if _speaks(found)} - {""}
    by_file_name = {name.lower().replace("_", "-").replace(".", "-") for name in names}
    first = (_first(name) for name in sorted(by_file_name))
    return [found for found in first if found is not None and _speaks(found)]


def _first(name: str) -> Distribution | None:
    found = Distribution.discover(name=name)
    return next((distribution for distribution in found if _identity(distribution)[0]), None)


def _entry_points(distribution: Distribution) -> Iterable[EntryPoint]:
    return (
        point for point in distribution.entry_points if point.group in (PLUGIN_GROUP, API_GROUP)
    )


@attrs.frozen
class _Brought:
    """What the metadata of a distribution says of its plugins.

    Attributes:
        distribution: what it was read from.
        name: of the distribution.
        version: of the distribution.
        points: the entry points of its plugins.
        levels: plugin to the API level it states.
    """

    distribution: Distribution
    name: str
    version: str
    points: Sequence[EntryPoint]
    levels: Mapping[str, str]


_last_look: tuple[Installation, Sequence[_Brought]] | None = None
"""What was read last, and the state of the folders before: metadata is immutable, so it is read again only when one of
the folders that hold it has changed."""


def _brought() -> Sequence[_Brought]:
    """What every installed plugin says of itself."""
    global _last_look  # noqa: PLW0603 - one tuple, put there whole: several threads may look at once
    known, now = _last_look, installation()
    if known is not None and now.is_still(known[0]):
        return known[1]
    found = [_read(distribution) for distribution in _installed()]
    _last_look = (now, found)
    return found


def _read(distribution: Distribution) -> _Brought:
    (name, version), points = _identity(distribution), list(_entry_points(distribution))
    return _Brought(
        distribution,
        name,
        version,
        [point for point in points if point.group == PLUGIN_GROUP],
        {point.name: point.value for point in points if point.group == API_GROUP},
    )


def _record(
    name: str, version: str, point: EntryPoint, levels: Mapping[str, str], blocked: Collection[str]
) -> PluginRecord:
    level = parse_level(levels[point.name]) if point.name in levels else None
    running = running_version(name) or version
    record = PluginRecord(
        name=point.name,
        distribution=name,
        version=running,
        installed_version=version if version != running else None,
        module=point.value,
        api_level=level,
    )
    if point.name in blocked or name in blocked:
        return _with(
            record, "blocked", "it is listed in plugins.disable", "take it off that list to use it"
        )
    if running != version and not is_imported(name, point.value):
        reason = f"version {running} of {name} is loaded, which does not have it"
        return _with(record, "incompatible", reason, "restart to use what is installed")
    problem = level_problem(level)
    return _with(record, "incompatible", *problem) if problem else record


def _with(record: PluginRecord, state: PluginState, error: str, remedy: str) -> PluginRecord:
    return attrs.evolve(record, state=state, error=error, remedy=remedy)


def discover(*, disable: Collection[str] = ()) -> tuple[PluginRecord, ...]:
    """List every installed plugin, importing none.

    Args:
        disable: plugin or distribution names that must not be imported.

    Returns:
        Records in the states `discovered`, `blocked` or `incompatible`, and `removed` for those whose code is
        loaded though they are not installed any more; sorted by (distribution, entry point).
    """
    records: list[PluginRecord] = []
    for it in _brought():
        for point in it.points:
            found = _record(it.name, it.version, point, it.levels, disable)
            if found.state == "discovered":
                reach(it.distribution, found.module)
            records.append(found)
    records.extend(removed(records))
    return tuple(sorted(records, key=lambda record: (record.distribution.lower(), record.name)))
