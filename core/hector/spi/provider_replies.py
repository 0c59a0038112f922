"""How a provider's reply is read: what is not in the API's shape is told from a fault of our own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

import attrs

from hector.errors import EmbedderError, LLMResponseError
from hector.spi.llm import LLMChunk, LLMResponse, ResponseMetadata
from hector.spi.provider_connections import shape_error
from hector.spi.provider_failures import rate_limit_headers

__all__ = [
    "SHAPE_ERRORS",
    "ReplyShape",
    "reply_count",
    "reply_text",
    "unreadable_arguments",
    "with_reply_headers",
]

T = TypeVar("T")

SHAPE_ERRORS = (AttributeError, IndexError, KeyError, TypeError, ValueError)
"""What reading a reply raises when the server does not send what the API promises."""


@attrs.frozen(kw_only=True)
class ReplyShape:
    """What a component expects its replies to be.

    Attributes:
        provider, model: who is asked.
        api: whose promises count, such as `Ollama's API`.
        hint: what to check first.
    """

    provider: str
    model: str
    api: str
    hint: str = "check `base_url`"

    def error(self, cause: Exception) -> LLMResponseError:
        """The error for a reply that is not in shape."""
        return shape_error(
            cause, provider=self.provider, model=self.model, api=self.api, hint=self.hint
        )

    def read(self, chunks: Iterable[LLMChunk | None]) -> list[LLMChunk | None]:
        """Run a reader.

        Raises:
            LLMResponseError: what it reads is not in shape.
        """
        try:
            return list(chunks)
        except SHAPE_ERRORS as error:
            raise self.error(error) from error

    def made(self, make: Callable[[], T]) -> T:
        """What `make` makes of a reply.

        Raises:
            LLMResponseError: the reply is not in shape.
        """
        try:
            return make()
        except SHAPE_ERRORS as error:
            raise self.error(error) from error

    def unusable(self, reason: str | None = None) -> EmbedderError:
        """The error for vectors that another try will not make better; without a reason, they are not in shape."""
        told = reason or f"it is not in the shape of {self.api}"
        return EmbedderError(
            f"the answer of {self.model} cannot be used: {told}",
            provider=self.provider,
            model=self.model,
            is_retryable=False,
            hint="check `base_url`",
        )


def with_reply_headers(
    response: LLMResponse, headers: Mapping[str, str], request_id: str
) -> LLMResponse:
    """The answer with what the headers of its reply say: the name of the request, and what is left of which limit."""
    metadata = ResponseMetadata(
        request_id=request_id,
        response_id=response.metadata.response_id,
        headers=rate_limit_headers(headers),
    )
    return attrs.evolve(response, metadata=metadata)


def reply_text(value: object) -> str:
    """A text of a reply; empty where there is none.

    Raises:
        TypeError: something else stands there.
    """
    if value is None or isinstance(value, str):
        return value or ""
    raise TypeError(f"a {type(value).__name__} stands where a text should")


def reply_count(value: object) -> int:
    """A number of tokens of a reply, >= 0; 0 where there is none.

    Raises:
        TypeError: something else stands there.
    """
    if value is None or (isinstance(value, int) and value >= 0):
        return int(value or 0)
    raise TypeError(f"{value!r} stands where a number of tokens should")


def unreadable_arguments(tool: str, provider: str) -> LLMResponseError:
    """The error for a call of `tool` that cannot be made as the model wrote it; another try may bring a better one."""
    return LLMResponseError(
        f"the model called tool `{tool}` with arguments that are no JSON object",
        provider=provider,
        is_retryable=True,
    )
