"""What goes wrong with models and embedders."""

from __future__ import annotations

from hector.errors.root import HectorError

__all__ = [
    "EmbedderError",
    "LLMAuthenticationError",
    "LLMConnectionError",
    "LLMContextOverflowError",
    "LLMError",
    "LLMRateLimitError",
    "LLMResponseError",
]


class LLMError(HectorError):
    """A model call failed.

    Attributes:
        provider: provider type, such as `openai`.
        status: HTTP status, or None when there was none.
        is_retryable: whether the same request may succeed later.
    """

    code = "H510"

    def __init__(
        self,
        message: str,
        *,
        provider: str = "",
        status: int | None = None,
        is_retryable: bool = False,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.provider = provider
        self.status = status
        self.is_retryable = is_retryable


class LLMConnectionError(LLMError):
    """The provider could not be reached, or the connection broke or timed out."""

    code = "H511"


class LLMAuthenticationError(LLMError):
    """The provider refused the credentials or the permission."""

    code = "H512"


class LLMRateLimitError(LLMError):
    """The provider asked to slow down, or is overloaded.

    Attributes:
        retry_after_s: seconds the provider asked to wait, or None.
    """

    code = "H513"

    def __init__(
        self,
        message: str,
        *,
        provider: str = "",
        status: int | None = None,
        retry_after_s: float | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, provider=provider, status=status, is_retryable=True, hint=hint)
        self.retry_after_s = retry_after_s


class LLMContextOverflowError(LLMError):
    """The conversation does not fit the model's context window."""

    code = "H514"


class LLMResponseError(LLMError):
    """The provider's reply was cut off or broke the provider's own protocol."""

    code = "H515"


class EmbedderError(HectorError):
    """An embedding call failed."""

    code = "H530"
