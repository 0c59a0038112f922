"""What is wrong with plugins."""

from __future__ import annotations

from hector.errors.root import HectorError

__all__ = ["PluginError", "PluginNotFoundError"]


class PluginError(HectorError):
    """Something about plugins.

    Attributes:
        plugin: entry-point name and distribution, such as `openai (hector-plugin-openai 0.1.0)`, or empty.
    """

    code = "H200"

    def __init__(self, message: str, *, plugin: str = "", hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.plugin = plugin


class PluginNotFoundError(PluginError):
    """No plugin of that name is installed."""

    code = "H205"
