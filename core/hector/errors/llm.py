"""What goes wrong with models and embedders."""

from __future__ import annotations

from typing import Any, ClassVar

from hector.errors.root import HectorError

__all__ = [
    "EmbedderError",
    "LLMAuthenticationError",
    "LLMContentBlockedError",
    "LLMContextOverflowError",
    "LLMError",
    "LLMInvalidRequestError",
    "LLMOverloadedError",
    "LLMRateLimitError",
    "LLMResponseError",
    "LLMTimeoutError",
    "LLMUnavailableError",
]


class _ProviderError(HectorError):
    """What the errors of models and embedders carry; see the two."""

    retryable_by_default: ClassVar[bool] = False

    def __init__(
        self,
        message: str,
        *,
        provider: str = "",
        model: str = "",
        status: int | None = None,
        request_id: str | None = None,
        retry_after_s: float | None = None,
        is_retryable: bool | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.provider = provider
        self.model = model
        self.status = status
        self.request_id = request_id
        self.retry_after_s = retry_after_s
        self.is_retryable = self.retryable_by_default if is_retryable is None else is_retryable


class LLMError(_ProviderError):
    """A model call failed.

    Attributes:
        provider: provider type, such as `openai`.
        model: the model that was asked, as configured; empty where it is not known.
        status: HTTP status, or None when there was none.
        request_id: the provider's name for the request, for its support, or None.
        retry_after_s: seconds the provider asked to wait, >= 0, or None.
        is_retryable: whether the same request may succeed later; each class has a default.
    """

    code = "H510"


class LLMUnavailableError(LLMError):
    """The provider could not be reached, the connection broke, or it failed on its own side."""

    code = "H511"
    retryable_by_default = True


class LLMAuthenticationError(LLMError):
    """The provider refused the credentials or the permission."""

    code = "H512"


class LLMRateLimitError(LLMError):
    """The provider asked this caller to slow down."""

    code = "H513"
    retryable_by_default = True


class LLMContextOverflowError(LLMError):
    """The conversation does not fit the model's context window."""

    code = "H514"


class LLMResponseError(LLMError):
    """The provider's reply was cut off or broke the provider's own protocol."""

    code = "H515"


class LLMOverloadedError(LLMError):
    """The provider has too much to do, whoever asks."""

    code = "H516"
    retryable_by_default = True


class LLMTimeoutError(LLMError):
    """The provider did not answer in time.

    Attributes:
        deadline: which one passed: `first_token`, `response`, or `silence` (nothing came at all).
    """

    code = "H517"
    retryable_by_default = True

    def __init__(self, message: str, *, deadline: str = "silence", **known: Any) -> None:
        super().__init__(message, **known)
        self.deadline = deadline


class LLMInvalidRequestError(LLMError):
    """The provider refused the request as it stands: an unknown model, a bad parameter or schema."""

    code = "H518"


class LLMContentBlockedError(LLMError):
    """The provider, or the model, refused to answer for what the conversation says.

    Attributes:
        category: the provider's word for what it objected to, or None.
    """

    code = "H519"

    def __init__(self, message: str, *, category: str | None = None, **known: Any) -> None:
        super().__init__(message, **known)
        self.category = category


class EmbedderError(_ProviderError):
    """An embedding call failed.

    Attributes:
        provider, model, status, request_id, retry_after_s: see `LLMError`.
        is_retryable: whether the same texts may be embedded later; true unless it is known to be false.
    """

    code = "H530"
    retryable_by_default = True

    @classmethod
    def of(cls, failure: LLMError) -> EmbedderError:
        """The same failure, of a call for vectors; chain `failure`, or what it came from, as the cause."""
        return cls(
            failure.message,
            provider=failure.provider,
            model=failure.model,
            status=failure.status,
            request_id=failure.request_id,
            retry_after_s=failure.retry_after_s,
            is_retryable=failure.is_retryable,
            hint=failure.hint,
        )
