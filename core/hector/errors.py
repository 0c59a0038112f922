"""Every error Hector raises: one tree, stable codes, data as attributes.

```
HectorError
├── UsageError (ValueError)               H001  a caller broke an API's contract
├── UnsupportedError                      H002  the component cannot do this, and says so
├── ConfigError                           H100  a config file; carries every Diagnostic (H101…H119)
├── PluginError                           H200
│   ├── PluginLoadError                   H201  a plugin did not import, or a hook raised
│   ├── PluginRequirementError            H203  `plugins.require` is not met
│   └── PluginNotFoundError               H205
├── ComponentError                        H300  has `component`, its path in the config
│   ├── ComponentOpenError                H301
│   ├── ComponentTimeoutError             H302
│   ├── ComponentTypeError                H303
│   ├── ComponentCloseError               H304
│   └── ComponentNotFoundError            H305
├── RuntimeClosedError                    H306
├── SessionError                          H400
│   ├── SessionConflictError              H401  somebody else appended first, or took over
│   ├── SessionNotFoundError              H402
│   ├── SessionExistsError                H403
│   └── ArtifactNotFoundError             H404
├── RunError                              H500  has `agent`
│   └── IterationLimitError               H501
├── LLMError                              H510  has `provider`, `status`, `is_retryable`
│   ├── LLMConnectionError                H511
│   ├── LLMAuthenticationError            H512
│   ├── LLMRateLimitError                 H513  has `retry_after_s`
│   ├── LLMContextOverflowError           H514
│   └── LLMResponseError                  H515  the provider's reply broke its own protocol
├── ToolError                             H520  its text is fed back to the model
│   ├── PathOutsideRootError              H521
│   ├── ToolTimeoutError                  H522
│   └── ToolArgumentsError                H523
├── EmbedderError                         H530
├── VectorStoreError                      H540
├── DocumentError                         H550
└── ServerError                           H600
```

A message says what happened and where; `hint` says what to do next. No message ever holds a secret.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import attrs

__all__ = [
    "ArtifactNotFoundError",
    "ComponentCloseError",
    "ComponentError",
    "ComponentNotFoundError",
    "ComponentOpenError",
    "ComponentTimeoutError",
    "ComponentTypeError",
    "ConfigError",
    "Diagnostic",
    "DocumentError",
    "EmbedderError",
    "HectorError",
    "IterationLimitError",
    "LLMAuthenticationError",
    "LLMConnectionError",
    "LLMContextOverflowError",
    "LLMError",
    "LLMRateLimitError",
    "LLMResponseError",
    "PathOutsideRootError",
    "PluginError",
    "PluginLoadError",
    "PluginNotFoundError",
    "PluginRequirementError",
    "RunError",
    "RuntimeClosedError",
    "ServerError",
    "SessionConflictError",
    "SessionError",
    "SessionExistsError",
    "SessionNotFoundError",
    "ToolArgumentsError",
    "ToolError",
    "ToolTimeoutError",
    "UnsupportedError",
    "UsageError",
    "VectorStoreError",
]


class HectorError(Exception):
    """The root of the tree.

    Attributes:
        code: stable identifier such as `H301`; the same for every instance of a class.
        message: what happened and where, without the code.
        hint: what to do next, or None.
    """

    code: ClassVar[str] = "H000"

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        """The code, the message and, on a line of its own, the hint."""
        text = f"[{self.code}] {self.message}"
        return f"{text}\n  hint: {self.hint}" if self.hint else text


class UsageError(HectorError, ValueError):
    """A caller broke the contract of an API."""

    code = "H001"


class UnsupportedError(HectorError):
    """A component was asked for something it does not claim to do."""

    code = "H002"


@attrs.frozen(kw_only=True)
class Diagnostic:
    """One problem in a config.

    Attributes:
        code: `H101`…`H119`.
        path: where in the config, such as `agents.helper.llm` or `tools.files.roots[0]`; empty for the whole file.
        message: what is wrong, without place or hint.
        hint: what to do, or None.
        file: the file that holds it, or None when the config came from memory.
        line: 1-based line in `file`, or None (TOML and JSON have no positions below the syntax level).
        column: 1-based column in `file`, or None.
        severity: an `error` keeps the config from being used, a `warning` does not (unless `--strict`).
    """

    code: str
    path: str
    message: str
    hint: str | None = None
    file: str | None = None
    line: int | None = None
    column: int | None = None
    severity: Literal["error", "warning"] = "error"

    def __str__(self) -> str:
        """`file:line:column: [code] path: message`, then the hint on a line of its own."""
        place = ":".join(str(part) for part in (self.file, self.line, self.column) if part is not None)
        head = f"{place}: " if place else ""
        where = f"{self.path}: " if self.path else ""
        text = f"{head}[{self.code}] {where}{self.message}"
        return f"{text}\n  hint: {self.hint}" if self.hint else text


class ConfigError(HectorError):
    """A config cannot be used. It carries every problem found, not only the first.

    Attributes:
        diagnostics: the problems in file order; at least one is an error.
    """

    code = "H100"

    def __init__(self, diagnostics: tuple[Diagnostic, ...]) -> None:
        errors = sum(1 for item in diagnostics if item.severity == "error")
        noun = "problem" if errors == 1 else "problems"
        lines = "\n".join(str(item) for item in diagnostics)
        super().__init__(f"{errors} {noun} in the config\n{lines}")
        self.diagnostics = diagnostics


class PluginError(HectorError):
    """Something about plugins.

    Attributes:
        plugin: entry-point name and distribution, such as `openai (hector-plugin-openai 0.1.0)`, or empty.
    """

    code = "H200"

    def __init__(self, message: str, *, plugin: str = "", hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.plugin = plugin


class PluginLoadError(PluginError):
    """A plugin did not import, or one of its hooks raised or returned something else than providers."""

    code = "H201"


class PluginRequirementError(PluginError):
    """`plugins.require` names distributions that are missing or too old; all are listed."""

    code = "H203"


class PluginNotFoundError(PluginError):
    """No plugin of that name is installed."""

    code = "H205"


class ComponentError(HectorError):
    """Something about one component.

    Attributes:
        component: its path in the config, such as `llms.main`.
    """

    code = "H300"

    def __init__(self, component: str, reason: str, *, hint: str | None = None) -> None:
        super().__init__(f"`{component}` {reason}", hint=hint)
        self.component = component
        self.reason = reason


class ComponentOpenError(ComponentError):
    """A component did not come up. The cause is chained."""

    code = "H301"


class ComponentTimeoutError(ComponentError):
    """A component did not come up before its deadline."""

    code = "H302"


class ComponentTypeError(ComponentError):
    """A provider's `create` returned something that does not fit the kind's Protocol."""

    code = "H303"


class ComponentCloseError(ComponentError):
    """A component failed while closing. The others were closed all the same."""

    code = "H304"


class ComponentNotFoundError(ComponentError, LookupError):
    """The running config has no component of that kind and name."""

    code = "H305"


class RuntimeClosedError(HectorError):
    """The runtime is closing or closed and takes no new work."""

    code = "H306"


class SessionError(HectorError):
    """Something about a session or the store that keeps it."""

    code = "H400"


class SessionConflictError(SessionError):
    """The append was refused: another writer moved the head or took the session over.

    The writer that gets this must stop: nothing was written, and no further effect may follow.
    """

    code = "H401"


class SessionNotFoundError(SessionError, LookupError):
    """No such session for this app and user."""

    code = "H402"


class SessionExistsError(SessionError):
    """A session of that key exists already."""

    code = "H403"


class ArtifactNotFoundError(SessionError, LookupError):
    """No such artifact, or no such version of it."""

    code = "H404"


class RunError(HectorError):
    """An invocation failed.

    Attributes:
        agent: the agent's name.
    """

    code = "H500"

    def __init__(self, agent: str, reason: str, *, hint: str | None = None) -> None:
        super().__init__(f"agent `{agent}` {reason}", hint=hint)
        self.agent = agent
        self.reason = reason


class IterationLimitError(RunError):
    """An agent reached its iteration cap without a final answer."""

    code = "H501"


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


class ToolError(HectorError):
    """A tool could not do what it was asked; `message` is fed back to the model as the result."""

    code = "H520"


class PathOutsideRootError(ToolError):
    """A path, after resolving links, lies outside every permitted root."""

    code = "H521"


class ToolTimeoutError(ToolError):
    """A tool did not finish before its deadline."""

    code = "H522"


class ToolArgumentsError(ToolError):
    """The model's arguments do not fit the tool's schema."""

    code = "H523"


class EmbedderError(HectorError):
    """An embedding call failed."""

    code = "H530"


class VectorStoreError(HectorError):
    """A vector store failed or was asked something its collection cannot answer."""

    code = "H540"


class DocumentError(HectorError):
    """A document could not be read, parsed or indexed."""

    code = "H550"


class ServerError(HectorError):
    """The HTTP server could not start or serve."""

    code = "H600"
