"""Components of the ledger that hold what only one can hold."""

from __future__ import annotations

from typing import Any

import attrs
from reload_ledger import Ledger, LedgerLLM, LedgerSettings

from hector.spi import BuildContext, Provider

__all__ = ["FileSettings", "exclusive_provider"]


@attrs.frozen(kw_only=True)
class FileSettings(LedgerSettings):
    """The file that only one can hold."""

    file: str = "one"


def exclusive_provider(ledger: Ledger, locks: set[str]) -> Provider:
    """LLMs that lock a file while they are open."""
    [plain] = (item for item in ledger.providers() if item.kind == "llm")
    create = plain.create
    assert not isinstance(create, str)

    class Locked:
        def __init__(self, settings: FileSettings, context: BuildContext) -> None:
            self._settings = settings
            self._life: Any = create(settings, context)

        async def __aenter__(self) -> LedgerLLM:
            if self._settings.file in locks:
                raise OSError(f"{self._settings.file} is locked")
            locks.add(self._settings.file)
            try:
                llm: LedgerLLM = await self._life.__aenter__()
            except BaseException:
                locks.discard(self._settings.file)
                raise
            return llm

        async def __aexit__(self, *error: object) -> None:
            try:
                await self._life.__aexit__(*error)
            finally:
                locks.discard(self._settings.file)

    def locked(settings: FileSettings, context: BuildContext) -> Any:
        return Locked(settings, context)

    def claims(settings: FileSettings) -> list[str]:
        return [f"file:/{settings.file}"]

    return Provider(
        kind="llm", type="locked", settings=FileSettings, create=locked, exclusive=claims
    )
