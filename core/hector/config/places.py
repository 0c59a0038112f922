"""Problems that others find in a config, placed where they stand."""

from __future__ import annotations

from hector.config.node import child_path, value_problem
from hector.config.reader import RawConfig
from hector.errors import Diagnostic

__all__ = ["problem_at"]


def problem_at(
    raw: RawConfig, keys: tuple[str | int, ...], code: str, message: str, *, hint: str | None = None
) -> Diagnostic:
    """An error with the value that the keys lead to, or with the deepest one that exists.

    Args:
        raw: the config.
        keys: from the root down: names of keys and positions in lists.
        code: `H101`…`H122`.
        message: what is wrong.
        hint: what to do.
    """
    node, path = raw.root, ""
    for key in keys:
        if isinstance(key, int):
            path = f"{path}[{key}]"
            node = node.items[key] if key < len(node.items) else node
        else:
            path = child_path(path, key)
            node = node.entries.get(key, node)
    return value_problem(node, code, path, message, hint=hint)
