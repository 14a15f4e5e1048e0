"""Settings of one statement: which may be tried, and what to say of those that may not."""

from collections.abc import Sequence
from difflib import get_close_matches

from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.errors import OperationError, UsageError

_KNOWN = "SELECT name, category, context FROM pg_catalog.pg_settings"
_PLANS_DEPEND = ("Query Tuning", "Resource Usage", "Customized Options")
_ALSO = frozenset({"search_path", "constraint_exclusion", "TimeZone"})
_USER = "user"
_TAKES = {
    "internal": "It cannot be changed at all.",
    "postmaster": "It takes a restart of the server.",
    "sighup": "It belongs to the whole server: ALTER SYSTEM and a reload change it.",
    "superuser-backend": "It is fixed when a session begins.",
    "backend": "It is fixed when a session begins.",
    "superuser": "Only a superuser changes it.",
}


def parse(words: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """NAME=VALUE, several times."""
    found = []
    for word in words:
        name, equals, value = word.partition("=")
        if not (equals and name.strip()):
            raise UsageError(f'"{word}" is not NAME=VALUE', hint="For example: --set work_mem=64MB")
        found.append((name.strip(), value.strip()))
    return tuple(found)


def check(target: Target, wanted: Sequence[tuple[str, str]]) -> None:
    """UsageError for what is no setting, or none that a plan depends on or a session may change."""
    from asyncpg.exceptions import PostgresError

    with SyncConnection(target, read_only=True) as connection:
        known = {row["name"].lower(): row for row in connection.fetch(_KNOWN)}
        for name, value in wanted:
            row = known.get(name.lower())
            if row is None and "." not in name:
                close = get_close_matches(name.lower(), known, n=3, cutoff=0.6)
                raise UsageError(
                    f"this server has no setting {name}",
                    hint=f"Did you mean {' or '.join(close)}?" if close else "",
                )
            if row is not None:
                _check(row["name"], row["category"], row["context"])
            try:
                connection.fetchval("SELECT pg_catalog.set_config($1, $2, true)", name, value)
            except PostgresError as error:
                raise _refused(error, name) from error


def _check(name: str, category: str, context: str) -> None:
    if context not in (_USER, "superuser"):
        raise UsageError(f"{name} cannot be set for one statement", detail=_TAKES.get(context, ""))
    if not category.startswith(_PLANS_DEPEND) and name not in _ALSO:
        raise UsageError(
            f"--set takes settings that a plan depends on, and {name} is none",
            detail=f'PostgreSQL lists it under "{category}".',
        )


def _refused(error: Exception, name: str) -> UsageError | OperationError:
    message = getattr(error, "message", None) or str(error)
    if getattr(error, "sqlstate", "") == "42501":
        return OperationError(message, detail=_TAKES["superuser"])
    return UsageError(message, hint=getattr(error, "hint", None) or f"--set {name}=VALUE")
