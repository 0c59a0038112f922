"""The Protocols that providers implement, with the contract of each in its docstring."""

from __future__ import annotations

from hector.spi.agent import (
    Agent,
    Invocation,
)
from hector.spi.artifacts import (
    Artifacts,
)
from hector.spi.build import (
    BuildContext,
    Injected,
)
from hector.spi.document import (
    Chunk,
    Chunker,
    Document,
    DocumentFailure,
    DocumentParser,
    DocumentSource,
    DocumentStore,
    Passage,
    RawDocument,
)
from hector.spi.embedder import (
    Embedder,
    EmbedPurpose,
    Vector,
)
from hector.spi.filter import (
    All,
    AnyOf,
    Compare,
    Equals,
    Exists,
    Filter,
    In,
    Not,
    Scalar,
    matches,
)
from hector.spi.functions import function_tool
from hector.spi.generation_change import (
    GenerationChange,
)
from hector.spi.llm import (
    LLM,
    GenerateParameters,
    LLMChunk,
    LLMRequest,
    LLMResponse,
    StructuredOutput,
    TextDelta,
    ThinkingDelta,
)
from hector.spi.observe import (
    Observer,
    ReloadMeasure,
    RuntimeGauges,
    Span,
)
from hector.spi.provider import (
    KINDS,
    Create,
    Kind,
    Provider,
)
from hector.spi.session import (
    ArtifactBlobs,
    Sessions,
)
from hector.spi.session_retry import (
    Appended,
    append_again,
)
from hector.spi.session_values import (
    Artifact,
    ArtifactDraft,
    ArtifactSummary,
    Change,
    ChangePage,
    Session,
    SessionKey,
    SessionPage,
    SessionSummary,
    StagedBytes,
)
from hector.spi.settings import (
    Doc,
    Duration,
    Env,
    Length,
    Marker,
    NotYet,
    Pattern,
    Range,
    Reference,
    Secret,
)
from hector.spi.tool import (
    Tool,
    ToolContext,
    ToolEffect,
    ToolOutput,
    Toolset,
    ToolSpec,
)
from hector.spi.vector import (
    VectorHit,
    VectorRecord,
    VectorStore,
)

__all__ = [
    "KINDS",
    "LLM",
    "Agent",
    "All",
    "AnyOf",
    "Appended",
    "Artifact",
    "ArtifactBlobs",
    "ArtifactDraft",
    "ArtifactSummary",
    "Artifacts",
    "BuildContext",
    "Change",
    "ChangePage",
    "Chunk",
    "Chunker",
    "Compare",
    "Create",
    "Doc",
    "Document",
    "DocumentFailure",
    "DocumentParser",
    "DocumentSource",
    "DocumentStore",
    "Duration",
    "EmbedPurpose",
    "Embedder",
    "Env",
    "Equals",
    "Exists",
    "Filter",
    "GenerateParameters",
    "GenerationChange",
    "In",
    "Injected",
    "Invocation",
    "Kind",
    "LLMChunk",
    "LLMRequest",
    "LLMResponse",
    "Length",
    "Marker",
    "Not",
    "NotYet",
    "Observer",
    "Passage",
    "Pattern",
    "Provider",
    "Range",
    "RawDocument",
    "Reference",
    "ReloadMeasure",
    "RuntimeGauges",
    "Scalar",
    "Secret",
    "Session",
    "SessionKey",
    "SessionPage",
    "SessionSummary",
    "Sessions",
    "Span",
    "StagedBytes",
    "StructuredOutput",
    "TextDelta",
    "ThinkingDelta",
    "Tool",
    "ToolContext",
    "ToolEffect",
    "ToolOutput",
    "ToolSpec",
    "Toolset",
    "Vector",
    "VectorHit",
    "VectorRecord",
    "VectorStore",
    "append_again",
    "function_tool",
    "matches",
]
