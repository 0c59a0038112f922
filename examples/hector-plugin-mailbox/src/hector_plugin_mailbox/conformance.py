"""The laws of Hector, applied to this plugin; run by its tests and by `hector plugins check`."""

from __future__ import annotations

import tempfile
from collections.abc import Generator, Sequence
from contextlib import AbstractContextManager, contextmanager
from email.message import EmailMessage
from pathlib import Path

from hector.spi import DocumentSource
from hector.testing import DocumentSourceSuite, ProviderSuite, SettingsKeys
from hypothesis import strategies as st

from hector_plugin_mailbox import PROVIDER
from hector_plugin_mailbox.settings import MailboxSettings
from hector_plugin_mailbox.source import MailboxSource

__all__ = ["TestMailboxProvider", "TestMailboxSource", "write_mailbox"]


def write_mailbox(path: Path) -> None:
    """An mbox file with three mails, two of them the same, one in a character set nobody knows."""
    honey = EmailMessage()
    honey["From"], honey["Subject"] = "Ada <ada@example.org>", "The honey"
    honey["Message-ID"] = "<honey@example.org>"
    honey.set_content("The honey is ready on Friday.\n")
    broken = b'From: bob@example.org\nContent-Type: text/plain; charset="x-none"\n\njars\n'
    mails = [honey.as_bytes(), broken, honey.as_bytes()]
    path.write_bytes(b"".join(b"From x Mon Jun  2 08:00:00 2025\n" + it + b"\n" for it in mails))


@contextmanager
def _mailbox_in(folder: Path) -> Generator[None]:
    write_mailbox(folder / "mails.mbox")
    yield


class TestMailboxProvider(ProviderSuite):
    """The laws of every provider."""

    provider = PROVIDER

    def setups(self) -> Sequence[SettingsKeys]:
        """The path names a file that is there; everything else is drawn."""
        return ({"path": st.just("mails.mbox")},)

    def world(self, folder: Path) -> AbstractContextManager[object]:
        """Make that file, in the folder of the config."""
        return _mailbox_in(folder)


class TestMailboxSource(DocumentSourceSuite):
    """The laws of `hector.spi.DocumentSource`."""

    def setup_method(self) -> None:
        """Make a mailbox."""
        self._folder = tempfile.TemporaryDirectory()
        write_mailbox(Path(self._folder.name) / "mails.mbox")

    def teardown_method(self) -> None:
        """Take it away."""
        self._folder.cleanup()

    def source(self) -> DocumentSource:
        """A source of its mails."""
        return MailboxSource(MailboxSettings(path=Path(self._folder.name) / "mails.mbox"))
