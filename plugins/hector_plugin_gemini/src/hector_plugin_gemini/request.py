"""Requests in the words of the Gemini API, without I/O."""

from __future__ import annotations

from hector.errors import UnsupportedError
from hector.spi import GenerateParameters, LLMRequest, ToolSpec, plain_json, utf8_text
from hector_plugin_gemini.conversation import contents_of
from hector_plugin_gemini.settings import LLMSettings
from hector_plugin_gemini.wire import PROVIDER, Body

__all__ = ["body_of", "count_body", "model_path"]

_HARMS = (
    "HARM_CATEGORY_HARASSMENT",
    "HARM_CATEGORY_HATE_SPEECH",
    "HARM_CATEGORY_SEXUALLY_EXPLICIT",
    "HARM_CATEGORY_DANGEROUS_CONTENT",
)
_THRESHOLDS = {
    "off": "OFF",
    "block_none": "BLOCK_NONE",
    "block_high": "BLOCK_ONLY_HIGH",
    "block_medium": "BLOCK_MEDIUM_AND_ABOVE",
    "block_low": "BLOCK_LOW_AND_ABOVE",
}


def model_path(model: str) -> str:
    """The name of a model as a path of the API; tuned models bear their kind in their name."""
    return model if "/" in model else f"models/{model}"


def body_of(request: LLMRequest, settings: LLMSettings) -> Body:
    """Say `request` in the words of `streamGenerateContent`."""
    parameters = request.parameters
    body: Body = {
        "contents": contents_of(
            request.messages, settings.traits, longest_result=settings.max_tool_output_length
        ),
        "systemInstruction": {"parts": [{"text": utf8_text(request.system)}]}
        if request.system
        else None,
        "generationConfig": _generation(request, settings) or None,
        "safetySettings": _safety(settings),
    }
    if request.tools:
        declared = [_declaration(spec) for spec in request.tools]
        body["tools"] = [{"functionDeclarations": declared}]
        choice = _choice(parameters.tool_choice)
        body["toolConfig"] = {"functionCallingConfig": choice} if choice else None
    return {key: value for key, value in body.items() if value is not None}


def count_body(request: LLMRequest, settings: LLMSettings) -> Body:
    """Say `request` in the words of `countTokens`, with everything that has tokens."""
    body = body_of(request, settings)
    return {"generateContentRequest": {"model": model_path(settings.model), **body}}


def _declaration(spec: ToolSpec) -> Body:
    return {
        "name": spec.name,
        "description": utf8_text(spec.description),
        "parametersJsonSchema": plain_json(spec.parameters),
    }


def _choice(choice: str | None) -> Body | None:
    match choice:
        case None:
            return None
        case "auto" | "none":
            return {"mode": choice.upper()}
        case "required":
            return {"mode": "ANY"}
        case name:
            return {"mode": "ANY", "allowedFunctionNames": [name]}


def _generation(request: LLMRequest, settings: LLMSettings) -> Body:
    parameters = request.parameters
    temperature = parameters.temperature
    config: Body = {
        "temperature": settings.temperature if temperature is None else temperature,
        "maxOutputTokens": parameters.max_output_tokens or settings.max_tokens,
        "stopSequences": [utf8_text(word) for word in parameters.stop] or None,
        "thinkingConfig": _thinking(settings),
        **_form(parameters, settings, has_tools=bool(request.tools)),
    }
    return {key: value for key, value in config.items() if value is not None}


def _form(parameters: GenerateParameters, settings: LLMSettings, *, has_tools: bool) -> Body:
    output = parameters.structured_output
    if output is None:
        return {}
    if has_tools and not settings.traits.forms_with_tools:
        raise UnsupportedError(
            f"{PROVIDER}: {settings.model} takes no response schema beside tools",
            hint="drop one of them, or use a model since Gemini 3",
        )
    return {"responseMimeType": "application/json", "responseJsonSchema": plain_json(output.schema)}


def _thinking(settings: LLMSettings) -> Body | None:
    thinking = settings.thinking
    if thinking is None or not settings.traits.can_think:
        return None
    level, budget = settings.level_in_force, settings.budget_in_force
    config: Body = {
        "includeThoughts": thinking.enabled,
        "thinkingLevel": level.upper() if level else None,
        "thinkingBudget": budget,
    }
    return {key: value for key, value in config.items() if value is not None}


def _safety(settings: LLMSettings) -> list[Body] | None:
    if settings.safety is None:
        return None
    threshold = _THRESHOLDS[settings.safety]
    return [{"category": harm, "threshold": threshold} for harm in _HARMS]
