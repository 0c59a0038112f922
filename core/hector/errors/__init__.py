"""Every error Hector raises: one tree, stable codes, data as attributes.

```
HectorError
├── UsageError (ValueError)               H001  a caller broke an API's contract
├── UnsupportedError                      H002  the component cannot do this, and says so
├── AddressRefusedError                   H003  has `host`; nothing was sent
├── ConfigError                           H100  a config file; carries every Diagnostic (H101…H122)
├── PluginError                           H200
│   └── PluginNotFoundError               H205
├── ComponentError                        H300  has `component`, its path in the config
│   ├── ComponentOpenError                H301
│   ├── ComponentTimeoutError             H302
│   ├── ComponentTypeError                H303
│   ├── ComponentCloseError               H304
│   └── ComponentNotFoundError            H305
├── RuntimeClosedError                    H306
├── ReloadError                           H310  what ran before runs on
│   ├── ReloadConflictError               H311  has `expected`, `running`
│   ├── ReloadSupersededError             H312
│   ├── ReloadTimeoutError                H313
│   ├── GenerationNotFoundError           H314  has `generation`, `known`
│   └── ReloadRefusedError                H315  has `plugin`
├── SessionError                          H400
│   ├── SessionConflictError              H401  somebody else appended first, or took over
│   ├── SessionNotFoundError              H402
│   ├── SessionExistsError                H403
│   ├── ArtifactNotFoundError             H404
│   ├── ArtifactTooLargeError             H405  has `limit_bytes`
│   ├── EventTooLargeError                H406  has `size_bytes`, `limit_bytes`
│   ├── CursorExpiredError                H407
│   └── StateError                        H408
├── MemoryIndexError                      H420  searching what was said in sessions
│   └── MemoryDamagedError                H421  it was thrown away, and is made again
├── TaskError                             H430  has `task`
│   ├── TaskNotFoundError                 H431
│   └── DecisionRefusedError              H432  has `because`
├── RunError                              H500  has `agent`
│   ├── IterationLimitError               H501
│   ├── DrainedError                      H502  cut off by a reload or a stop
│   ├── InstructionError                  H503  has `key`, `known`
│   ├── ReplayError                       H504  has `sequence`
│   ├── InputRequiredError                H505  has `call_ids`, `expires_at`
│   ├── CanceledError                     H506
│   ├── AgentChangedError                 H507
│   └── TaskExpiredError                  H508
├── LLMError                              H510  has `provider`, `model`, `status`, `request_id`, `is_retryable`, …
│   ├── LLMUnavailableError               H511
│   ├── LLMAuthenticationError            H512
│   ├── LLMRateLimitError                 H513
│   ├── LLMContextOverflowError           H514
│   ├── LLMResponseError                  H515  the provider's reply broke its own protocol
│   ├── LLMOverloadedError                H516
│   ├── LLMTimeoutError                   H517  has `deadline`
│   ├── LLMInvalidRequestError            H518
│   └── LLMContentBlockedError            H519  has `category`
├── ToolError                             H520  its text is fed back to the model
│   ├── PathOutsideRootError              H521
│   ├── ToolTimeoutError                  H522
│   └── ToolArgumentsError                H523
├── EmbedderError                         H530  has what `LLMError` has
├── VectorStoreError                      H540
├── DocumentError                         H550
└── ServerError                           H600
```

A message says what happened and where; `hint` says what to do next. No message ever holds a secret.
"""

from __future__ import annotations

from hector.errors.component import (
    ComponentCloseError,
    ComponentError,
    ComponentNotFoundError,
    ComponentOpenError,
    ComponentTimeoutError,
    ComponentTypeError,
    RuntimeClosedError,
    ServerError,
)
from hector.errors.config import (
    ConfigError,
    Diagnostic,
)
from hector.errors.llm import (
    EmbedderError,
    LLMAuthenticationError,
    LLMContentBlockedError,
    LLMContextOverflowError,
    LLMError,
    LLMInvalidRequestError,
    LLMOverloadedError,
    LLMRateLimitError,
    LLMResponseError,
    LLMTimeoutError,
    LLMUnavailableError,
)
from hector.errors.outbound import (
    AddressRefusedError,
)
from hector.errors.plugin import (
    PluginError,
    PluginNotFoundError,
)
from hector.errors.reload import (
    GenerationNotFoundError,
    ReloadConflictError,
    ReloadError,
    ReloadRefusedError,
    ReloadSupersededError,
    ReloadTimeoutError,
)
from hector.errors.root import (
    HectorError,
    UnsupportedError,
    UsageError,
)
from hector.errors.run import (
    AgentChangedError,
    CanceledError,
    DocumentError,
    DrainedError,
    InputRequiredError,
    InstructionError,
    IterationLimitError,
    PathOutsideRootError,
    ReplayError,
    RunError,
    TaskExpiredError,
    ToolArgumentsError,
    ToolError,
    ToolTimeoutError,
    VectorStoreError,
)
from hector.errors.session import (
    ArtifactNotFoundError,
    ArtifactTooLargeError,
    CursorExpiredError,
    EventTooLargeError,
    MemoryDamagedError,
    MemoryIndexError,
    SessionConflictError,
    SessionError,
    SessionExistsError,
    SessionNotFoundError,
    StateError,
)
from hector.errors.task import (
    DecisionRefusedError,
    TaskError,
    TaskNotFoundError,
)

__all__ = [
    "AddressRefusedError",
    "AgentChangedError",
    "ArtifactNotFoundError",
    "ArtifactTooLargeError",
    "CanceledError",
    "ComponentCloseError",
    "ComponentError",
    "ComponentNotFoundError",
    "ComponentOpenError",
    "ComponentTimeoutError",
    "ComponentTypeError",
    "ConfigError",
    "CursorExpiredError",
    "DecisionRefusedError",
    "Diagnostic",
    "DocumentError",
    "DrainedError",
    "EmbedderError",
    "EventTooLargeError",
    "GenerationNotFoundError",
    "HectorError",
    "InputRequiredError",
    "InstructionError",
    "IterationLimitError",
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
    "MemoryDamagedError",
    "MemoryIndexError",
    "PathOutsideRootError",
    "PluginError",
    "PluginNotFoundError",
    "ReloadConflictError",
    "ReloadError",
    "ReloadRefusedError",
    "ReloadSupersededError",
    "ReloadTimeoutError",
    "ReplayError",
    "RunError",
    "RuntimeClosedError",
    "ServerError",
    "SessionConflictError",
    "SessionError",
    "SessionExistsError",
    "SessionNotFoundError",
    "StateError",
    "TaskError",
    "TaskExpiredError",
    "TaskNotFoundError",
    "ToolArgumentsError",
    "ToolError",
    "ToolTimeoutError",
    "UnsupportedError",
    "UsageError",
    "VectorStoreError",
]
