"""What a config is made of can be asked for whatever lies there."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from hector import watched_files


def test_a_named_pipe_in_the_way_is_not_waited_for(tmp_path: Path) -> None:
    """Nobody may ever write to it; the one thread that watches would hang."""
    config, pipe = tmp_path / "hector.yaml", tmp_path / "pipe.yaml"
    config.write_text("extends: pipe.yaml\n")
    os.mkfifo(pipe)
    found: list[Path] = []
    thread = threading.Thread(target=lambda: found.extend(watched_files(config)), daemon=True)
    thread.start()
    thread.join(5)

    assert found[:2] == [config, pipe]
