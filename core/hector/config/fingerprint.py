"""What a component was built from, as a value: equal fingerprints would build the same thing."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from enum import Enum
from pathlib import PurePath
from typing import Any, cast

import attrs

from hector.config.component import ComponentEntry
from hector.spi import Provider, Secret

__all__ = ["built_from", "canonical", "fingerprint", "provider_identity"]


def canonical(value: Any) -> Any:
    """Settings as JSON values: equal for equal settings, and silent about secrets.

    A secret is there as its own fingerprint, so that a rotated one shows.

    Attrs classes become maps with their class beside the fields, so that two classes with the same
    fields differ. Sets are sorted; paths and enumerations are tagged, so that they differ from
    strings.

    Raises:
        TypeError: a value that no config holds.
    """
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {"$float": repr(value)}
    if isinstance(value, Secret):
        return {"$secret": value.fingerprint()}
    if isinstance(value, ComponentEntry):
        return _entry(value)
    if isinstance(value, PurePath):
        return {"$path": str(value)}
    if isinstance(value, Enum):
        return {"$enum": canonical(value.value)}
    cls = cast("type[attrs.AttrsInstance]", type(value))
    if attrs.has(cls):
        fields = {field.name: canonical(getattr(value, field.name)) for field in attrs.fields(cls)}
        return {"$class": _name(cls), **fields}
    if isinstance(value, Mapping):
        return {
            str(key): canonical(item) for key, item in cast("Mapping[str, object]", value).items()
        }
    if isinstance(value, AbstractSet):
        items = [canonical(item) for item in cast("AbstractSet[object]", value)]
        return {"$set": sorted(items, key=lambda item: json.dumps(item, sort_keys=True))}
    if isinstance(value, list | tuple):
        return [canonical(item) for item in cast("list[object]", value)]
    raise TypeError(f"a {type(value).__name__} has no canonical form")


def fingerprint(entry: ComponentEntry, dependency_fingerprints: Iterable[str]) -> str:
    """32 hex digits of BLAKE2b over an entry, its provider and what it depends on.

    Args:
        entry: the component to be.
        dependency_fingerprints: those of the components it refers to; their order does not matter.
    """
    content = {"entry": _entry(entry), "dependencies": sorted(dependency_fingerprints)}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    data = text.encode("utf-8", "surrogatepass")
    return hashlib.blake2b(data, digest_size=16, person=b"hector-entry").hexdigest()


def _entry(entry: ComponentEntry) -> dict[str, Any]:
    """Everything that decides what is built: the order of references decides what "all" means."""
    return {
        "kind": entry.kind,
        "name": entry.name,
        "path": entry.path,
        "provider": provider_identity(entry.provider),
        "settings": canonical(entry.settings),
        "common": {key: canonical(value) for key, value in built_from(entry.common).items()},
        "references": [[use.kind, use.name, use.path] for use in entry.references],
    }


def built_from(common: object) -> Mapping[str, object]:
    """The kernel's own keys of an entry that decide what is built; the others only say how it is listed.

    `enabled` is not among them: an entry that is not enabled is not built at all.
    """
    keys = ("description", "require_approval", "approval_prompt")
    return {key: getattr(common, key) for key in keys if hasattr(common, key)}


def provider_identity(provider: Provider | None) -> list[str]:
    """What tells providers apart: kind, type, and where its functions and settings are defined."""
    if provider is None:
        return []
    create = provider.create
    where = create if isinstance(create, str) else _name(create)
    return [provider.kind, provider.type, where, _name(provider.settings)]


def _name(thing: Any) -> str:
    """Where a class or function is defined; one that has no name of its own goes by its type."""
    kind = cast("type[object]", type(thing))
    module = getattr(thing, "__module__", None) or kind.__module__
    return f"{module}:{getattr(thing, '__qualname__', None) or kind.__qualname__}"
