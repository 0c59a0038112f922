"""Document sources of the type `mailbox`.

This module only declares: what is heavy is imported by `create`.
"""

from __future__ import annotations

from hector.plugin import hookimpl
from hector.spi import Provider

from hector_plugin_mailbox.settings import MailboxSettings

__all__ = ["PROVIDER", "hector_document_sources"]

PROVIDER = Provider(
    kind="document_source",
    type="mailbox",
    settings=MailboxSettings,
    create="hector_plugin_mailbox.source:create",
    summary="the mails of an mbox file",
)


@hookimpl
def hector_document_sources() -> tuple[Provider, ...]:
    """Offer `type: mailbox` under `source` of a document store."""
    return (PROVIDER,)
