"""The API level: an integer that moves when a plugin written for the one before may break."""

from __future__ import annotations

__all__ = ["API_LEVEL", "OLDEST_API_LEVEL", "level_problem", "parse_level"]

API_LEVEL = 1
"""What this kernel speaks."""

OLDEST_API_LEVEL = 1
"""The oldest level whose plugins still work."""


def parse_level(value: str) -> int | None:
    """Read `level_<n>`, the value of an entry point in group `hector.api`; None if it is something else."""
    digits = value.removeprefix("level_")
    return int(digits) if digits != value and digits.isdigit() else None


def level_problem(level: int | None) -> tuple[str, str] | None:
    """Why a plugin of that level cannot be loaded, and what to do; None if it can. A plugin that does not say can."""
    if level is None or OLDEST_API_LEVEL <= level <= API_LEVEL:
        return None
    if level > API_LEVEL:
        return (
            f"it was written for API level {level}, this Hector speaks {API_LEVEL}",
            "upgrade hector, or install an older version of the plugin",
        )
    return (
        f"it was written for API level {level}, this Hector speaks {OLDEST_API_LEVEL} to {API_LEVEL}",
        "upgrade the plugin",
    )
