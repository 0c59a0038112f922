"""The laws that the plugin keeps, and what it does beside them."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from hector.errors import DocumentError
from hector.spi import DocumentFailure, RawDocument
from hector.testing import open_component

from hector_plugin_mailbox import PROVIDER
from hector_plugin_mailbox.conformance import (
    TestMailboxProvider,
    TestMailboxSource,
    write_mailbox,
)
from hector_plugin_mailbox.settings import MailboxSettings

__all__ = ["TestMailboxProvider", "TestMailboxSource"]


async def _read(path: Path, **settings: Any) -> list[RawDocument | DocumentFailure]:
    async with open_component(PROVIDER, MailboxSettings(path=path, **settings)) as source:
        return [item async for item in source.documents()]


def test_a_mail_is_a_document_with_its_subject_as_the_heading(tmp_path: Path) -> None:
    """It is there once, though the file has it twice."""
    write_mailbox(tmp_path / "mails.mbox")
    mail, _ = asyncio.run(_read(tmp_path / "mails.mbox"))
    assert isinstance(mail, RawDocument)
    assert (mail.id, mail.name) == ("honey@example.org", "honey@example.org.md")
    assert mail.data.decode() == "# The honey\n\nThe honey is ready on Friday.\n"
    assert mail.metadata["sender"] == "ada@example.org"


def test_a_mail_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    """And ends nothing."""
    write_mailbox(tmp_path / "mails.mbox")
    _, failure = asyncio.run(_read(tmp_path / "mails.mbox"))
    assert isinstance(failure, DocumentFailure)
    assert "x-none" in failure.reason


def test_only_the_mails_of_the_senders_are_taken(tmp_path: Path) -> None:
    """By address, whatever the name before it."""
    write_mailbox(tmp_path / "mails.mbox")
    mails = asyncio.run(_read(tmp_path / "mails.mbox", senders=("ada@example.org",)))
    assert [mail.id for mail in mails] == ["honey@example.org"]


def test_a_large_mail_is_a_failure(tmp_path: Path) -> None:
    """With its size and the limit."""
    write_mailbox(tmp_path / "mails.mbox")
    mails = asyncio.run(_read(tmp_path / "mails.mbox", max_mail_bytes=10))
    assert all(isinstance(mail, DocumentFailure) for mail in mails)


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    """Which names the file."""
    with pytest.raises(DocumentError, match=r"nowhere\.mbox"):
        asyncio.run(_read(tmp_path / "nowhere.mbox"))
