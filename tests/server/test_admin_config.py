"""Looking at the running config, checking, planning, applying and taking back another one."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest
from admin_stage import CONFIG, AdminServer, administered, hooked_provider, options
from server_stage import serving

from hector import Runtime
from hector.cli import main
from hector.errors import (
    ComponentOpenError,
    ConfigError,
    Diagnostic,
    GenerationNotFoundError,
    HectorError,
    PluginError,
    ReloadConflictError,
    ReloadError,
    ReloadRefusedError,
    ReloadSupersededError,
    ReloadTimeoutError,
    RuntimeClosedError,
    UsageError,
)
from hector_server.admin.replies import reply_to_error

WARM = CONFIG.replace("provider: hooked", "provider: hooked\n    temperature: 1")
MORE = f"{CONFIG}  second:\n    llm: main\n"
BROKEN = f"{CONFIG}    instructio: Be kind.\n"


async def test_the_running_config_is_described_without_its_text(tmp_path: Path) -> None:
    (tmp_path / "base.toml").write_text('name = "base"\n')
    (tmp_path / ".env").write_text("X=secret\n")
    async with administered(tmp_path, f"extends: base.toml\n{CONFIG}") as server:
        answer = await server.get("config")
        etag = server.runtime.etag

    assert re.fullmatch(r"[0-9a-f]{32}", etag)
    assert answer.headers["etag"] == f'"{etag}"'
    assert answer.json() == {
        "generation": 1,
        "etag": etag,
        "format": "yaml",
        "files": ["hector.yaml", "base.toml"],
    }


async def test_a_check_says_what_hector_validate_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "agents:\n  a:\n    instructio: Be kind.\n    llm: nobody\ndatabases: {d: {driver: sqlite3, database: x}}\n"
    async with administered(tmp_path) as server:
        answer = await server.post("config/check", text)
        generation = server.runtime.generation
    monkeypatch.chdir(tmp_path)
    Path("hector.yaml").write_text(text)
    with pytest.raises(SystemExit):
        main(["validate", "--json"])
    told = json.loads(capsys.readouterr().out)

    assert answer.status_code == 200
    assert answer.json() == told
    assert (told["file"], told["valid"], len(told["problems"])) == ("hector.yaml", False, 4)
    assert generation == 1


async def test_a_check_without_a_body_checks_the_file(tmp_path: Path) -> None:
    async with administered(tmp_path) as server:
        good = await server.post("config/check")
        server.file.write_text(BROKEN)
        bad = await server.post("config/check")

    assert good.json() == {"file": "hector.yaml", "valid": True, "problems": []}
    (problem,) = bad.json()["problems"]
    assert (problem["code"], problem["file"], problem["line"]) == ("H102", "hector.yaml", 8)


@pytest.mark.parametrize(
    ("type", "text"),
    [
        ("application/yaml", "agents: {a: {}}"),
        ("application/json; charset=utf-8", '{"agents": {"a": {}}}'),
        ("application/toml", "[agents.a]"),
    ],
)
async def test_every_format_is_read_whatever_the_file_is_written_in(
    tmp_path: Path, type: str, text: str
) -> None:
    async with administered(tmp_path) as server:
        good = await server.post("config/check", text, type=type)
        marked = await server.post("config/check", f"\ufeff{text}", type=type)
        bad = await server.post("config/check", f"{text}]", type=type)

    assert good.json()["valid"]
    assert marked.json()["valid"]
    assert bad.json()["problems"][0]["code"] == "H112"


async def test_a_plan_says_what_would_happen_and_does_nothing(tmp_path: Path) -> None:
    async with administered(tmp_path) as server:
        etag = server.runtime.etag
        text = f"{WARM}  second:\n    llm: main\nserver: {{port: 9999}}\n"
        answer = await server.post("config/plan", text)
        after = (server.runtime.generation, server.runtime.etag, list(server.runtime.agents))

    assert answer.headers["etag"] == f'"{etag}"'
    told = answer.json()
    assert told.pop("needs_restart") == [
        {
            "subject": "server.port",
            "reason": "it was `8080` at the start, the config says `9999`",
        }
    ]
    assert told == {
        "generation": 1,
        "etag": etag,
        "is_same": False,
        "changes": [
            _change("agents.helper", "rebuild", "llms.main"),
            _change("agents.second", "add"),
            _change("llms.main", "rebuild", "llms.main.temperature"),
        ],
        "carried_over": 0,
        "warnings": [],
    }
    assert after == (1, etag, ["helper"])


async def test_a_plan_without_a_body_reads_the_file_again(tmp_path: Path) -> None:
    async with administered(tmp_path) as server:
        same = (await server.post("config/plan")).json()
        server.file.write_text(MORE)
        more = (await server.post("config/plan")).json()

    assert (same["is_same"], same["carried_over"]) == (True, 2)
    assert more["changes"] == [_change("agents.second", "add")]


async def test_a_config_takes_over(tmp_path: Path) -> None:
    async with administered(tmp_path) as server:
        answer = await server.post("config/apply", MORE)
        card = await server.http.get("/agents/second")
        etag = server.runtime.etag

    told = answer.json()
    assert (answer.status_code, card.status_code) == (200, 200)
    assert (told["generation"], told["etag"], told["is_changed"]) == (2, etag, True)
    assert (told["added"], told["rebuilt"], told["removed"]) == (["agents.second"], [], [])
    assert told["carried_over"] == 2
    assert told["persisted"] is False
    assert told["phases_s"].keys() >= {"read", "structure", "plan", "build", "swap"}
    assert answer.headers["etag"] == f'"{etag}"'
    assert server.file.read_text() == CONFIG


async def test_without_a_body_the_file_takes_over(tmp_path: Path) -> None:
    async with administered(tmp_path) as server:
        same = (await server.post("config/apply")).json()
        server.file.write_text(MORE)
        more = (await server.post("config/apply")).json()

    assert (same["generation"], same["is_changed"]) == (1, False)
    assert (more["generation"], more["added"]) == (2, ["agents.second"])


async def test_extends_and_variables_are_those_of_the_server(tmp_path: Path) -> None:
    """The text stands in the place of the config file."""
    (tmp_path / "base.yaml").write_text("agents: {third: {llm: main, description: '${X}'}}\n")
    async with administered(tmp_path, env={"X": "from the server"}) as server:
        await server.post("config/apply", f"extends: base.yaml\n{CONFIG}")
        agents = server.runtime.agents

    assert agents["third"].description == "from the server"


async def test_a_broken_config_is_refused_with_its_problems(tmp_path: Path) -> None:
    async with administered(tmp_path) as server:
        answers = [await server.post(f"config/{what}", BROKEN) for what in ("plan", "apply")]
        generation = server.runtime.generation

    for answer in answers:
        told = answer.json()
        assert answer.status_code == 422
        assert (told["error"]["code"], told["error"]["status"]) == ("H100", 422)
        assert told["error"]["message"] == "the config cannot be used"
        (problem,) = told["problems"]
        assert problem["path"] == "agents.helper.instructio"
        assert problem["hint"].startswith("did you mean `instruction`?")
        assert (problem["file"], problem["line"], problem["column"]) == ("hector.yaml", 8, 5)
    assert generation == 1


async def test_a_component_that_does_not_come_up_is_told_without_a_traceback(
    tmp_path: Path,
) -> None:
    def fail() -> None:
        raise KeyError("nothing there")

    async with administered(tmp_path, acts={"fail": fail}) as server:
        answer = await server.post(
            "config/apply", f"{WARM}\n".replace("temperature: 1", "act: fail")
        )
        generation = server.runtime.generation

    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (500, "H301")
    assert error["message"].startswith("`llms.main` ")
    assert "Traceback" not in answer.text
    assert "admin_stage.py" not in answer.text
    assert generation == 1


async def test_the_log_tells_what_was_asked_for_and_what_came_of_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """As of every other reload: who reads the log need not have been the one who asked."""
    caplog.set_level("INFO", "hector_server.admin")
    async with administered(tmp_path) as server:
        await server.post("config/apply", f"{WARM}server: {{port: 9999}}\n")
        await server.post("config/apply", "agents: 7\n")
        await server.post("config/rollback", '{"generation": 7}', type="application/json")
        await server.post("config/rollback")
    told = [item.getMessage() for item in caplog.records if item.name == "hector_server.admin"]

    assert re.sub(r"\(\d+ ms\)", "(… ms)", told[0]) == (
        "reload (admin): generation 2 runs: rebuilt agents.helper, llms.main; 0 carried over (… ms)"
    )
    assert told[1] == (
        "server.port needs a restart: it was `8080` at the start, the config says `9999`"
    )
    assert told[2].startswith("reload (admin) failed: generation 2 goes on: [H100] 1 problem")
    assert told[3] == (
        "reload (rollback) failed: generation 2 goes on: [H314] generation 7 cannot be returned to"
    )
    assert told[4].startswith("reload (rollback): generation 3 runs: rebuilt agents.helper, ")


async def test_an_etag_that_does_not_run_any_more_is_a_conflict(tmp_path: Path) -> None:
    async with administered(tmp_path) as server:
        first = (await server.get("config")).headers["etag"]
        await server.post("config/apply", MORE, if_match=first)
        second = server.runtime.etag
        late = await server.post("config/apply", CONFIG, if_match=first)
        back = await server.post("config/rollback", if_match=first)
        weak = await server.post("config/apply", CONFIG, if_match=f'W/"{second}"')
        generation = server.runtime.generation
        several = await server.post("config/apply", WARM, if_match=f'{first}, "{second}"')
        whichever = await server.post("config/apply", CONFIG, if_match="*")

    for answer in (late, back, weak):
        assert (answer.status_code, answer.json()["error"]["code"]) == (412, "H311")
        assert answer.json()["etag"] == second
        assert answer.headers["etag"] == f'"{second}"'
    assert generation == 2
    assert (several.status_code, whichever.status_code) == (200, 200)


async def test_of_two_who_apply_to_the_same_etag_one_wins(tmp_path: Path) -> None:
    async with administered(tmp_path) as server:
        etag = f'"{server.runtime.etag}"'
        answers = await asyncio.gather(
            server.post("config/apply", MORE, if_match=etag),
            server.post("config/apply", WARM, if_match=etag),
        )

    assert sorted(answer.status_code for answer in answers) == [200, 412]


async def test_a_reload_goes_on_when_its_client_has_left(tmp_path: Path) -> None:
    reached, go = asyncio.Event(), asyncio.Event()

    async def wait() -> None:
        reached.set()
        await go.wait()

    async with administered(tmp_path, acts={"wait": wait}) as server:
        text = CONFIG.replace("provider: hooked", "provider: hooked\n    act: wait")
        async with asyncio.TaskGroup() as group:
            leaving = group.create_task(server.post("config/apply", text))
            await reached.wait()
            leaving.cancel()
        go.set()
        after = (await server.post("config/apply")).json()  # waits for its turn

    assert after["generation"] == 3
    assert [item.outcome for item in server.runtime.history] == ["applied"] * 3


async def test_another_token_waits_for_a_restart_and_that_is_said(tmp_path: Path) -> None:
    new = f"{CONFIG}server: {{admin: {{token_hash: 'sha256:{64 * 'a'}'}}}}\n"
    async with administered(tmp_path) as server:
        answer = await server.post("config/apply", new)
        still = await server.get("config")

    (need,) = answer.json()["needs_restart"]
    assert need["subject"] == "server.admin"
    assert 10 * "a" not in answer.text
    assert still.status_code == 200


async def test_an_earlier_config_runs_again(tmp_path: Path) -> None:
    async with administered(tmp_path) as server:
        await server.post("config/apply", MORE)
        await server.post("config/apply", WARM)
        one_back = await server.post("config/rollback")
        agents = [list(server.runtime.agents)]
        first = await server.post("config/rollback", '{"generation": 1}', type="application/json")
        agents.append(list(server.runtime.agents))

    assert (one_back.json()["generation"], first.json()["generation"]) == (4, 5)
    assert one_back.json()["added"] == ["agents.second"]
    assert agents == [["helper", "second"], ["helper"]]
    assert server.file.read_text() == CONFIG


async def test_a_generation_that_never_was_is_not_found(tmp_path: Path) -> None:
    async with administered(tmp_path) as server:
        none = await server.post("config/rollback")
        await server.post("config/apply", MORE)
        seven = await server.post("config/rollback", '{"generation": 7}', type="application/json")

    assert (none.status_code, none.json()["known"]) == (404, [])
    assert (seven.status_code, seven.json()["known"]) == (404, [1])
    assert seven.json()["error"] == {
        "status": 404,
        "code": "H314",
        "message": "generation 7 cannot be returned to",
        "hint": "there are: 1; server.reload.history says how many are kept",
    }


@pytest.mark.parametrize(
    ("text", "type", "status"),
    [
        ('{"generation": "1"}', "application/json", 400),
        ('{"generation": true}', "application/json", 400),
        ('{"generations": 1}', "application/json", 400),
        ("[1]", "application/json", 400),
        ("{", "application/json", 400),
        ("generation: 1", "application/yaml", 415),
        ('{"generation": 1}', "application/x-www-form-urlencoded", 415),  # curl's own
    ],
)
async def test_what_is_no_order_to_roll_back_is_refused(
    tmp_path: Path, text: str, type: str, status: int
) -> None:
    async with administered(tmp_path) as server:
        await server.post("config/apply", MORE)
        answer = await server.post("config/rollback", text, type=type)
        generation = server.runtime.generation

    assert (answer.status_code, generation) == (status, 2)
    if status == 415:
        assert answer.json()["error"]["hint"] == "set `Content-Type: application/json`"


async def test_the_history_says_what_became_of_every_config(tmp_path: Path) -> None:
    async with administered(tmp_path) as server:
        await server.post("config/apply", MORE)
        await server.post("config/apply", BROKEN)
        await server.runtime.reload()
        await server.post("config/rollback", '{"generation": 2}', type="application/json")
        told = (await server.get("generations")).json()

    records: list[dict[str, Any]] = told["generations"]
    assert told["generation"] == 4
    assert [
        (item["reason"], item["outcome"], item["generation"], item["can_return"])
        for item in records
    ] == [
        ("start", "applied", 1, True),
        ("admin", "applied", 2, True),
        ("admin", "failed", 2, False),
        ("program", "applied", 3, True),
        ("rollback", "applied", 4, False),  # it runs
    ]
    assert records[1]["report"]["added"] == ["agents.second"]
    assert records[1]["report"]["changes"] == [_change("agents.second", "add")]
    assert records[1]["error"] is None
    assert records[2]["report"] is None
    assert records[2]["error"]
    assert [item["file"] for item in records[2]["problems"]] == ["hector.yaml"]
    assert records[1]["etag"] == records[4]["etag"]
    for item in records:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", item["at"])
        assert item["duration_s"] >= 0


ERRORS: list[tuple[HectorError, int]] = [
    (ConfigError((Diagnostic(code="H102", path="a", message="b"),)), 422),
    (UsageError("the program gave tools to an agent that is gone"), 422),
    (ReloadConflictError(expected="a", running="b"), 412),
    (ReloadSupersededError("a newer one came"), 409),
    (ReloadRefusedError("x", "no"), 409),
    (ReloadError("no"), 409),
    (GenerationNotFoundError(7, [1]), 404),
    (ReloadTimeoutError("too slow", hint="wait"), 504),
    (RuntimeClosedError("closing"), 503),
    (ComponentOpenError("llms.main", "failed", hint="look"), 500),
    (PluginError("broken"), 500),
]


@pytest.mark.parametrize(("error", "status"), ERRORS, ids=lambda item: type(item).__name__)
def test_every_error_has_a_status_its_code_and_its_hint(error: HectorError, status: int) -> None:
    answer = reply_to_error(error)
    told = json.loads(bytes(answer.body))["error"]

    assert answer.status_code == told["status"] == status
    assert (told["code"], told["hint"]) == (error.code, error.hint)
    assert answer.headers["cache-control"] == "no-store"


async def test_a_runtime_that_is_closed_takes_no_config(tmp_path: Path) -> None:
    file = tmp_path / "hector.yaml"
    file.write_text(CONFIG)
    opening = Runtime.open(file, env={}, providers=(hooked_provider(),))
    runtime = await opening.__aenter__()
    async with serving(runtime, options()) as http:
        await opening.__aexit__(None, None, None)
        server = AdminServer(http, runtime, file)
        answers = [await server.post("config/apply", MORE), await server.post("config/rollback")]

    for answer, status in zip(answers, (503, 404), strict=True):
        assert answer.status_code == status
    assert answers[0].json()["error"]["code"] == "H306"


async def test_a_reload_that_takes_too_long_is_given_up(tmp_path: Path) -> None:
    text = f"{CONFIG}server: {{reload: {{timeout: 50ms}}}}\n"
    slow = text.replace("provider: hooked", "provider: hooked\n    act: wait")
    async with administered(tmp_path, text, acts={"wait": asyncio.Event().wait}) as server:
        answer = await server.post("config/apply", slow)
        generation = server.runtime.generation

    assert (answer.status_code, answer.json()["error"]["code"], generation) == (504, "H313", 1)


async def test_a_config_that_came_from_a_program_can_be_changed_but_not_checked_without_a_body() -> (
    None
):
    config: dict[str, Any] = {"llms": {"main": {"provider": "hooked"}}, "agents": {"helper": {}}}
    async with (
        Runtime.open(config, env={}, providers=(hooked_provider(),)) as runtime,
        serving(runtime, options()) as http,
    ):
        server = AdminServer(http, runtime, Path())
        shown = (await server.get("config")).json()
        unnamed = await server.post("config/check")
        broken = await server.post("config/check", BROKEN)
        kept = await server.post("config/apply?persist=true", MORE)
        applied = await server.post("config/apply", MORE)

    assert (shown["format"], shown["files"]) == (None, [])
    assert unnamed.status_code == 400
    assert broken.json()["file"] == "config"
    assert kept.status_code == 409
    assert applied.json()["added"] == ["agents.second"]


def _change(path: str, action: str, *causes: str) -> dict[str, Any]:
    return {"path": path, "action": action, "causes": list(causes), "is_exclusive": False}
