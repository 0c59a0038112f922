"""What was reloaded, when and how it went, and the configs that can be returned to."""

from __future__ import annotations

from collections import OrderedDict, deque

import attrs

from hector.errors import GenerationNotFoundError
from hector.runtime.loading import ConfigInput
from hector.runtime.reload_report import ReloadRecord

__all__ = ["History"]

MAXIMUM_RECORDS = 200
"""Lines kept, however many reloads there are."""


class History:
    """Remembers reloads in order; bounded."""

    def __init__(self) -> None:
        self._records: deque[ReloadRecord] = deque(maxlen=MAXIMUM_RECORDS)
        self._snapshots: OrderedDict[int, ConfigInput] = OrderedDict()

    def note(self, record: ReloadRecord) -> None:
        """Write a line."""
        self._records.append(record)

    def keep(self, generation: int, snapshot: ConfigInput, *, limit: int) -> None:
        """Keep a generation's config, and no more than `limit` earlier ones."""
        self._snapshots[generation] = snapshot
        while len(self._snapshots) > limit + 1:
            self._snapshots.popitem(last=False)

    def records(self, *, current: int) -> tuple[ReloadRecord, ...]:
        """Every line, oldest first; `current` is the generation that runs."""
        return tuple(
            attrs.evolve(
                record,
                can_return=record.outcome == "applied"
                and record.generation in self._snapshots
                and record.generation != current,
            )
            for record in self._records
        )

    def config_of(self, generation: int | None, *, current: int) -> tuple[int, ConfigInput]:
        """The config of an earlier generation; None stands for the last one whose config is not the current one's.

        Raises:
            GenerationNotFoundError: it is not kept, or never was.
        """
        known = [number for number in self._snapshots if number != current]
        if generation is None:
            runs = self._snapshots.get(current)
            others = [number for number in known if self._snapshots[number] != runs]
            generation = max(others, default=0)
        if generation not in known:
            raise GenerationNotFoundError(generation, known)
        return generation, self._snapshots[generation]
