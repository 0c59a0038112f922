"""What is wrong with components and their runtime."""

from __future__ import annotations

from hector.errors.root import HectorError

__all__ = [
    "ComponentCloseError",
    "ComponentError",
    "ComponentNotFoundError",
    "ComponentOpenError",
    "ComponentTimeoutError",
    "ComponentTypeError",
    "RuntimeClosedError",
    "ServerError",
]


class ComponentError(HectorError):
    """Something about one component.

    Attributes:
        component: its path in the config, such as `llms.main`.
    """

    code = "H300"

    def __init__(self, component: str, reason: str, *, hint: str | None = None) -> None:
        super().__init__(f"`{component}` {reason}", hint=hint)
        self.component = component
        self.reason = reason


class ComponentOpenError(ComponentError):
    """A component did not come up. The cause is chained."""

    code = "H301"


class ComponentTimeoutError(ComponentError):
    """A component did not come up before its deadline."""

    code = "H302"


class ComponentTypeError(ComponentError):
    """A provider's `create` returned something that does not fit the kind's Protocol."""

    code = "H303"


class ComponentCloseError(ComponentError):
    """A component failed while closing. The others were closed all the same."""

    code = "H304"


class ComponentNotFoundError(ComponentError, LookupError):
    """The running config has no component of that kind and name."""

    code = "H305"


class RuntimeClosedError(HectorError):
    """The runtime is closing or closed and takes no new work."""

    code = "H306"


class ServerError(HectorError):
    """The HTTP server could not start or serve."""

    code = "H600"
