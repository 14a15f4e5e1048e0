"""Say which stage of connecting failed, DNS to database, and what that means."""

from dbtool.errors import ConnectError, DbtoolError
from dbtool.target import Target


async def explain(error: Exception, target: Target, limit: float) -> DbtoolError:
    """The error a user can act on."""
    if isinstance(error, DbtoolError):
        return error
    return ConnectError(f"cannot connect to {target.shown}", detail=str(error))
