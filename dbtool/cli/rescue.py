"""Asks a server that is full through the login kept for that, else tells what it last said."""

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from dbtool.cli.command import Call
from dbtool.errors import ConnectError, UsageError

if TYPE_CHECKING:
    from dbtool.database.target import Target
    from dbtool.health.pool import Pool
    from dbtool.health.remembered import Memory

Answer = TypeVar("Answer")


def asked(call: Call, ask: Callable[["Target"], Answer]) -> Answer:
    """What the named database answers; at most one more login is tried, where no slot is free."""
    try:
        return ask(call.target)
    except ConnectError as error:
        from dbtool.health.rescue import is_full

        if not is_full(error):
            raise
        try:
            return _rescued(call, ask, error)
        except ConnectError as refused:
            if (memory := _memory(call)) and (told := memory.told()):
                refused.detail += f"\n{told}"
            raise


def remember(call: Call, pool: "Pool | None") -> None:
    """Keep the numbers of this moment in the project, for when nobody gets in."""
    if pool is not None and (memory := _memory(call)):
        memory.keep(pool)


def _memory(call: Call) -> "Memory | None":
    """None outside of a project that has settings: a repository alone has asked for nothing."""
    settings = call.settings
    if not settings.project.has_settings:
        return None
    from dbtool.health.remembered import Memory

    environment = settings.chosen.name if settings.chosen else ""
    return Memory.of(settings.root, call.target, environment)


def _rescued(call: Call, ask: Callable[["Target"], Answer], error: ConnectError) -> Answer:
    from dbtool.health.rescue import asked_once, nobody_gets_in, offers_tls, was_tried_twice

    try:
        rescue = call.settings.rescue()
    except UsageError as wrong:
        error.detail += f"\nThe other login cannot be tried: {wrong.message}."
        raise error from error.__cause__
    if rescue is None and nobody_gets_in(error):
        raise error from error.__cause__
    if rescue is None:
        error.hint += "\nName such a login of this database as rescue_url in the settings: it is"
        error.hint += " tried where no other gets in."
        raise error from error.__cause__
    if not rescue.same_database(call.target):
        error.detail += f"\n{rescue.source} names {rescue.shown}, so it was not tried."
        raise error from error.__cause__
    if was_tried_twice(error):
        error.detail += f"\nThat was with TLS and without, so {rescue.source} was not tried."
        raise error from error.__cause__
    call.progress.note(f"{error.message}; asking as {rescue.user}")
    try:
        return asked_once(ask, rescue, tls=offers_tls(error, call.target))
    except ConnectError as second:
        detail = f"{error.detail}\n{rescue.source}: {second.message}. {second.detail}"
        raise ConnectError(error.message, detail=detail, hint=second.hint) from second
