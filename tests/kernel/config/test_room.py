"""What the room shows to others, and what it costs to import."""

from __future__ import annotations

import subprocess
import sys

import hector.config


def test_all_is_sorted_and_true() -> None:
    names = hector.config.__all__

    assert names == sorted(names)
    assert all(hasattr(hector.config, name) for name in names)


def test_importing_it_imports_no_parser_and_no_validation_library() -> None:
    heavy = (
        "{'yaml', 'tomli', 'dotenv', 'cattrs', 'packaging', 'pydantic', 'asyncio', 'jsonschema'}"
    )
    code = f"import sys, hector.config; print(sorted({heavy} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert found.stdout.strip() == "[]"
