"""The source: every mail becomes a document, or the reason why it does not."""

from __future__ import annotations

import asyncio
import hashlib
import mailbox
from collections.abc import AsyncIterator
from contextlib import closing
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import parseaddr

from hector.errors import DocumentError
from hector.spi import BuildContext, DocumentFailure, RawDocument

from hector_plugin_mailbox.settings import MailboxSettings

__all__ = ["MailboxSource", "create"]


class MailboxSource:
    """Implements `hector.spi.DocumentSource`: mails in the order of the file."""

    def __init__(self, settings: MailboxSettings) -> None:
        """Take the settings; the file is opened when it is read."""
        self._settings = settings

    async def documents(self) -> AsyncIterator[RawDocument | DocumentFailure]:
        """Every mail there is now; one that cannot be read ends nothing.

        Raises:
            DocumentError: there is no such file.
        """
        # A thread cannot be cancelled, only left behind: what it opens, it closes itself.
        for item in await asyncio.to_thread(self._read):
            yield item

    def _read(self) -> list[RawDocument | DocumentFailure]:
        found: dict[str, RawDocument | DocumentFailure] = {}
        try:
            with closing(mailbox.mbox(self._settings.path, create=False)) as box:
                for key in box.keys():  # noqa: SIM118 - a mailbox gives its mails, not its keys
                    item = self._document(box.get_bytes(key))
                    if item is not None:  # the same mail may be kept twice
                        found.setdefault(item.id, item)
        except (mailbox.NoSuchMailboxError, OSError) as error:
            raise DocumentError(
                f"`{self._settings.path}` cannot be read as a mailbox",
                hint="a relative path is relative to the folder of the config file",
            ) from error
        return list(found.values())

    def _document(self, data: bytes) -> RawDocument | DocumentFailure | None:
        """One mail; None for one of another sender."""
        mail = message_from_bytes(data, policy=policy.default)
        id = str(mail["Message-ID"] or hashlib.sha256(data).hexdigest()).strip("<> ")
        if len(data) > self._settings.max_mail_bytes:
            limit = self._settings.max_mail_bytes
            return DocumentFailure(id=id, reason=f"it has {len(data)} bytes, {limit} are allowed")
        sender = parseaddr(str(mail["From"] or ""))[1]
        if self._settings.senders and sender not in self._settings.senders:
            return None
        try:
            text = _text(mail)
        except (LookupError, ValueError) as error:  # a character set that nobody knows
            return DocumentFailure(id=id, reason=f"{type(error).__name__}: {error}")
        subject = " ".join(str(mail["Subject"] or "").split())
        return RawDocument(
            id=id,
            data=f"# {subject}\n\n{text}".encode(errors="replace"),
            media_type="text/markdown",
            name=f"{id}.md",
            metadata={"sender": sender, "subject": subject, "date": str(mail["Date"] or "")},
        )


def _text(mail: EmailMessage) -> str:
    """The plain text, or else the HTML, of a mail; empty when it has neither."""
    body = mail.get_body(preferencelist=("plain", "html"))
    return str(body.get_content()) if body is not None else ""


def create(settings: MailboxSettings, context: BuildContext) -> MailboxSource:
    """Build the source; nothing is open between two readings."""
    return MailboxSource(settings)
