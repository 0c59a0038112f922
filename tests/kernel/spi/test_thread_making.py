"""What is made in a thread is had or closed, never lost."""

from __future__ import annotations

import asyncio
import threading

import pytest

from hector.spi.thread_making import made_in_thread


class Client:
    def __init__(self) -> None:
        self.is_closed = False

    async def close(self) -> None:
        self.is_closed = True


async def test_what_is_made_is_given() -> None:
    client = await made_in_thread(Client, Client.close)
    assert not client.is_closed


async def test_an_error_is_that_of_the_maker() -> None:
    def fail() -> Client:
        raise ValueError("no")

    with pytest.raises(ValueError, match=r"^no$"):
        await made_in_thread(fail, Client.close)


@pytest.mark.parametrize("fails", [False, True])
async def test_a_cancellation_waits_for_the_thread_and_closes_what_it_made(fails: bool) -> None:
    """Whether it comes while the thread works; what the thread raises then is nobody's concern."""
    started, goes_on = threading.Event(), threading.Event()
    made: list[Client] = []

    def make() -> Client:
        started.set()
        assert goes_on.wait(10)
        if fails:
            raise ValueError("no")
        made.append(Client())
        return made[0]

    async with asyncio.TaskGroup() as group:
        task = group.create_task(made_in_thread(make, Client.close))
        await asyncio.to_thread(started.wait, 10)
        task.cancel()
        await asyncio.sleep(0)
        assert not task.done()
        goes_on.set()
    assert task.cancelled()
    assert [client.is_closed for client in made] == ([] if fails else [True])


async def test_a_cancellation_at_the_last_moment_closes_it_too() -> None:
    """The thread is done, and its news has not been heard."""
    done = threading.Event()
    client = Client()

    def make() -> Client:
        done.set()
        return client

    async with asyncio.TaskGroup() as group:
        task = group.create_task(made_in_thread(make, Client.close))
        await asyncio.sleep(0)
        assert done.wait(10)  # blocks the loop
        task.cancel()
    assert task.cancelled()
    assert client.is_closed
