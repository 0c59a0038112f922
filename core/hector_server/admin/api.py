"""The requests of the admin API, and what each does."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import os
from collections.abc import Awaitable, Callable, Generator, Mapping
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response

from hector import check_json, plan_json, record_json, report_json
from hector.errors import ConfigError, HectorError
from hector_server.admin.body import read_config, read_generation
from hector_server.admin.config_file import FORMATS, Draft, FileChangedError, draft_of
from hector_server.admin.replies import RequestRefusedError, admin_reply, failure, reply_to_error
from hector_server.host import Reloadable
from hector_server.http.body import ClientGoneError
from hector_server.options import ServerOptions
from hector_server.watching.report import tell

if TYPE_CHECKING:
    from hector import ConfigText, ReloadReport

__all__ = ["AdminAPI"]

logger = logging.getLogger("hector_server.admin")

Handler = Callable[["AdminAPI", Request], Awaitable[Response]]


def _answered(handler: Handler) -> Handler:
    """The request border: whatever goes wrong becomes an answer without a traceback."""

    @functools.wraps(handler)
    async def answer(api: AdminAPI, request: Request) -> Response:
        try:
            return await handler(api, request)
        except RequestRefusedError as error:
            headers = {"Connection": "close"} if error.is_last else None
            return failure(error.status, error.message, error.hint, headers=headers)
        except ConfigError as error:
            problems = api.problems(check_json("", error.diagnostics))
            return reply_to_error(error, problems=problems)
        except HectorError as error:
            return reply_to_error(error)
        except ClientGoneError:
            return failure(400, "the request never came whole")  # nobody reads this
        except Exception:  # the request border
            logger.exception("%s %s broke", request.method, request.url.path)
            return failure(500, "the server broke; its log says why")

    return answer


class AdminAPI:
    """Looks at a host and changes its config."""

    def __init__(self, host: Reloadable, options: ServerOptions) -> None:
        self._host = host
        self._options = options
        self._is_writing = False

    @_answered
    async def config(self, request: Request) -> Response:
        """`GET config`: which config runs, without its text."""
        _only(request)
        source = self._host.config.source
        return admin_reply(
            {
                "generation": self._host.generation,
                "etag": self._host.etag,
                "format": FORMATS.get(source.file.suffix.lower()) if source.file else None,
                "files": [self._shown(str(file)) for file in source.files],
            },
            headers=self._etag(),
        )

    @_answered
    async def check(self, request: Request) -> Response:
        """`POST config/check`: what is wrong with a config, without building anything."""
        _only(request)
        config = await self._config(request) or self._host.config.source.file
        if config is None:
            raise RequestRefusedError(400, "this server's config is no file: send the one to check")
        found = check_json(self._file_name(), await self._host.check(config))
        return admin_reply({**found, "problems": self.problems(found)})

    @_answered
    async def plan(self, request: Request) -> Response:
        """`POST config/plan`: what a reload would do."""
        _only(request)
        plan = plan_json(await self._host.plan(await self._config(request)))
        plan["warnings"] = [self._named(item) for item in plan["warnings"]]
        return admin_reply(plan, headers=self._etag())

    @_answered
    async def apply(self, request: Request) -> Response:
        """`POST config/apply`: reload; with `persist=true` the file is written, too."""
        _only(request, "persist")
        is_kept = _flag(request, "persist")
        config = await self._config(request)
        condition = self._condition(request)
        if is_kept and config is None:
            raise RequestRefusedError(400, "persist=true needs a config in the body")
        with self._telling_failures("admin"):
            if config is None or not is_kept:
                report = await self._host.reload(config, if_match=condition, reason="admin")
            else:
                report = await self._apply_and_keep(config, condition)
        tell(logger, "admin", report)
        return self._reported(report, is_persisted=is_kept)

    @_answered
    async def rollback(self, request: Request) -> Response:
        """`POST config/rollback`: the config of an earlier generation runs again."""
        _only(request)
        generation = await read_generation(request, self._options)
        with self._telling_failures("rollback"):
            report = await self._host.rollback(generation, if_match=self._condition(request))
        tell(logger, "rollback", report)
        return self._reported(report, is_persisted=False)

    @_answered
    async def generations(self, request: Request) -> Response:
        """`GET generations`: the history, oldest first."""
        _only(request)
        records = [record_json(record) for record in self._host.history]
        for record in records:
            record["problems"] = self.problems(record)
        return admin_reply({"generation": self._host.generation, "generations": records})

    def problems(self, found: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The problems among `found`, with files named from the config's folder."""
        return [self._named(item) for item in found["problems"]]

    # Applying

    @contextlib.contextmanager
    def _telling_failures(self, reason: str) -> Generator[None]:
        """The answer goes to who asked; who reads the log must learn of it, too."""
        try:
            yield
        except (HectorError, RequestRefusedError) as error:
            code = f"[{error.code}] " if isinstance(error, HectorError) else ""
            going_on = self._host.generation
            logger.warning(
                "reload (%s) failed: generation %d goes on: %s%s",
                reason,
                going_on,
                code,
                error.message,
                extra={"fields": {"problem": error.message, "generation": going_on}},
            )
            raise

    async def _apply_and_keep(self, config: ConfigText, condition: str | None) -> ReloadReport:
        """Reload, then replace the file.

        First the new text is written beside the file, so that a full disk or a missing permission
        shows before anything changes. Then the reload. Last, one rename. A crash before the rename
        leaves the file that ran before; a rename that fails takes the reload back.
        """
        if self._is_writing:
            raise RequestRefusedError(
                409, "another config is just being applied and kept", "try again"
            )
        self._is_writing = True
        try:
            etag = self._host.etag
            draft = await self._drafted(config, etag)
            try:
                await self._require_what_runs(draft)
                before = self._host.generation
                report = await self._host.reload(
                    config, if_match=etag if condition is None else condition, reason="admin"
                )
                await self._put_in_place(draft, before, report)
            finally:
                await asyncio.to_thread(draft.close)
        finally:
            self._is_writing = False
        return report

    async def _drafted(self, config: ConfigText, etag: str) -> Draft:
        """Write the draft in a thread, which a cancellation does not stop: it is removed then."""
        write = functools.partial(
            draft_of,
            config.text,
            format=config.format,
            files=tuple(self._host.config.source.files),
            etag=etag,
        )
        writing = asyncio.get_running_loop().run_in_executor(None, write)
        try:
            return await asyncio.shield(writing)
        except asyncio.CancelledError:
            writing.add_done_callback(_discard)
            raise

    async def _require_what_runs(self, draft: Draft) -> None:
        """Refuse to overwrite what was edited and does not run; a comment or two do not matter."""
        if draft.is_what_runs:
            return
        with contextlib.suppress(ConfigError):
            changes = (await self._host.plan()).changes
            if changes.is_same and not changes.needs_restart:
                return
        raise RequestRefusedError(
            409,
            f"{draft.target.name} holds something else than what runs",
            "apply without a body to run the file, or roll back to what it holds, then try again",
        )

    async def _put_in_place(self, draft: Draft, before: int, report: ReloadReport) -> None:
        try:
            await asyncio.to_thread(draft.replace)
        except FileChangedError as error:
            state = await self._take_back(before, report)
            text = f"{draft.target.name} was changed by somebody else meanwhile and left alone; {state}"
            raise RequestRefusedError(409, text) from error
        except OSError as error:
            state = await self._take_back(before, report)
            reason = error.strerror or type(error).__name__
            text = f"{draft.target.name} could not be replaced: {reason}; {state}"
            hint = "a file that is mounted alone cannot be replaced: mount its folder"
            raise RequestRefusedError(500, text, hint) from error

    async def _take_back(self, before: int, report: ReloadReport) -> str:
        """Run the config of the file again, which could not be replaced; says what runs now."""
        if not report.is_changed:
            return "what runs did not change"
        try:
            earlier = await self._host.rollback(before, if_match=report.etag)
        except HectorError as error:
            logger.warning("the config that could not be written runs on: %s", error.message)
            return (
                f"the new config runs all the same, as it could not be taken back: {error.message}"
            )
        return f"the earlier config runs again, as generation {earlier.generation}"

    # Reading and writing

    async def _config(self, request: Request) -> ConfigText | None:
        return await read_config(request, self._options, file=self._host.config.source.file)

    def _condition(self, request: Request) -> str | None:
        """The etag that must run, or None when any may: of several in `If-Match`, the running one."""
        values = request.headers.getlist("if-match")
        if not values:
            return None
        given = [item.strip() for item in ",".join(values).split(",")]
        if "*" in given:
            return None
        # Weak etags never match: `W/"…"` keeps its prefix and equals no etag.
        etags = [item.strip('"') if item.startswith('"') else item for item in given]
        return self._host.etag if self._host.etag in etags else etags[0]

    def _reported(self, report: ReloadReport, *, is_persisted: bool) -> Response:
        headers = {"ETag": f'"{report.etag}"'}
        return admin_reply({**report_json(report), "persisted": is_persisted}, headers=headers)

    def _etag(self) -> dict[str, str]:
        return {"ETag": f'"{self._host.etag}"'}

    def _file_name(self) -> str:
        file = self._host.config.source.file
        return "config" if file is None else file.name

    def _named(self, problem: dict[str, Any]) -> dict[str, Any]:
        file = problem["file"]
        return problem if file is None else {**problem, "file": self._shown(file)}

    def _shown(self, file: str) -> str:
        """A path below the config's folder without that folder."""
        folder = str(self._host.config.source.folder)
        return file.removeprefix(folder + os.sep)


def _discard(writing: asyncio.Future[Draft]) -> None:
    if not writing.cancelled() and writing.exception() is None:
        writing.result().close()


def _only(request: Request, *names: str) -> None:
    """Refuse a query that would be without effect, such as a name that is misspelt."""
    for name in request.query_params:
        if name not in names:
            known = f"there is {', '.join(names)}" if names else "there is none"
            raise RequestRefusedError(400, f"there is no parameter `{name[:64]}` here", known)


def _flag(request: Request, name: str) -> bool:
    values = request.query_params.getlist(name)
    if values in ([], ["false"]):
        return False
    if values == ["true"]:
        return True
    raise RequestRefusedError(400, f"`{name}` is true or false")
