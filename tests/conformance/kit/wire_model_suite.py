"""The laws of a model behind a network, on the good one and on those that are made of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from line_client import LineClient
from wire_model import ModelSettings, Reading, WireModel, provider_of
from wire_words import Words

from hector.spi import (
    Secret,
)
from hector.testing import LLMWireSuite, OllamaWire

__all__ = ["GOOD", "GoodModel", "broken"]


class GoodModel(LLMWireSuite):
    """Keeps all laws.

    Attributes:
        most_silence_s: a shorter `timeout` than the laws ask for, for those that wait in vain.
    """

    provider = provider_of(WireModel)
    wire = OllamaWire()
    most_silence_s: ClassVar[float] = 60.0

    def settings(self, base_url: str, **keys: Any) -> ModelSettings:
        silence_s = min(keys.pop("timeout"), self.most_silence_s)
        return ModelSettings(
            base_url=base_url, api_key=Secret(self.secret), timeout=silence_s, **keys
        )


def broken(part: type, **more: Any) -> type[LLMWireSuite]:
    """The suite of the good model with another part, or of another model."""
    slots: Mapping[type, str] = {Words: "words", Reading: "reading", LineClient: "client"}
    model = part
    for base, name in slots.items():
        if issubclass(part, base):
            model = type(part.__name__, (WireModel,), {name: part})
    return type(part.__name__, (GoodModel,), {"provider": provider_of(model), **more})


GOOD = (GoodModel,)
