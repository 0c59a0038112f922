"""How much the suites try: Hypothesis profiles that the suites take as a bound.

A suite says itself how many examples a law is worth (`max_examples`, `histories`, `steps`); the profile that is loaded
may lower that and never raises it, so that one option makes any suite quick.
"""

from __future__ import annotations

from hypothesis import Phase, settings

__all__ = ["PROFILES", "examples", "load_profile", "steps"]

PROFILES = {
    "quick": settings(
        max_examples=5,
        stateful_step_count=10,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
    ),
    "full": settings(max_examples=100, stateful_step_count=50, deadline=None, database=None),
}
"""`quick` tries enough to find what is plainly wrong, and does not make what fails smaller, which takes minutes where a
store is slow; `full` tries all that the suites ask for. Neither keeps examples, for it is run where nobody looks for a
folder `.hypothesis`."""


def load_profile(name: str) -> None:
    """Make a profile of the kit the one that everything after it takes its defaults from."""
    settings.register_profile(f"hector-{name}", PROFILES[name])
    settings.load_profile(f"hector-{name}")


def examples(most: int) -> int:
    """How many examples a law is tried on that is worth `most` of them."""
    return min(most, settings().max_examples)


def steps(most: int) -> int:
    """How many steps a history has that is worth `most` of them."""
    return min(most, settings().stateful_step_count)
