"""Asks a server that is full through the login that the settings keep for that."""

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from dbtool.cli.command import Call
from dbtool.errors import ConnectError, UsageError

if TYPE_CHECKING:
    from dbtool.database.target import Target

Answer = TypeVar("Answer")


def asked(call: Call, ask: Callable[["Target"], Answer]) -> Answer:
    """What the named database answers; at most one more login is tried, where no slot is free."""
    try:
        return ask(call.target)
    except ConnectError as error:
        from dbtool.health.rescue import is_full

        if not is_full(error):
            raise
        return _rescued(call, ask, error)


def _rescued(call: Call, ask: Callable[["Target"], Answer], error: ConnectError) -> Answer:
    try:
        rescue = call.settings.rescue()
    except UsageError as wrong:
        error.detail += f"\nThe other login cannot be tried: {wrong.message}."
        raise error from error.__cause__
    if rescue is None:
        error.hint += "\nName such a login of this database as rescue_url in the settings: it is"
        error.hint += " tried where no other gets in."
        raise error from error.__cause__
    if not rescue.same_database(call.target):
        error.detail += f"\n{rescue.source} names {rescue.shown}, so it was not tried."
        raise error from error.__cause__
    call.progress.note(f"{error.message}; asking as {rescue.user}")
    try:
        return ask(rescue)
    except ConnectError as second:
        detail = f"{error.detail}\n{rescue.source}: {second.message}. {second.detail}"
        raise ConnectError(error.message, detail=detail, hint=second.hint) from second
