"""The promises of reload, over histories of reloads, invocations, cancellations and deadlines."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test
from reload_machine import ReloadMachine

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]


@pytest.mark.timeout(180)  # it only computes, and takes as long as the machine is slow
def test_every_history_keeps_the_promises() -> None:
    """A short look at many histories."""
    run_state_machine_as_test(
        ReloadMachine,
        settings=settings(max_examples=100, stateful_step_count=30, suppress_health_check=SLOW),
    )


@pytest.mark.long
@pytest.mark.timeout(7200)
def test_every_long_history_keeps_the_promises() -> None:
    """A long look at many long ones."""
    run_state_machine_as_test(
        ReloadMachine,
        settings=settings(max_examples=2000, stateful_step_count=80, suppress_health_check=SLOW),
    )
