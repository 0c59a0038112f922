"""Wrong tokens: so many at once, then so many a minute, in bounded memory."""

from __future__ import annotations

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hector_server.admin import Throttle
from hector_server.admin.throttle import peer_group


@attrs.define
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def test_after_a_burst_a_peer_waits_for_one_attempt_at_a_time() -> None:
    clock = Clock()
    throttle = Throttle(burst=3, per_minute=6, clock=clock)
    for _ in range(3):
        assert throttle.wait_s("a") == 0
        throttle.fail("a")

    assert throttle.wait_s("a") == pytest.approx(10)
    clock.now += 4
    assert throttle.wait_s("a") == pytest.approx(6)
    clock.now += 6.001
    assert throttle.wait_s("a") == 0
    throttle.fail("a")
    assert throttle.wait_s("a") == pytest.approx(10, abs=0.01)


def test_peers_do_not_pay_for_each_other() -> None:
    throttle = Throttle(burst=1, clock=Clock())
    throttle.fail("a")

    assert throttle.wait_s("a") > 0
    assert throttle.wait_s("b") == 0


def test_memory_is_bounded_and_peers_beyond_share_an_allowance() -> None:
    clock = Clock()
    throttle = Throttle(burst=2, max_peers=100, clock=clock)
    for number in range(10_000):
        throttle.fail(f"peer {number}")

    assert throttle.known_peers <= 101
    assert throttle.wait_s("yet another") > 0
    assert throttle.wait_s("peer 0") == 0  # known from before, with an allowance of its own
    clock.now += 3600
    assert throttle.wait_s("yet another") == 0
    throttle.fail("yet another")
    assert throttle.known_peers == 1  # the others have theirs back, and are forgotten


@given(
    burst=st.integers(1, 20),
    per_minute=st.floats(0.5, 600),
    steps=st.lists(st.floats(0, 30), max_size=200),
)
def test_nobody_gets_more_attempts_than_the_rate_allows(
    burst: int, per_minute: float, steps: list[float]
) -> None:
    clock = Clock()
    throttle = Throttle(burst=burst, per_minute=per_minute, clock=clock)
    attempts = 0
    for step in steps:
        clock.now += step
        if throttle.wait_s("a") == 0:
            throttle.fail("a")
            attempts += 1

    assert attempts <= burst + per_minute / 60 * clock.now + 1e-6


@pytest.mark.parametrize(
    ("address", "group"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
    ],
)
def test_a_network_of_one_machine_is_one_peer(address: str, group: str) -> None:
    assert peer_group(address) == group
