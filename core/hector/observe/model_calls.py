"""What a `chat` span says about a model call, in the words of OpenTelemetry's conventions for GenAI."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from hector.errors import LLMError
from hector.message import Usage
from hector.spi import ResponseMetadata

__all__ = ["call_attributes", "failure_attributes", "usage_attributes"]

Attributes: TypeAlias = Mapping[str, str | int | list[str]]


def usage_attributes(usage: Usage) -> Attributes:
    """Token counts; those that only some providers give are left out when they are 0."""
    attributes = {
        "gen_ai.usage.input_tokens": usage.input_tokens,
        "gen_ai.usage.output_tokens": usage.output_tokens,
    }
    rare = {
        "gen_ai.usage.cache_read.input_tokens": usage.cached_input_tokens,
        "gen_ai.usage.cache_creation.input_tokens": usage.cache_write_tokens,
        "gen_ai.usage.reasoning.output_tokens": usage.reasoning_tokens,
    }
    return attributes | {name: count for name, count in rare.items() if count}


def call_attributes(metadata: ResponseMetadata) -> Attributes:
    """How the call went: ids for the provider's support, rate limits, attempts."""
    attributes: dict[str, str | int | list[str]] = {
        f"http.response.header.{name}": [value] for name, value in metadata.headers.items()
    }
    if metadata.request_id:
        attributes["hector.llm.request_id"] = metadata.request_id
    if metadata.response_id:
        attributes["gen_ai.response.id"] = metadata.response_id
    if metadata.attempts > 1:
        attributes["hector.llm.attempts"] = metadata.attempts
    return attributes


def failure_attributes(error: LLMError) -> Attributes:
    """What of a failure helps to find it at the provider, without its text."""
    attributes: dict[str, str | int | list[str]] = {}
    if error.provider:
        attributes["gen_ai.provider.name"] = error.provider
    if error.status is not None:
        attributes["http.response.status_code"] = error.status
    if error.request_id:
        attributes["hector.llm.request_id"] = error.request_id
    return attributes
