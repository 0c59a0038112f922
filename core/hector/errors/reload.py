"""Why a config did not become the running one."""

from __future__ import annotations

from collections.abc import Sequence

from hector.errors.root import HectorError

__all__ = [
    "GenerationNotFoundError",
    "ReloadConflictError",
    "ReloadError",
    "ReloadRefusedError",
    "ReloadSupersededError",
    "ReloadTimeoutError",
]


class ReloadError(HectorError):
    """A reload did not happen; what ran before runs on."""

    code = "H310"


class ReloadConflictError(ReloadError):
    """The running config is not the one the caller had in mind.

    Attributes:
        expected: the etag the caller gave.
        running: that of the running config.
    """

    code = "H311"

    def __init__(self, *, expected: str, running: str) -> None:
        super().__init__(
            f"the running config has etag `{running}`, not `{expected}`: somebody changed it meanwhile",
            hint="look at the running config and its plan again, then apply with its etag",
        )
        self.expected = expected
        self.running = running


class ReloadSupersededError(ReloadError):
    """A newer config was handed in while this one waited for its turn or was being built."""

    code = "H312"


class ReloadTimeoutError(ReloadError):
    """The reload as a whole, or reading a config for its plan, took longer than `server.reload.timeout`."""

    code = "H313"


class GenerationNotFoundError(ReloadError, LookupError):
    """There is no such earlier generation to return to.

    Attributes:
        generation: what was asked for.
        known: those that can be returned to.
    """

    code = "H314"

    def __init__(self, generation: int, known: Sequence[int]) -> None:
        names = ", ".join(str(number) for number in known) or "none"
        super().__init__(
            f"generation {generation} cannot be returned to",
            hint=f"there are: {names}; server.reload.history says how many are kept",
        )
        self.generation = generation
        self.known = tuple(known)


class ReloadRefusedError(ReloadError):
    """A plugin's `hector_before_swap` raised: it does not want the new generation.

    Attributes:
        plugin: whose hook it was.
    """

    code = "H315"

    def __init__(self, plugin: str, reason: str) -> None:
        super().__init__(
            f"plugin {plugin} refused the new config: {reason}",
            hint="see what the plugin wants, or list it in plugins.disable",
        )
        self.plugin = plugin
