"""JSON Schema (2020-12) of the config, from the same shapes that check it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, cast

from hector.config.entries import (
    AGENT_NAME,
    CHUNKING,
    ENTRY_NAME,
    SECTIONS,
    SOURCE,
    Section,
)
from hector.config.providers import KIND_WORDS, LLM_TYPES_BY_ENVIRONMENT, ProviderIndex
from hector.config.sections import DocumentStoreKeys, RootKeys
from hector.config.shape import RecordShape, record_shape
from hector.errors import UsageError
from hector.spi import Provider

__all__ = ["schema"]

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_INTERPOLATION: Final = r"\$\{[A-Za-z_][A-Za-z0-9_]*(?::.*)?\}"
_NULLABLE_ROOT_KEYS: Final = ("server", "plugins", "logger", "defaults")


def schema(providers: ProviderIndex, *, kind: str | None = None) -> dict[str, Any]:
    """What a config may hold with the providers that are installed; unknown keys are forbidden.

    Where a key takes something else than a free string, one interpolation such as `${PORT}` is
    allowed too. References, cycles and the few rules between keys are not expressed.

    Args:
        providers: the installed ones.
        kind: only the entries of that kind, such as `llm`; None for the whole config.

    Raises:
        UsageError: there is no such kind.
    """
    definitions = _Definitions(providers)
    if kind is None:
        body = definitions.root()
    elif section := next((item for item in _ALL_SECTIONS if item.kind == kind), None):
        body = definitions.entry(section)
    else:
        known = ", ".join(item.kind for item in _ALL_SECTIONS)
        raise UsageError(f"the config has no entries of kind `{kind}`", hint=f"one of: {known}")
    document: dict[str, Any] = {
        "$schema": DIALECT,
        "title": "Hector config" if kind is None else f"Hector {KIND_WORDS[kind]}",
        **body,
    }
    if definitions.found:
        document["$defs"] = definitions.found
    return cast("dict[str, Any]", _with_interpolation(document))


_ALL_SECTIONS: Final = (*SECTIONS, SOURCE, CHUNKING)


class _Definitions:
    """Builds the schema and collects the part of each provider under `$defs`."""

    def __init__(self, providers: ProviderIndex) -> None:
        self._providers = providers
        self.found: dict[str, Any] = {}

    def root(self) -> dict[str, Any]:
        properties = record_shape(RootKeys).property_schemas()
        for key in _NULLABLE_ROOT_KEYS:
            properties[key] = _nullable(properties[key])
        paths = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
        properties["extends"] = {"description": "configs that this one is laid over", **paths}
        for section in SECTIONS:
            properties[section.key] = self._section(section)
        return {"type": "object", "properties": properties, "additionalProperties": False}

    def _section(self, section: Section) -> dict[str, Any]:
        names: dict[str, Any] = {"pattern": f"^(?:{ENTRY_NAME})$"}
        if section.kind == "agent":
            names = {"pattern": f"^(?:{AGENT_NAME})$", "not": {"const": "user"}}
        self.found[section.kind] = self.entry(section)
        return {
            "type": ["object", "null"],
            "description": f"{KIND_WORDS[section.kind]} entries by name",
            "propertyNames": names,
            "additionalProperties": {"$ref": f"#/$defs/{section.kind}"},
        }

    def entry(self, section: Section) -> dict[str, Any]:
        """One entry of a section: what holds for all types, then what each type adds."""
        if not section.selector:
            return self._document_store()
        offered = self._offered(section)
        for provider, shape in offered:
            self.found[f"{section.kind}.{provider.type}"] = _provider_schema(
                section, provider, shape
            )
        types = [provider.type for provider, _ in offered]
        selector = section.selector
        rules = [_when(selector, item, section.default_type, section.kind) for item in types]
        body: dict[str, Any] = {
            "type": ["object", "null"] if self._may_be_empty(section) else "object",
            "properties": {selector: _selector(types)},
            "allOf": [*rules, *self._by_environment(section, types)],
        }
        if section.default_type is None and section.kind != "llm":
            body["required"] = [selector]
        return body

    def _offered(self, section: Section) -> list[tuple[Provider, RecordShape]]:
        """The providers whose settings can be read; a broken plugin is the check's to report."""
        offered: list[tuple[Provider, RecordShape]] = []
        for provider in self._providers.providers(section.kind):
            try:
                offered.append((provider, record_shape(provider.settings)))
            except UsageError:
                continue
        return offered

    def _by_environment(self, section: Section, types: Iterable[str]) -> list[dict[str, Any]]:
        """An LLM without a provider is one of those that the environment may choose."""
        if section.kind != "llm":
            return []
        found = [item for item in types if item in LLM_TYPES_BY_ENVIRONMENT]
        choices: list[Any] = [{"$ref": f"#/$defs/llm.{item}"} for item in found]
        without = {"not": {"required": [section.selector]}}
        return [{"if": without, "then": {"anyOf": choices} if choices else False}]

    def _may_be_empty(self, section: Section) -> bool:
        """Whether an entry without keys is one; such an entry may also be left empty."""
        for provider, shape in self._offered(section):
            is_chosen = provider.type == section.default_type or (
                section.kind == "llm" and provider.type in LLM_TYPES_BY_ENVIRONMENT
            )
            if is_chosen and not shape.required_keys():
                return True
        return False

    def _document_store(self) -> dict[str, Any]:
        properties = record_shape(DocumentStoreKeys).property_schemas()
        required: list[str] = []
        for part in (SOURCE, CHUNKING):
            self.found[part.kind] = self.entry(part)
            properties[part.key] = {"$ref": f"#/$defs/{part.kind}"}
            if not self._may_be_empty(part):
                required.append(part.key)
        return {
            "type": "object" if required else ["object", "null"],
            "properties": properties,
            "required": required,
            "additionalProperties": False,
        }


def _provider_schema(section: Section, provider: Provider, shape: RecordShape) -> dict[str, Any]:
    properties = shape.property_schemas()
    if section.common is not None:
        common = record_shape(section.common).property_schemas(without=properties)
        properties = {**common, **properties}
    properties[section.selector] = True
    body: dict[str, Any] = {
        "properties": properties,
        "required": shape.required_keys(),
        "additionalProperties": False,
    }
    return {"description": provider.summary, **body} if provider.summary else body


def _selector(types: list[str]) -> Any:
    if not types:
        return False
    qualified = f"^[^:]+:(?:{'|'.join(types)})$"
    return {"anyOf": [{"enum": types}, {"type": "string", "pattern": qualified}]}


def _when(selector: str, type: str, default_type: str | None, kind: str) -> dict[str, Any]:
    condition: dict[str, Any] = {"properties": {selector: {"pattern": f"^(?:[^:]+:)?{type}$"}}}
    if type != default_type:
        condition["required"] = [selector]
    return {"if": condition, "then": {"$ref": f"#/$defs/{kind}.{type}"}}


def _nullable(body: dict[str, Any]) -> dict[str, Any]:
    return {**body, "type": ["object", "null"]}


def _with_interpolation(body: Any, key: str = "") -> Any:
    """Let `${NAME}` stand for every value that is no free string; conditions stay as they are."""
    if isinstance(body, list):
        return [_with_interpolation(item) for item in cast("list[object]", body)]
    if not isinstance(body, dict):
        return body
    mapping = cast("dict[str, Any]", body)
    if key in {"properties", "$defs"}:
        return {name: _with_interpolation(item) for name, item in mapping.items()}
    kept = {"if", "propertyNames", "required", "enum", "default", "not"}
    changed = {
        name: item if name in kept else _with_interpolation(item, name)
        for name, item in mapping.items()
    }
    return _interpolable(changed)


def _interpolable(body: Mapping[str, Any]) -> dict[str, Any]:
    kind = body.get("type")
    if kind in ("integer", "number", "boolean"):
        return {**body, "type": [kind, "string"], "pattern": f"^{_INTERPOLATION}$"}
    if "pattern" in body and kind != "string":  # a number that may be a duration
        return dict(body)
    if "pattern" in body:
        return {**body, "pattern": rf"(?:{body['pattern']})|(?:\$\{{)"}
    if "enum" in body:
        others = {name: item for name, item in body.items() if name != "enum"}
        text = {"type": "string", "pattern": f"^{_INTERPOLATION}$"}
        return {**others, "anyOf": [{"enum": body["enum"]}, text]}
    return dict(body)
