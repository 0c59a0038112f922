"""What session stores are built of, whatever their database: for plugins that bring one.

`rows` is the form in which events and keys are stored, `groups` commits many appends together, `staging` takes in large
artifacts, `sweeps` removes what nobody names while the store runs, `commits` wakes the readers of the feed, `address`
checks settings that lead to a server, and `server` is the store over a pool of connections, for which a plugin brings
the statements of its database.
"""

from __future__ import annotations
