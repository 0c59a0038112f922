"""Decisions about tool calls as clients send them: strict, for what is misspelt must not count as approval."""

from __future__ import annotations

from typing import cast, get_args

from hector.message import Choice, Decision
from hector_server.wire.errors import InvalidParamsError
from hector_server.wire.fields import Fields

__all__ = ["MAX_CALL_ID", "MAX_REASON", "read_decision"]

MAX_CALL_ID = 1_024
MAX_HASH = 128
MAX_REASON = 16_384

CHOICES: tuple[str, ...] = get_args(Choice)
MEMBERS = frozenset({"callId", "callHash", "decision", "reason", "arguments"})


def read_decision(
    fields: Fields, *, by: str, call_id: str | None = None, ignored: str = ""
) -> Decision:
    """Read one decision.

    Args:
        fields: `callId`, `callHash`, `decision`, and `reason` or `arguments` where they belong.
        by: who decides, from authentication.
        call_id: the call when it stands elsewhere; then `callId` may be left out.
        ignored: another member that may be there.

    Raises:
        InvalidParamsError: something is missing, does not fit, or has no meaning.
    """
    for name in fields.names():
        if name not in MEMBERS and name != ignored:
            known = ", ".join(sorted(MEMBERS))
            raise InvalidParamsError(fields.where(name[:64]), f"has no meaning; there is {known}")
    choice = fields.text("decision", is_required=True)
    if choice not in CHOICES:
        raise InvalidParamsError(fields.where("decision"), f"must be one of {', '.join(CHOICES)}")
    arguments = fields.mapping("arguments")
    if (choice == "edit") != (arguments is not None):
        text = "is required to edit a call" if choice == "edit" else f"cannot go with {choice}"
        raise InvalidParamsError(fields.where("arguments"), text)
    named = fields.text("callId", is_required=call_id is None, max_length=MAX_CALL_ID)
    if call_id is not None and named not in ("", call_id):
        raise InvalidParamsError(fields.where("callId"), "is another call than the address names")
    return Decision(
        call_id=named or call_id or "",
        call_hash=fields.text("callHash", is_required=True, max_length=MAX_HASH),
        choice=cast("Choice", choice),
        reason=fields.text("reason", max_length=MAX_REASON),
        arguments=arguments,
        by=by,
    )
