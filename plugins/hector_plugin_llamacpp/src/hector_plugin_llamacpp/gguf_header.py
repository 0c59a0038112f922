"""What a GGUF file says of itself, read without its weights."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO, TypeAlias

import attrs

__all__ = ["GGUFError", "ModelHeader", "read_header"]

_Value: TypeAlias = int | float | bool | str | None

_MAGIC = b"GGUF"
_STRING, _ARRAY = 8, 9
_FORMATS = {
    0: "<B",
    1: "<b",
    2: "<H",
    3: "<h",
    4: "<I",
    5: "<i",
    6: "<f",
    7: "<?",
    10: "<Q",
    11: "<q",
    12: "<d",
}
_SIZES = {kind: struct.calcsize(form) for kind, form in _FORMATS.items()}
_LONGEST_KEY = 65_535
_MOST_KEYS = 100_000


class GGUFError(Exception):
    """The file cannot be a model; the message says why."""


@attrs.frozen(kw_only=True)
class ModelHeader:
    """What is known of a model before it is loaded; None where the file does not say.

    Attributes:
        architecture: llama.cpp's word for it, such as `llama` or `bert`.
        name: the model's own name, or empty.
        context_tokens: the longest context it was trained with.
        has_chat_template: whether the file says how a conversation is written.
        has_pooling: whether it says how the vectors of tokens become that of a text.
        cache_bytes_per_token: what the attention cache takes for each token of context, at 16 bits.
    """

    architecture: str
    name: str = ""
    context_tokens: int | None = None
    has_chat_template: bool = False
    has_pooling: bool = False
    cache_bytes_per_token: int | None = None


def read_header(path: Path) -> ModelHeader:
    """Read the keys at the beginning of a GGUF file (versions 2 and 3).

    Raises:
        GGUFError: it is none, or is cut off.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        if file.read(4) != _MAGIC:
            raise GGUFError("it is no GGUF file")
        version = _number(file, 4)
        if version not in {2, 3}:
            raise GGUFError(f"it is a GGUF file of version {version}, and not of 2 or 3")
        _number(file, 10)  # of tensors
        count = _number(file, 10)
        if count > _MOST_KEYS:
            raise GGUFError("it is damaged: it claims to have too many keys")
        return _header(dict(_entry(file) for _ in range(count)))


def _header(found: dict[str, _Value]) -> ModelHeader:
    architecture = str(found.get("general.architecture") or "")
    if not architecture:
        raise GGUFError("it does not say of which architecture it is")

    def number(key: str) -> int | None:
        value = found.get(f"{architecture}.{key}")
        return value if isinstance(value, int) and value > 0 else None

    layers, width, heads = (
        number(key) for key in ("block_count", "embedding_length", "attention.head_count")
    )
    per_token = None
    if layers and width and heads:
        groups = number("attention.head_count_kv") or heads
        key_length = number("attention.key_length") or width // heads
        value_length = number("attention.value_length") or width // heads
        per_token = 2 * layers * groups * (key_length + value_length)
    return ModelHeader(
        architecture=architecture,
        name=str(found.get("general.name") or ""),
        context_tokens=number("context_length"),
        has_chat_template=bool(found.get("tokenizer.chat_template")),
        has_pooling=bool(number("pooling_type")),
        cache_bytes_per_token=per_token,
    )


def _entry(file: BinaryIO) -> tuple[str, _Value]:
    length = _number(file, 10)
    if length > _LONGEST_KEY:
        raise GGUFError("it is damaged: a key is too long")
    key = _bytes(file, length).decode(errors="replace")
    return key, _value(file, _number(file, 4))


def _value(file: BinaryIO, kind: int) -> _Value:
    """A value; None for an array, which is passed over."""
    if kind == _STRING:
        return _bytes(file, _number(file, 10)).decode(errors="replace")
    if kind != _ARRAY:
        return _scalar(file, kind)
    inner, count = _number(file, 4), _number(file, 10)
    if inner == _STRING:
        for _ in range(count):
            _skip(file, _number(file, 10))
    elif inner == _ARRAY:
        for _ in range(count):
            _value(file, _ARRAY)
    else:
        _skip(file, count * _size(inner))
    return None


def _scalar(file: BinaryIO, kind: int) -> int | float | bool:
    content = _bytes(file, _size(kind))
    value: int | float | bool = struct.unpack(_FORMATS[kind], content)[0]
    return value


def _size(kind: int) -> int:
    if kind not in _SIZES:
        raise GGUFError(f"it is damaged: there is no kind of value {kind}")
    return _SIZES[kind]


def _number(file: BinaryIO, kind: int) -> int:
    return int(_scalar(file, kind))


def _bytes(file: BinaryIO, count: int) -> bytes:
    found = file.read(count) if count <= 1 << 28 else b""
    if len(found) != count:
        raise GGUFError("it is cut off")
    return found


def _skip(file: BinaryIO, count: int) -> None:
    # Reading sees the end of the file, which seeking does not.
    _bytes(file, count)
