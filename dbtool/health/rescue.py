"""Tells a server that is full from one that refuses for another reason."""

from dbtool.errors import ConnectError


def is_full(error: ConnectError) -> bool:
    """Whether another login of the same server may still get in."""
    from asyncpg.exceptions import TooManyConnectionsError

    return isinstance(error.__cause__, TooManyConnectionsError)
