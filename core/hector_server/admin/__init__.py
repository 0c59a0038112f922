"""The admin API: look at the running config, check, plan, apply and take back another one.

Whoever has the token can let this process run what a config can name: the token is worth as much as
a login. Nothing of this package is imported while the API is off.
"""

from __future__ import annotations

from hector_server.admin.mounting import admin_mount
from hector_server.admin.throttle import Throttle

__all__ = ["Throttle", "admin_mount"]
