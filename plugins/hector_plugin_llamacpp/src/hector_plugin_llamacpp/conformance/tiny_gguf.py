"""A small model in a GGUF file, made in a tenth of a second, with the same weights each time.

What it says is noise, each token drawn from the last one alone, with one exception: behind a line feed, where its
template begins the answer to a request with tools, it calls a tool and ends. What carries that is the real thing.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hector_plugin_llamacpp.conformance.gguf_file import Value, gguf_bytes

__all__ = ["CALLS", "TEMPLATE", "write_gguf"]

WIDTH, LAYERS, HEADS = 64, 2, 4

TEMPLATE = """\
{%- if tools %}
{{- '<|im_start|>system\\n' }}
{%- if messages[0].role == 'system' %}{{- messages[0].content + '\\n' }}{%- endif %}
{{- '# Tools\\n\\nYou may call one or more functions. They are within <tools></tools>:\\n<tools>' }}
{%- for tool in tools %}{{- '\\n' }}{{- tool | tojson }}{%- endfor %}
{{- '\\n</tools>\\n\\nFor each call, return a JSON object within <tool_call></tool_call>:\\n<tool_call>\\n' }}
{{- '{"name": <function-name>, "arguments": <args-json-object>}\\n</tool_call><|im_end|>\\n' }}
{%- elif messages[0].role == 'system' %}
{{- '<|im_start|>system\\n' + messages[0].content + '<|im_end|>\\n' }}
{%- endif %}
{%- for message in messages %}
{%- if message.role == 'user' or (message.role == 'system' and not loop.first) %}
{{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}
{%- elif message.role == 'assistant' %}
{{- '<|im_start|>assistant\\n' }}
{%- if message.reasoning_content %}{{- '<think>\\n' + message.reasoning_content + '\\n</think>\\n\\n' }}{%- endif %}
{%- if message.content %}{{- message.content }}{%- endif %}
{%- for call in message.tool_calls or [] %}
{{- '\\n<tool_call>\\n{"name": "' + call.function.name + '", "arguments": ' }}
{{- call.function.arguments | tojson }}{{- '}\\n</tool_call>' }}
{%- endfor %}
{{- '<|im_end|>\\n' }}
{%- elif message.role == 'tool' %}
{{- '<|im_start|>user\\n<tool_response>\\n' + message.content + '\\n</tool_response><|im_end|>\\n' }}
{%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
{{- '<|im_start|>assistant' }}{%- if tools %}{{- '\\n' }}{%- else %}{{- ':' }}{%- endif %}
{%- if enable_thinking is defined and enable_thinking is false %}{{- '<think>\\n\\n</think>\\n\\n' }}{%- endif %}
{%- endif %}
"""
"""As families such as Qwen and Hermes write conversations."""


CALLS = tuple(
    f'<tool_call>\n{{"name": "{name}", "arguments": {{"depth": "deep"}}}}\n</tool_call>'
    for name in ("dig", "fill")
)
"""Whole calls, each a single token of the model."""

_EOS, _LINE_FEED = 2, 3 + 10


def write_gguf(path: Path, *, context: int = 16384, template: str = TEMPLATE) -> None:
    """Write the model.

    Args:
        path: where to.
        context: tokens that it claims to have been trained with.
        template: how it writes conversations; empty for none.
    """
    path.write_bytes(_content(context, template))


@cache
def _content(context: int, template: str) -> bytes:
    tokens = _vocabulary()
    fields: Mapping[str, Value] = {
        "general.architecture": "llama",
        "general.name": "noise",
        "llama.context_length": context,
        "llama.embedding_length": WIDTH,
        "llama.block_count": LAYERS,
        "llama.feed_forward_length": 2 * WIDTH,
        "llama.attention.head_count": HEADS,
        "llama.attention.head_count_kv": HEADS,
        "llama.rope.dimension_count": WIDTH // HEADS,
        "llama.attention.layer_norm_rms_epsilon": 1e-5,
        "llama.vocab_size": len(tokens),
        "tokenizer.ggml.model": "llama",
        "tokenizer.ggml.tokens": [token for token, _ in tokens],
        "tokenizer.ggml.scores": [0.0] * len(tokens),
        "tokenizer.ggml.token_type": [kind for _, kind in tokens],
        "tokenizer.ggml.bos_token_id": 1,
        "tokenizer.ggml.eos_token_id": _EOS,
        "tokenizer.ggml.unknown_token_id": 0,
        **({"tokenizer.chat_template": template} if template else {}),
    }
    return gguf_bytes(fields, _tensors(len(tokens)))


def _tensors(count: int) -> dict[str, NDArray[np.float32]]:
    random = np.random.default_rng(7)

    def noise(*shape: int) -> NDArray[np.float32]:
        return random.normal(0, 0.2, shape).astype(np.float32)

    words, output = noise(count, WIDTH), noise(count, WIDTH)
    calls = (count - 2, count - 1)
    # The first place of a token's vector says that it is a line feed, the second that it is a call.
    words[:, :2] = 0
    words[_LINE_FEED], words[list(calls)] = 0, 0
    words[_LINE_FEED, 0], words[list(calls), 1] = 1, 1
    output[[_EOS, _LINE_FEED, *calls]] = 0
    output[calls[0], 0], output[calls[1], 0], output[_EOS, 1] = 10, 9, 10
    found = {"token_embd.weight": words, "output.weight": output}
    found["output_norm.weight"] = np.ones(WIDTH, np.float32)
    for layer in range(LAYERS):
        at = f"blk.{layer}"
        for name in ("attn_q", "attn_k", "attn_v"):
            found[f"{at}.{name}.weight"] = noise(WIDTH, WIDTH)
        for name in ("ffn_gate", "ffn_up"):
            found[f"{at}.{name}.weight"] = noise(2 * WIDTH, WIDTH)
        # What a layer finds is not added, so that the last token alone decides.
        found[f"{at}.attn_output.weight"] = np.zeros((WIDTH, WIDTH), np.float32)
        found[f"{at}.ffn_down.weight"] = np.zeros((WIDTH, 2 * WIDTH), np.float32)
        for name in ("attn_norm", "ffn_norm"):
            found[f"{at}.{name}.weight"] = np.ones(WIDTH, np.float32)
    return found


def _vocabulary() -> list[tuple[str, int]]:
    """Pieces and their kinds: specials, all bytes, ASCII, calls."""
    normal, unknown, control, byte = 1, 2, 3, 6
    pieces = ["\u2581", *(chr(code) for code in range(33, 127)), *CALLS]
    return [
        ("<unk>", unknown),
        ("<s>", control),
        ("</s>", control),
        *((f"<0x{value:02X}>", byte) for value in range(256)),
        *((piece, normal) for piece in pieces),
    ]
