"""The small real model that is shipped in a package: it answers, without a key and without a network."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

CONFIG = """\
llms:
  default:
    provider: llamacpp
    temperature: 0
    max_tokens: 24
    threads: 1
    context_window: 1024
    slots: 1
agents:
  assistant:
    instruction: You are a helpful assistant.
    tools: []
"""


@pytest.mark.timeout(120)
def test_it_answers_a_question_from_the_command_line(tmp_path: Path) -> None:
    """The whole way: config, agent, llama.cpp, the real weights, the words on the screen."""
    (tmp_path / "config.yaml").write_text(CONFIG, encoding="utf-8")
    done = subprocess.run(
        [
            Path(sys.executable).with_name("hector"), "run", "--quiet",
            "What is the capital of France?",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "The capital of France is Paris." in done.stdout
