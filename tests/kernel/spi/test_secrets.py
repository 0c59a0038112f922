"""A secret does not leave the process by accident."""

from __future__ import annotations

import copy
import pickle

import pytest

from hector.spi import Secret


def test_a_secret_cannot_be_pickled() -> None:
    """Not alone, and not in something else."""
    for value in (Secret("hidden"), {"key": [Secret("hidden")]}):
        with pytest.raises(TypeError, match="a secret cannot be pickled"):
            pickle.dumps(value)


def test_a_copy_of_a_secret_is_the_secret() -> None:
    """It is a frozen value, so that settings that hold one can be copied."""
    secret = Secret("hidden")

    assert copy.copy(secret) is secret
    assert copy.deepcopy([secret])[0] is secret
