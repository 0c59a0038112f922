"""The program that holds a model: llama.cpp, which answers on the loopback until its parent is gone.

Run as a file, never imported by Hector. It reads one line of JSON, the parameters of llama.cpp, from its standard
input, and writes one line of JSON to its standard output: `{"address": …}` once the model is loaded, else
`{"error": …}`. It ends when its standard input does, which it does also when the parent is killed.

It is a process of its own because llama.cpp's bindings hold the interpreter's lock for as long as a model is being
loaded and unloaded, because llama.cpp ends the process that it is in when a model file is damaged, and because only
the end of a process gives back all of a model's memory.
"""

from __future__ import annotations

import json
import os
import sys
from importlib import import_module
from typing import Any


def parameters_of(llama: Any, given: dict[str, Any]) -> Any:
    """The parameters of a server, from `given`: names as llama.cpp has them, with dots for what lies inside."""
    parameters = llama.CommonParams()
    for name, value in given.items():
        *way, last = name.split(".")
        place = parameters
        for step in way:
            place = getattr(place, step)
        if not hasattr(place, last):
            raise AttributeError(f"this version of xllamacpp has no parameter `{name}`")
        if name == "pooling_type":
            value = getattr(llama.llama_pooling_type, f"LLAMA_POOLING_TYPE_{value.upper()}")  # noqa: PLW2901
        setattr(place, last, value)
    return parameters


def main() -> int:
    """Load, tell where, and serve."""
    # What llama.cpp prints must not be taken for the answer.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    given = json.loads(sys.stdin.readline())
    try:
        llama = import_module("xllamacpp")  # it has no type stubs
        server: Any = llama.Server(parameters_of(llama, given))
        told = {"address": server.listening_address}
    except Exception as error:  # noqa: BLE001 - the parent is told, and raises it
        told = {"error": f"{type(error).__name__}: {error}"}
    answers.write(json.dumps(told) + "\n")
    answers.flush()
    if "error" in told:
        return 1
    sys.stdin.read()
    # What it holds is the system's to take back; to wait for an answer that nobody reads would only take time.
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
