"""Where the admin API stands in the application."""

from __future__ import annotations

from starlette.routing import Mount, Route, Router

from hector_server.admin.api import AdminAPI
from hector_server.admin.guard import AdminGuard
from hector_server.admin.throttle import Throttle
from hector_server.host import Reloadable
from hector_server.options import ServerOptions

__all__ = ["admin_mount"]

PREFIX = "/admin/v1"


def admin_mount(
    host: Reloadable, options: ServerOptions, throttle: Throttle | None = None
) -> Mount:
    """Make the routes below `/admin/v1`, behind their guard.

    Args:
        host: what is looked at and changed.
        options: with the hash of the token, which must not be empty.
        throttle: of wrong tokens; absent: one of its own.
    """
    api = AdminAPI(host, options)
    router = Router(
        routes=[
            Route("/config", api.config),
            Route("/config/check", api.check, methods=["POST"]),
            Route("/config/plan", api.plan, methods=["POST"]),
            Route("/config/apply", api.apply, methods=["POST"]),
            Route("/config/rollback", api.rollback, methods=["POST"]),
            Route("/generations", api.generations),
        ],
        redirect_slashes=False,
    )
    return Mount(PREFIX, app=AdminGuard(router, options, throttle or Throttle()))
