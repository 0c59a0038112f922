"""Keeping secrets out of log lines and messages that others wrote."""

from __future__ import annotations

from collections.abc import Iterable

from hector.spi import Secret

__all__ = ["Redaction"]

_MIN_LENGTH = (
    6  # a shorter value, such as `1` or `true`, is a switch and stands in every other word
)


class Redaction:
    """Takes the values of some secrets, and the last word of each (`Bearer …`), out of text."""

    def __init__(self, secrets: Iterable[Secret]) -> None:
        values = [secret.reveal() for secret in secrets]
        words = [value.split()[-1] for value in values if value.split()]
        known = {text for text in (*values, *words) if len(text) >= _MIN_LENGTH}
        self._known = sorted(known, key=len, reverse=True)

    def apply(self, text: str) -> str:
        """The text with each secret replaced by `…`."""
        for value in self._known:
            text = text.replace(value, "…")
        return text
