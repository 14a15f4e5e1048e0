"""Connect to the one database that is named, and say which stage failed where that fails."""

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING

from dbtool.database.target import Target, pooled

if TYPE_CHECKING:
    from dbtool.database.connection import Connection

DEFAULT_TIMEOUT = 3.0
_TLS_FAREWELL = 0.02


async def connect(
    target: Target,
    *,
    timeout: float | None = None,
    read_only: bool = False,
    settings: Mapping[str, str] | None = None,
    application_name: str = "dbtool",
) -> "Connection":
    """Log in; raises ConnectError that names the stage that failed.

    Read-only and `settings` travel as start-up options. Where a pooler refuses those the
    connection carries them itself: run statements inside `async with connection.limits()`.
    """
    from dbtool.database.connection import READ_ONLY, connect_with_options

    options = {READ_ONLY: "on"} if read_only else {}
    limit = timeout or float(target.parameter("connect_timeout") or DEFAULT_TIMEOUT)
    try:
        return await connect_with_options(
            target, limit, application_name, options | dict(settings or {}), pooled(target) or ""
        )
    except Exception as error:
        from dbtool.database.login import explain

        told = await explain(error, target, limit)
        # A refused TLS connection is still closing; a loop that ends now would leave it open.
        await asyncio.sleep(_TLS_FAREWELL if target.may_use_tls else 0)
        if told is error:
            raise
        raise told from error
