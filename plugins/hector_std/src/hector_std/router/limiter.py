"""A rate limit with a queue that is fair to everybody who waits."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque

__all__ = ["RateLimiter"]

WINDOW_S = 60.0


class RateLimiter:
    """Lets requests begin so that no limit is passed in any window of a minute.

    Those who wait are taken flow by flow in turn: a flow (a conversation) that asks a hundred times makes the others
    wait for one of its requests, and not for a hundred. Within a flow the first comes first.

    Args:
        requests: most that begin in a window, or None.
        tokens: from so many in a window on none begins, or None. What a request takes is known when it is over, so
            the limit may be passed by what was under way.
        concurrency: most at a time, or None.
        window_s: length of a window, in seconds.
    """

    def __init__(
        self,
        *,
        requests: int | None = None,
        tokens: int | None = None,
        concurrency: int | None = None,
        window_s: float = WINDOW_S,
    ) -> None:
        self._requests = requests
        self._tokens = tokens
        self._concurrency = concurrency
        self._window_s = window_s
        self._begun: deque[float] = deque()
        self._spent: deque[tuple[float, int]] = deque()
        self._spent_sum = 0
        self._running = 0
        self._flows: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()
        self._timer: asyncio.TimerHandle | None = None

    async def begin(self, flow: str, *, timeout_s: float) -> bool:
        """Wait until a request may begin; each that may must be followed by `end`.

        Args:
            flow: whom to be fair to.
            timeout_s: longest wait, >= 0.

        Returns:
            Whether it may; False when the wait was over first.
        """
        if not self._flows and self._pause_s() == 0:
            self._start()
            return True
        if timeout_s <= 0:
            return False
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._flows.setdefault(flow, deque()).append(turn)
        self._pump()
        try:
            async with asyncio.timeout(timeout_s):
                await turn
        except TimeoutError:
            return self._is_granted(flow, turn)
        except asyncio.CancelledError:
            if self._is_granted(flow, turn):
                self.end(0)  # nobody will use it
            raise
        return True

    def end(self, tokens: int) -> None:
        """A request that had begun is over, and took `tokens` in and out."""
        self._running -= 1
        if self._tokens is not None and tokens:
            self._spent.append((_now(), tokens))
            self._spent_sum += tokens
        self._pump()

    @property
    def waiting(self) -> int:
        """How many wait."""
        return sum(map(len, self._flows.values()))

    def _is_granted(self, flow: str, turn: asyncio.Future[None]) -> bool:
        """Whether the turn had come when the wait ended; else it is taken out of the queue."""
        if turn.done() and not turn.cancelled():
            return True
        queue = self._flows.get(flow)
        if queue is not None and turn in queue:
            queue.remove(turn)
            if not queue:
                del self._flows[flow]
        return False

    def _start(self) -> None:
        self._running += 1
        if self._requests is not None:
            self._begun.append(_now())

    def _pump(self) -> None:
        """Let begin whoever may; come back when the next one may."""
        pause: float | None = None
        while self._flows and (pause := self._pause_s()) == 0:
            flow, queue = self._flows.popitem(last=False)
            turn = queue.popleft()
            if queue:
                self._flows[flow] = queue  # at the end: the others are next
            if not turn.done():
                self._start()
                turn.set_result(None)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._flows and pause is not None:
            self._timer = asyncio.get_running_loop().call_later(pause, self._pump)

    def _pause_s(self) -> float | None:
        """Seconds until one may begin; None when one must end first."""
        if self._concurrency is not None and self._running >= self._concurrency:
            return None
        now = _now()
        since = now - self._window_s
        while self._begun and self._begun[0] <= since:
            self._begun.popleft()
        while self._spent and self._spent[0][0] <= since:
            self._spent_sum -= self._spent.popleft()[1]
        pause = 0.0
        if self._requests is not None and len(self._begun) >= self._requests:
            pause = self._begun[0] - since
        if self._tokens is not None and self._spent_sum >= self._tokens:
            pause = max(pause, self._until_tokens(since))
        return pause

    def _until_tokens(self, since: float) -> float:
        left = self._spent_sum
        for at, tokens in self._spent:
            left -= tokens
            if left < (self._tokens or 0):
                return at - since
        return self._window_s


def _now() -> float:
    return asyncio.get_running_loop().time()
