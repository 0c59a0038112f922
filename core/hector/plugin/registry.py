"""The registry: which provider answers to which (kind, type), frozen, collected afresh at every build and reload."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import attrs

from hector.config import ProviderProblem, unknown_provider
from hector.plugin.collect import collect
from hector.plugin.discovery import discover, refresh
from hector.plugin.imported import formerly_offered
from hector.plugin.records import PluginRecord
from hector.spi import Provider

if TYPE_CHECKING:
    from hector.plugin.lifecycle import Lifecycle

__all__ = ["Offer", "Registry", "build_registry"]

EMBEDDED = "(embedding program)"
"""Stands for a distribution in the offers of providers handed to `Runtime.open`."""


@attrs.frozen(kw_only=True)
class Offer:
    """A provider and who brings it."""

    provider: Provider
    distribution: str
    version: str

    @property
    def label(self) -> str:
        """`distribution version`, for messages."""
        return f"{self.distribution} {self.version}".strip()


@attrs.frozen(kw_only=True)
class Registry:
    """Every provider on offer.

    Attributes:
        records: all plugins, also those that are blocked, incompatible or failed; sorted by (distribution, name).
        offers: (kind, type) to who offers it; several where plugins disagree.
        prefer: `kind.type` to the distribution that wins.
    """

    records: tuple[PluginRecord, ...]
    offers: Mapping[tuple[str, str], tuple[Offer, ...]]
    prefer: Mapping[str, str] = attrs.field(factory=dict[str, str])

    @property
    def lifecycle(self) -> Lifecycle:
        """The lifecycle hooks of the loaded plugins."""
        from hector.plugin.lifecycle import (
            Lifecycle,  # needs an event loop, which checking does not
        )

        loaded = [record for record in self.records if record.state == "loaded"]
        return Lifecycle(
            before=tuple(record.before_swap for record in loaded if record.before_swap),
            after=tuple(record.after_swap for record in loaded if record.after_swap),
        )

    def find(self, kind: str, type: str) -> Provider | ProviderProblem:
        """The provider for a type written in a config, `dist:type` included, or what is wrong and what to do."""
        distribution, separator, bare = type.rpartition(":")
        offers = self.offers.get((kind, bare), ())
        if separator:
            offers = tuple(
                offer for offer in offers if _same_name(offer.distribution, distribution)
            )
        if not offers:
            return self._missing(kind, type, bare)
        if len(offers) == 1:
            return offers[0].provider
        preferred = self.prefer.get(f"{kind}.{bare}")
        for offer in offers:
            if preferred and _same_name(offer.distribution, preferred):
                return offer.provider
        return self._ambiguous(kind, bare, offers)

    def types(self, kind: str) -> Sequence[str]:
        """The types on offer for a kind, sorted."""
        return sorted(type for offered_kind, type in self.offers if offered_kind == kind)

    def providers(self, kind: str) -> Sequence[Provider]:
        """One provider per type of the kind, sorted by type; types that nobody decided between are left out."""
        found = (self.find(kind, type) for type in self.types(kind))
        return [provider for provider in found if isinstance(provider, Provider)]

    def _ambiguous(self, kind: str, type: str, offers: Sequence[Offer]) -> ProviderProblem:
        names = " and ".join(offer.label for offer in offers)
        first = offers[0].distribution
        return ProviderProblem(
            code="H113",
            message=f"{kind} type `{type}` is offered by {names}",
            hint=f"choose with `plugins.prefer: {{{kind}.{type}: {first}}}`, or write `{first}:{type}`",
        )

    def _missing(self, kind: str, type: str, bare: str) -> ProviderProblem:
        for record in self.records:
            if record.state not in ("loaded", "discovered") and _speaks_for(
                record, kind, type, bare
            ):
                return ProviderProblem(
                    code="H116",
                    message=f"{kind} type `{type}`: plugin {record.label} is {record.state}: {record.error}",
                    hint=record.remedy,
                )
        return unknown_provider(kind, type, self.types(kind))


def _same_name(left: str, right: str) -> bool:
    return left.lower().replace("_", "-") == right.lower().replace("_", "-")


def _speaks_for(record: PluginRecord, kind: str, type: str, bare: str) -> bool:
    """Whether a plugin that is not loaded is likely the one that a type came from: nobody can ask it."""
    if record.state == "removed" and (kind, bare) in formerly_offered(record):
        return True
    distribution = type.rpartition(":")[0]
    if distribution:
        return _same_name(record.distribution, distribution)
    package = f"hector-plugin-{bare.replace('_', '-')}"
    return record.name == bare or _same_name(record.distribution, package)


def _offers(
    records: Iterable[PluginRecord], extra: Iterable[Provider]
) -> dict[tuple[str, str], tuple[Offer, ...]]:
    offers: dict[tuple[str, str], tuple[Offer, ...]] = {}
    for record in records:
        for provider in record.providers:
            offer = Offer(
                provider=provider, distribution=record.distribution, version=record.version
            )
            key = (provider.kind, provider.type)
            offers[key] = (*offers.get(key, ()), offer)
    for (
        provider
    ) in extra:  # what the embedding program hands over wins: it was handed over on purpose
        offers[provider.kind, provider.type] = (
            Offer(provider=provider, distribution=EMBEDDED, version=""),
        )
    return offers


def build_registry(
    *,
    disable: Collection[str] = (),
    prefer: Mapping[str, str] | None = None,
    providers: Iterable[Provider] = (),
) -> Registry:
    """Scan what is installed, import what is not disabled, and freeze what is offered.

    Args:
        disable: plugin or distribution names that are not imported.
        prefer: `kind.type` to distribution, where two offer one type.
        providers: providers of the embedding program; they win over installed ones of the same kind and type.

    Returns:
        A new registry; nothing of an earlier one is reused or changed.
    """
    refresh()
    records = collect(discover(disable=disable))
    return Registry(records=records, offers=_offers(records, providers), prefer=dict(prefer or {}))
