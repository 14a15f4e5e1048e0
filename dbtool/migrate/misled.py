"""What is said where a connection of env.py leads elsewhere than it should."""

from dbtool.database.target import Target
from dbtool.errors import DbtoolError, OperationError, UsageError
from dbtool.migrate.destination import Destination, one_by_one


def redirected(place: Destination, target: Target) -> str:
    """The one destination env.py asks for is another than the named one."""
    return (
        f"env.py asks for {place.shown}; its connections go to {target.shown} instead,"
        f" as {target.source} says"
    )


def second(asked: Destination, place: Destination, target: Target) -> DbtoolError:
    """A second destination, while one is named."""
    return OperationError(
        "the project connects to two databases, and one is named",
        detail=f"It asked for {asked.shown}, then for {place.shown};"
        f" {target.source} names {target.shown}."
        " The second connection was refused.",
        hint=one_by_one(),
    )


def maintenance(place: Destination, target: Target) -> DbtoolError:
    """Alembic is to work where env.py may only look around."""
    return OperationError(
        f'env.py has Alembic work in the database "{place.database}", and another one is named',
        detail=f"It asked for {place.shown}; {target.source} names {target.shown}."
        f' On the named server env.py may look into "{place.database}", and change nothing.',
        hint="Let env.py build its engine from config's sqlalchemy.url, or name the"
        " database it connects to.",
    )


def led_instead(target: Target) -> str:
    """A function of the team's own was not called."""
    return (
        "env.py connects through a function of its own (creator=); its connections go to"
        f" {target.shown} instead, as {target.source} says"
    )


def second_function(target: Target) -> DbtoolError:
    """Two such functions may lead to two databases."""
    return OperationError(
        "the project connects to two databases, and one is named",
        detail="Two functions of its own open connections (creator=);"
        f" {target.source} names {target.shown}. The second connection was refused.",
        hint=one_by_one(),
    )


def elsewhere(name: str, target: Target) -> DbtoolError:
    """A connection did not see the lock of the named database."""
    return OperationError(
        "env.py connects to another database than the one that is named",
        detail=f"{target.source} names {target.shown}; this connection leads to"
        f" {name}. A function of env.py opened it (creator=), so it could not be led"
        " elsewhere. Nothing was run there.",
        hint="Let env.py build its engine from config's sqlalchemy.url, or name the"
        " database it connects to.",
    )


def unreadable() -> DbtoolError:
    """Nobody named a database, and what env.py opens does not say where it leads."""
    return UsageError(
        "no database is named, and env.py does not say where it connects",
        detail="A function of its own opens the connection (creator=).",
        hint="Name the database with --url or DATABASE_URL.",
    )
