"""Reading what `export_session` wrote."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator
from typing import Any, NoReturn, cast

import attrs

from hector.errors import SessionError
from hector.message import Event, event_from_json
from hector.session.export import FORMAT, VERSION
from hector.spi.session import ArtifactDraft, Session, SessionKey

__all__ = ["ExportedSession", "read_export"]


_UNREADABLE = (
    KeyError,
    TypeError,
    ValueError,
    OverflowError,
    AttributeError,
    RecursionError,
)
"""What taking a line apart may raise; `Infinity` is no whole number."""


class _LineError(SessionError):
    """Says which line."""


@attrs.frozen(kw_only=True)
class ExportedSession:
    """A session out of a file.

    Attributes:
        session: as `Sessions.restore` wants it.
        artifacts: every version.
        line: where it begins, from 1.
    """

    session: Session
    artifacts: tuple[ArtifactDraft, ...]
    line: int


def read_export(lines: Iterable[str | bytes]) -> Iterator[ExportedSession]:
    """The sessions of a file, one after the other; one at a time is held in memory.

    Args:
        lines: with or without their line breaks; empty ones do not count.

    Raises:
        SessionError: a line is not what belongs there, or the file ends before the session does; the message says
            which line.
    """
    open_: _Open | None = None
    number = 0
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        data = _parsed(line, number)
        try:
            if open_ is None:
                open_ = _begin(data, number)
            elif open_.take(data, number):
                yield open_.whole()
                open_ = None
        except _UNREADABLE as error:
            _refuse(number, f"cannot be read: {type(error).__name__}: {error}", error)
        except SessionError as error:
            if isinstance(error, _LineError):
                raise
            _refuse(number, f"cannot be read: {error.message}", error)
    if open_ is not None:
        _refuse(number, f"is the last, and session `{open_.session.key.id}` has no end")


def _refuse(number: int, problem: str, error: Exception | None = None) -> NoReturn:
    raise _LineError(
        f"line {number} {problem}",
        hint="import a whole file that `hector sessions export` wrote",
    ) from error


def _parsed(line: str | bytes, number: int) -> dict[str, Any]:
    try:
        data: object = json.loads(line)
    except (ValueError, RecursionError) as error:
        _refuse(number, "is not JSON", error)
    if not isinstance(data, dict):
        _refuse(number, "is not a JSON object")
    return cast("dict[str, Any]", data)


@attrs.define
class _Open:
    """A session of which not all lines were read."""

    session: Session
    line: int
    artifacts: list[ArtifactDraft] = attrs.field(factory=list[ArtifactDraft])
    open_artifact: dict[str, Any] | None = None
    content: bytearray = attrs.field(factory=bytearray)

    def take(self, data: dict[str, Any], number: int) -> bool:
        """Take a line in; whether it was the last."""
        kind = data.get("type")
        if kind == "piece" and self.open_artifact is not None:
            self.content += base64.b64decode(data["data"], validate=True)
            return False
        self._close_artifact(number)
        if kind == "event":
            self.session.events.append(_event(data["event"]))
        elif kind == "artifact":
            self.open_artifact = data
        elif kind == "end":
            self._check_end(data, number)
            return True
        else:
            _refuse(number, f"is of type `{kind}`, which does not belong there")
        return False

    def whole(self) -> ExportedSession:
        return ExportedSession(
            session=self.session, artifacts=tuple(self.artifacts), line=self.line
        )

    def _close_artifact(self, number: int) -> None:
        data, self.open_artifact = self.open_artifact, None
        if data is None:
            return
        if len(self.content) != data["size_bytes"]:
            _refuse(
                number,
                f"ends artifact `{data['name']}` after {len(self.content):,} bytes, "
                f"it has {data['size_bytes']:,}",
            )
        self.artifacts.append(
            ArtifactDraft(
                name=_text(data["name"]),
                version=int(data["version"]),
                media_type=_text(data["media_type"]),
                data=bytes(self.content),
                created_at=float(data["created_at"]),
            )
        )
        self.content.clear()

    def _check_end(self, data: dict[str, Any], number: int) -> None:
        found = {
            "id": self.session.key.id,
            "events": len(self.session.events),
            "artifacts": len(self.artifacts),
        }
        said = {name: data[name] for name in found}
        if found != said:
            _refuse(number, f"ends {said}, there was {found}")


def _begin(data: dict[str, Any], number: int) -> _Open:
    if data.get("type") != "session" or data.get("format") != FORMAT:
        _refuse(number, "does not begin a session")
    if data["version"] != VERSION:
        _refuse(number, f"has version {data['version']} of the format, this Hector reads {VERSION}")
    state = data["state"]
    if not isinstance(state, dict):
        raise TypeError("`state` is no object")
    session = Session(
        key=SessionKey(_text(data["app"]), _text(data["user"]), _text(data["id"])),
        state=cast("dict[str, Any]", state),
        head=int(data["head"]),
        created_at=float(data["created_at"]),
        updated_at=float(data["updated_at"]),
    )
    return _Open(session, number)


def _event(data: object) -> Event:
    if not isinstance(data, dict):
        raise TypeError("`event` is no object")
    return event_from_json(cast("dict[str, Any]", data))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value
