"""Serve a tiny random llama model over llama.cpp's own OpenAI-compatible server.

A program, not a module: `python llama_server.py FOLDER chat|embed` writes the model into the
folder, prints the server's address, and serves until its standard input closes. What the model says
is noise; what carries it is the real thing.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

WIDTH, LAYERS, HEADS, CONTEXT = 64, 2, 4, 512


def vocabulary() -> tuple[list[str], list[float], list[int]]:
    """Tokens, scores and types of a SentencePiece model: specials, all bytes, ASCII pieces."""
    control, byte, normal = 3, 6, 1
    tokens = ["<unk>", "<s>", "</s>", *[f"<0x{value:02X}>" for value in range(256)]]
    kinds = [2, control, control, *[byte] * 256]
    pieces = ["\u2581", *[chr(code) for code in range(33, 127)]]
    tokens += pieces
    kinds += [normal] * len(pieces)
    return tokens, [0.0] * len(tokens), kinds


def write_model(path: Path) -> None:
    """Write the model, with the same weights each time."""
    import gguf
    import numpy as np

    random = np.random.default_rng(7)
    tokens, scores, kinds = vocabulary()
    writer: Any = gguf.GGUFWriter(path, "llama")
    writer.add_name("noise")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(2 * WIDTH)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores(scores)
    writer.add_token_types(kinds)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_chat_template(
        "{% for message in messages %}{{ message.role }}: {{ message.content }}\n{% endfor %}"
    )

    def add(name: str, *shape: int) -> None:
        writer.add_tensor(name, random.normal(0, 0.2, shape).astype(np.float32))

    add("token_embd.weight", len(tokens), WIDTH)
    add("output.weight", len(tokens), WIDTH)
    writer.add_tensor("output_norm.weight", np.ones(WIDTH, np.float32))
    for layer in range(LAYERS):
        for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
            add(f"blk.{layer}.{name}.weight", WIDTH, WIDTH)
        add(f"blk.{layer}.ffn_gate.weight", 2 * WIDTH, WIDTH)
        add(f"blk.{layer}.ffn_up.weight", 2 * WIDTH, WIDTH)
        add(f"blk.{layer}.ffn_down.weight", WIDTH, 2 * WIDTH)
        for name in ("attn_norm", "ffn_norm"):
            writer.add_tensor(f"blk.{layer}.{name}.weight", np.ones(WIDTH, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def serve(folder: Path, task: str) -> None:
    """Serve until standard input closes."""
    # It has no type stubs.
    llama: Any = import_module("xllamacpp")
    path = folder / "noise.gguf"
    write_model(path)
    parameters: Any = llama.CommonParams()
    parameters.model.path = str(path)
    parameters.n_ctx = CONTEXT
    parameters.cpuparams.n_threads = 1
    parameters.port = 0
    parameters.use_jinja = True
    if task == "embed":
        parameters.embedding = True
        parameters.pooling_type = llama.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    server: Any = llama.Server(parameters)
    print(server.listening_address, flush=True)  # noqa: T201
    sys.stdin.read()


if __name__ == "__main__":
    serve(Path(sys.argv[1]), sys.argv[2])
