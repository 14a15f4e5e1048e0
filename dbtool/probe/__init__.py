"""What an application adds so that `dbtool pool attach` can look into its connection pool.

```python
from dbtool.probe import install

install(engine, service="shop")
```
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Engine
    from sqlalchemy.ext.asyncio import AsyncEngine

    from dbtool.probe.measuring import Probe

THRESHOLD = 2.0
"""Seconds after which a connection that is checked out is held long."""


def install(
    engine: "Engine | AsyncEngine",
    *,
    service: str | None = None,
    threshold: float = THRESHOLD,
    socket: "bool | Path" = True,
) -> "Probe":
    """Measure the pool of an engine from now on; installing it twice changes nothing.

    It counts connections in use and callers waiting, times waiting, use and connecting, and
    remembers for each connection in use the lines that took it. One daemon thread serves that on
    a Unix socket that only this user may open, in $XDG_RUNTIME_DIR/dbtool or a private directory
    beside the temporary files, or in the directory that `socket` names; `socket=False` serves
    nothing, and `Probe.prometheus()` is there for a route of your own. A process that forks is
    followed: the child opens its own socket with its first connection.

    Connections that have no application_name get `service@host:pid`; `service` is the name of
    the program when it is not given.
    """
    from dbtool.probe.measuring import Probe, installed

    sync = engine if not hasattr(engine, "sync_engine") else engine.sync_engine
    if probe := installed(sync):
        return probe
    return Probe(sync, service=service, threshold=threshold, socket=socket)


def uninstall(engine: "Engine | AsyncEngine") -> None:
    """Measure no longer, and close the socket; nothing where no probe is installed."""
    from dbtool.probe.measuring import installed

    sync = engine if not hasattr(engine, "sync_engine") else engine.sync_engine
    if probe := installed(sync):
        probe.uninstall()
