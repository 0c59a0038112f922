"""What a reload would do, what it did, and what was done before: values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import attrs

from hector.errors import Diagnostic

__all__ = [
    "Change",
    "ChangeAction",
    "Comparison",
    "ReloadOutcome",
    "ReloadPlan",
    "ReloadRecord",
    "ReloadReport",
    "RestartNeed",
]

ChangeAction = Literal["add", "rebuild", "remove"]

ReloadOutcome = Literal["applied", "unchanged", "failed", "superseded", "canceled"]


@attrs.frozen(kw_only=True)
class Change:
    """What happens to one component.

    Attributes:
        path: where it stands, such as `llms.main`.
        action: what happens.
        causes: of a rebuild: the keys that changed, such as `llms.main.temperature`, and the components it uses
            that are rebuilt, such as `llms.main`; `plugin <distribution>` when another provider builds it now;
            `down` when it had ended by itself. Empty for the others.
        is_exclusive: it holds something that only one can hold, which the running one must let go of first: the
            agents that use it are paused for the swap.
    """

    path: str
    action: ChangeAction
    causes: tuple[str, ...] = ()
    is_exclusive: bool = False


@attrs.frozen(kw_only=True)
class RestartNeed:
    """Something that only a restart can bring about.

    Attributes:
        subject: a key such as `server.port`, or `plugin <name>`.
        reason: what differs, for people; without secrets.
    """

    subject: str
    reason: str


@attrs.frozen(kw_only=True)
class Comparison:
    """Two configs side by side.

    Attributes:
        changes: by path, sorted; what is carried over is not among them.
        carried_over: how many components stay as they are.
        needs_restart: sorted by subject.
        is_same: nothing changed at all, not even what no component depends on.
    """

    changes: Mapping[str, Change]
    carried_over: int
    needs_restart: tuple[RestartNeed, ...]
    is_same: bool


@attrs.frozen(kw_only=True)
class ReloadPlan:
    """What a reload would do.

    Attributes:
        generation: the running one.
        etag: that of the running config; give it to `reload` to make sure of it.
        changes: see `Comparison`.
        warnings: what should be changed in the new config.
    """

    generation: int
    etag: str
    changes: Comparison
    warnings: tuple[Diagnostic, ...] = ()


@attrs.frozen(kw_only=True)
class ReloadReport:
    """What a reload did, by component path.

    Attributes:
        generation: the number of the generation that is current now.
        etag: that of the config that is running now.
        is_changed: False when there was nothing to do and the generation stayed.
        added, rebuilt, removed: sorted.
        carried_over: how many components stayed as they are.
        needs_restart: what changed in the config but cannot change while running, sorted.
        changes: why, component by component.
        phases: seconds of `wait`, `read`, `registry`, `structure`, `plan`, `build`, `swap`, as far as they came.
        duration_s: seconds from when it was asked for to the swap.
    """

    generation: int
    etag: str = ""
    is_changed: bool
    added: tuple[str, ...] = ()
    rebuilt: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    carried_over: int = 0
    needs_restart: tuple[RestartNeed, ...] = ()
    changes: Mapping[str, Change] = attrs.field(factory=dict[str, Change])
    phases: Mapping[str, float] = attrs.field(factory=dict[str, float])
    duration_s: float = 0.0


@attrs.frozen(kw_only=True)
class ReloadRecord:
    """One line of the history.

    Attributes:
        at: when it was asked for, in seconds since the epoch.
        reason: who asked: `start`, `watch`, `signal`, `admin`, `rollback` or `program`.
        outcome: what came of it.
        generation: the one that was current afterwards.
        etag: of the config that was handed in; empty when it could not be read.
        report: of a reload that happened.
        error: why it did not, with code and hint; without secrets.
        diagnostics: of a config that could not be used.
        duration_s: seconds from when it was asked for to its end.
        can_return: whether `rollback` can bring this generation's config back; not for the one that runs.
    """

    at: float
    reason: str
    outcome: ReloadOutcome
    generation: int
    etag: str = ""
    report: ReloadReport | None = None
    error: str = ""
    diagnostics: tuple[Diagnostic, ...] = ()
    duration_s: float = 0.0
    can_return: bool = False
