"""Two servers over one PostgreSQL database: a person asked by one answers the other."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest
from a2a.types.a2a_pb2 import GetTaskRequest, SubscribeToTaskRequest, TaskState
from approval_stage import Recorder, decide, decision_for, delete, questions_of, serving_app
from postgres_server import NoPostgresError, PostgresServer, running_postgres
from server_calls import ask, official_client, send, text_of


@pytest.fixture(scope="module")
def postgres() -> Generator[PostgresServer]:
    """The server; an error, never a skip, if there is none."""
    try:
        with running_postgres() as server:
            yield server
    except NoPostgresError as error:
        pytest.fail(str(error), pytrace=False)


async def test_another_replica_takes_the_decision_and_both_tell_how_it_ended(
    postgres: PostgresServer,
) -> None:
    tool = Recorder()
    database: dict[str, Any] = {"driver": "postgres", "url": postgres.url, "schema": "h_replicas"}
    async with (
        serving_app([delete("/tmp/x")], tools=[tool], database=database) as first,
        serving_app("It is gone.", tools=[tool], database=database) as second,
    ):
        asked = await send(await official_client(first.http, is_streaming=False), ask())
        reader = await official_client(first.http)
        stream = reader.subscribe(SubscribeToTaskRequest(id=asked.id))
        await anext(stream)
        there = await official_client(second.http, is_streaming=False)
        again = await there.get_task(GetTaskRequest(id=asked.id))
        done = await send(there, decide(again, decision_for(questions_of(again)[0])))
        rest = [event async for event in stream]

    assert again.status == asked.status
    assert done.status.state == TaskState.TASK_STATE_COMPLETED
    assert text_of(rest) == ["It is gone."]
    assert rest[-1].status_update.status.state == TaskState.TASK_STATE_COMPLETED
    assert tool.calls == [{"path": "/tmp/x"}]
