"""Tells a server that is full from one that refuses for another reason."""

from dbtool.database.refusal import full
from dbtool.database.target import Target
from dbtool.errors import ConnectError


def is_full(error: ConnectError, target: Target) -> bool:
    """Whether slots are used up, as the server says or a pooler before it passes on."""
    from asyncpg.exceptions import PostgresError, TooManyConnectionsError

    match error.__cause__:
        case TooManyConnectionsError():
            return True
        case PostgresError() as cause:
            return full(str(cause), target) is not None
    return False


def was_tried_twice(error: ConnectError) -> bool:
    """Whether the driver has tried with TLS and, refused there, without it.

    It does so where no slot is left at all, before it has logged in.
    """
    return error.__cause__ is not None and error.__cause__.__cause__ is not None
