"""The keys of `document_stores.<name>.source` with `type: mailbox`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import attrs
from hector.spi import Doc, Length, Range

__all__ = ["MailboxSettings"]


@attrs.frozen(kw_only=True)
class MailboxSettings:
    """Every key that the provider reads, with its type, its bounds and its default."""

    path: Annotated[Path, Doc("the mbox file")]
    senders: Annotated[
        tuple[Annotated[str, Length(1)], ...],
        Doc("take the mails of these addresses only; all when left out"),
    ] = ()
    max_mail_bytes: Annotated[
        int,
        Doc("a larger mail is reported as failed"),
        Range(1),
    ] = 10 * 1024 * 1024
