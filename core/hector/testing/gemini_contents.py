"""The contents of a conversation as the Gemini API takes and refuses them."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any, cast

from hector.testing.openai_faults import check
from hector.testing.wire_protocol import SeenResult

__all__ = ["GeminiContents", "canonical", "spelled"]

_IMAGES = frozenset({"image/heic", "image/heif", "image/jpeg", "image/png", "image/webp"})
_IN_RESULTS = frozenset({"application/pdf", "image/jpeg", "image/png", "image/webp", "text/plain"})
_KINDS = ("text", "inlineData", "fileData", "functionCall", "functionResponse")
_UNSIGNED = frozenset({"context_engineering_is_the_way_to_go", "skip_thought_signature_validator"})
"""What Google lets stand for the signature of a call that another model has made."""


def spelled(value: Any) -> Any:
    """The value with its keys in camelCase; SDKs mix both spellings, and the API takes both.

    What users have named themselves is left alone.
    """
    if isinstance(value, dict):
        found = {_camel(key): item for key, item in cast("dict[str, Any]", value).items()}
        return {key: item if key in _FREE else spelled(item) for key, item in found.items()}
    if isinstance(value, list):
        return [spelled(item) for item in cast("list[object]", value)]
    return value


_FREE = frozenset({"args", "parametersJsonSchema", "response", "responseJsonSchema"})


def _camel(key: str) -> str:
    first, *rest = key.split("_")
    return first + "".join(word.capitalize() for word in rest)


def canonical(signature: str) -> str:
    """Bytes in Base64, in the one alphabet; the API takes both."""
    content = base64.b64decode(signature.translate(str.maketrans("-_", "+/")), validate=True)
    return base64.b64encode(content).decode()


class GeminiContents:
    """Reads the contents, and checks that they are a conversation that the API accepts.

    Args:
        contents: of a request, in camelCase.
        checks_signatures: whether the model wants its thought signatures back.
        takes_files_in_results: whether a tool's result may hold files.

    Attributes:
        user_texts, images, results: see `SeenRequest`.
        thinking: the thought signatures, in order.
        calls: name and arguments of every call, in order.
    """

    def __init__(
        self,
        contents: Sequence[Mapping[str, Any]],
        *,
        checks_signatures: bool,
        takes_files_in_results: bool,
    ) -> None:
        self.user_texts: list[str] = []
        self.images: list[bytes] = []
        self.results: list[SeenResult] = []
        self.thinking: list[str] = []
        self.calls: list[tuple[str, Mapping[str, Any]]] = []
        self._checks_signatures = checks_signatures
        self._takes_files = takes_files_in_results
        self._waiting: list[tuple[str, str]] = []
        self._ids: set[str] = set()
        check(contents, "contents are not specified")
        check(contents[0]["role"] == "user", "the first turn must be a user's")
        check(contents[-1]["role"] == "user", "the last turn must be a user's or hold results")
        for content in contents:
            check(content["parts"], "contents.parts must not be empty")
            if content["role"] == "model":
                self._model(content["parts"])
            else:
                check(
                    content["role"] == "user", f"please use a valid role, not {content['role']!r}"
                )
                self._user(content["parts"])

    def _model(self, parts: Sequence[Mapping[str, Any]]) -> None:
        check(not self._waiting, f"calls {self._waiting} are not answered")
        is_first = True
        for part in parts:
            signature = part.get("thoughtSignature")
            if signature is not None and signature not in _UNSIGNED:
                self.thinking.append(canonical(signature))
            match _kind(part, may_be_empty=signature is not None):
                case "text":
                    pass
                case "functionCall":
                    check(
                        signature or not (is_first and self._checks_signatures),
                        "Function call is missing a thought_signature in functionCall parts",
                    )
                    is_first = False
                    self._call(part["functionCall"])
                case kind:
                    check(False, f"a model says {kind!r}")

    def _call(self, call: Mapping[str, Any]) -> None:
        check(isinstance(call["args"], dict), "function_call.args: not an object")
        check(call["name"], "function_call.name: empty")
        check(call["id"] and call["id"] not in self._ids, f"call id {call['id']!r} again")
        self._ids.add(call["id"])
        self._waiting.append((call["id"], call["name"]))
        self.calls.append((call["name"], call["args"]))

    def _user(self, parts: Sequence[Mapping[str, Any]]) -> None:
        kinds = {_kind(part, may_be_empty=False) for part in parts}
        if self._waiting or "functionResponse" in kinds:
            check(kinds == {"functionResponse"}, f"a turn of function responses holds {kinds}")
            check(
                len(parts) == len(self._waiting),
                "the number of function response parts must equal that of function call parts",
            )
            for part in parts:
                self._result(part["functionResponse"])
            return
        for part in parts:
            if "text" in part:
                self.user_texts.append(part["text"])
            elif "inlineData" in part:
                self._inline(part["inlineData"])
            else:
                check("fileData" in part, f"a user says {kinds}")
                check(part["fileData"]["fileUri"].startswith("http"), "file_uri: no address")

    def _inline(self, blob: Mapping[str, Any]) -> None:
        media_type, content = blob["mimeType"], base64.b64decode(blob["data"], validate=True)
        if media_type in _IMAGES:
            self.images.append(content)
            return
        check(not media_type.startswith("image/"), f"unsupported MIME type: {media_type}")
        is_known = media_type == "application/pdf" or media_type.startswith(
            ("audio/", "text/", "video/")
        )
        check(is_known, f"unsupported MIME type: {media_type}")

    def _result(self, result: Mapping[str, Any]) -> None:
        named = (result["id"], result["name"])
        check(named in self._waiting, f"a response to {named}, which nobody called")
        self._waiting.remove(named)
        response = result["response"]
        check(isinstance(response, dict), "function_response.response: not an object")
        for part in result.get("parts") or ():
            check(self._takes_files, "function responses of this model take no parts")
            check(part["inlineData"]["mimeType"] in _IN_RESULTS, f"unsupported MIME type: {part}")
            self._inline(part["inlineData"])
        said = response.get("error", response.get("result", response))
        text = said if isinstance(said, str) else json.dumps(said)
        is_error = "error" in response
        check(text or not is_error, "an error that says nothing")
        self.results.append(SeenResult(call_id=result["id"], text=text, is_error=is_error))


def _kind(part: Mapping[str, Any], *, may_be_empty: bool) -> str:
    kinds = [kind for kind in _KINDS if kind in part]
    check(len(kinds) == 1, f"the oneof field data of a part must have one value, not {kinds}")
    check(kinds[0] != "text" or part["text"] or may_be_empty, "an empty text parameter")
    return kinds[0]
