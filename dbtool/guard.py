"""Decide whether a database is production, and whether an action may run on it."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from dbtool import locality
from dbtool.database.target import Target
from dbtool.errors import DbtoolError, UsageError
from dbtool.ports import Ask, Nobody

if TYPE_CHECKING:
    from dbtool.database.connection import Connection
    from dbtool.settings.environments import Environment
    from dbtool.settings.values import Settings


class Standing(StrEnum):
    """What losing the data of a database would mean."""

    DEVELOPMENT = "development"
    UNKNOWN = "unknown"
    PRODUCTION = "production"


class Action(StrEnum):
    """What a command is about to do; the value is the verb of its question."""

    READ = "read"
    UPGRADE = "upgrade"
    EXPLAIN_READ = "run the statement on"
    EXPLAIN_WRITE = "run the writing statement, to be rolled back, on"
    TRACE = "run your code, to be rolled back, on"
    TRACE_COMMITS = "run your code, and keep what it commits, on"
    KILL = "end the session on"
    DOWNGRADE = "downgrade"
    STAMP = "record another revision in"
    FORGET = "forget the revisions recorded in"
    GENERATE_EMPTY = "fill the empty tables of"
    GENERATE = "add generated rows to the data of"
    TRUNCATE = "delete these rows from"
    GENERATE_SAMPLE = "load a sample, to be rolled back, into"
    REFERENCE = "write the reference rows to"


class Need(StrEnum):
    """What an action needs before it runs."""

    NOTHING = "nothing"
    YES = "a yes"
    NAME = "the database name, typed"
    NAME_AS_FLAG = "the database name, as --confirm-database"


@dataclass(frozen=True, slots=True)
class Classified:
    """What a database is, why, and the settings line that would classify an unknown one."""

    standing: Standing
    reason: str
    settings_line: str = ""


@dataclass(frozen=True, slots=True)
class Consent:
    """What the user agreed to in advance: `--yes`, `--confirm-database NAME`."""

    yes: bool = False
    confirm_database: str | None = None


def unmarked(_target: Target) -> "Environment | None":
    """Where no settings mark any database."""
    return None


@dataclass(frozen=True, slots=True)
class Permission:
    """What the user agreed to, whom to ask for the rest, and which environment a database is."""

    consent: Consent = field(default_factory=Consent)
    ask: Ask = field(default_factory=Nobody)
    environment: "Callable[[Target], Environment | None]" = unmarked

    def covers(self, needed: Need) -> bool:
        """Whether nobody has to be asked."""
        named = self.consent.confirm_database is not None
        return named or (needed is Need.YES and self.consent.yes)


_IN_DEVELOPMENT = {
    Action.EXPLAIN_WRITE: Need.YES,
    Action.TRACE_COMMITS: Need.YES,
    Action.KILL: Need.YES,
    Action.DOWNGRADE: Need.YES,
    Action.GENERATE: Need.YES,
    Action.TRUNCATE: Need.YES,
}
_ELSEWHERE = {
    Action.UPGRADE: Need.YES,
    Action.EXPLAIN_WRITE: Need.NAME,
    Action.TRACE: Need.NAME,
    Action.TRACE_COMMITS: Need.NAME,
    Action.KILL: Need.YES,
    Action.DOWNGRADE: Need.NAME,
    Action.STAMP: Need.YES,
    Action.FORGET: Need.NAME,
    Action.GENERATE_EMPTY: Need.NAME_AS_FLAG,
    Action.GENERATE: Need.NAME_AS_FLAG,
    Action.TRUNCATE: Need.NAME_AS_FLAG,
    Action.GENERATE_SAMPLE: Need.NAME,
    Action.REFERENCE: Need.YES,
}

_OWN_SERVERS = ("scratch", "dbtool local")


def environment_of(settings: "Settings", target: Target) -> "Environment":
    """The environment chosen by name, else the one a database belongs to, else one without name.

    Production goes first: a URL that leads there is guarded whoever spelt it.
    """
    from dbtool.settings.environments import Environment

    unnamed = Environment("", own_file=settings.project.has_own_file)
    found = _named(settings, target) or unnamed
    if found.production or found.development:
        return found
    marked = [each for each in settings.environments if each.production]
    alike = next((each for each in marked if each.could_hold(target, settings.variables)), None)
    if alike is None or _is_own(settings, target):
        return found
    return replace(found, may_be=alike.source)


def _named(settings: "Settings", target: Target) -> "Environment | None":
    if settings.chosen is not None:
        return settings.chosen
    fitting = [each for each in settings.environments if each.holds(target, settings.variables)]
    return min(fitting, key=lambda each: not each.production, default=None)


def _is_own(settings: "Settings", target: Target) -> bool:
    """Whether a database is on the project's own development server."""
    from dbtool.scratch import local

    with suppress(DbtoolError, OSError):
        return local.owns(settings.root, target)
    return False


async def classify(
    connection: "Connection", target: Target, environment: "Environment | None"
) -> Classified:
    """What the server actually connected to is."""
    expected = expect(target, environment)
    if expected.standing is not Standing.UNKNOWN:
        return expected
    proof = await locality.prove(connection)
    if proof.local and environment is not None and environment.may_be:
        reason = f"{proof.reason}, and {_alike(environment)}"
        return Classified(Standing.UNKNOWN, reason, expected.settings_line)
    if proof.local:
        return Classified(Standing.DEVELOPMENT, proof.reason)
    return Classified(Standing.UNKNOWN, proof.reason, expected.settings_line)


def expect(target: Target, environment: "Environment | None") -> Classified:
    """What can be said without connecting; unknown may turn out to run on this machine."""
    if environment is not None and environment.production:
        return Classified(Standing.PRODUCTION, f"{environment.source} is marked production")
    if environment is not None and environment.development:
        return Classified(Standing.DEVELOPMENT, f"{environment.source} is marked development")
    if target.source in _OWN_SERVERS:
        return Classified(Standing.DEVELOPMENT, "dbtool started this server itself")
    reason = "no setting marks it"
    if environment is not None and environment.may_be:
        reason = _alike(environment)
    return Classified(Standing.UNKNOWN, reason, _line(target, environment))


def _alike(environment: "Environment") -> str:
    """Its own host knows a server by other names than its users do."""
    return f"{environment.may_be}, marked production, has the same port and database name"


def _line(target: Target, environment: "Environment | None") -> str:
    if environment is not None and environment.name:
        return f"{environment.source} development = true"
    place = f"?host={target.host}&port={target.port}" if target.is_socket else ""
    address = "" if target.is_socket else target.address
    url = f"postgresql://{target.user}@{address}/{target.database}{place}"
    line = f'env.dev = {{ url = "{url}", development = true }}'
    return line if environment is not None and environment.own_file else f"[tool.dbtool] {line}"


def need(action: Action, standing: Standing) -> Need:
    """What an action needs on a database of this standing."""
    table = _IN_DEVELOPMENT if standing is Standing.DEVELOPMENT else _ELSEWHERE
    return table.get(action, Need.NOTHING)


def permit(
    action: Action,
    classified: Classified,
    database: str,
    consent: Consent,
    ask: Ask,
    losses: str = "",
) -> None:
    """Return when the action may run; raises UsageError when it may not.

    What would be lost is told before the question, and in every refusal.
    """
    needed = need(action, classified.standing)
    if needed is Need.NOTHING:
        return
    if consent.confirm_database is not None:
        _check_name(consent.confirm_database, database)
        return
    if needed is Need.NAME_AS_FLAG:
        raise _refused(action, classified, database, losses)
    if needed is Need.YES and consent.yes:
        return
    question = f"{losses}\n{_question(action, classified, database)}".lstrip()
    if needed is Need.YES:
        agreed = ask.confirm(question)
    else:
        agreed = ask.type_name(f"{question} Type its name", database)
    if not agreed:
        raise UsageError("not confirmed; nothing was done")


def _check_name(name: str, database: str) -> None:
    if name != database:
        raise UsageError(
            f'--confirm-database says "{name}", but this is "{database}"',
            detail="Nothing was done.",
        )


def _question(action: Action, classified: Classified, database: str) -> str:
    sentence = f'{action.value.capitalize()} "{database}"?'
    if classified.standing is Standing.DEVELOPMENT:
        return sentence
    return f"{_situation(classified, database)}\n{sentence}"


def _situation(classified: Classified, database: str) -> str:
    if classified.standing is Standing.PRODUCTION:
        return f'"{database}" is production: {classified.reason}.'
    return (
        f'"{database}" may be production: {classified.reason}.\n'
        f"If it is for development, say so in the settings: {classified.settings_line}"
    )


def _refused(action: Action, classified: Classified, database: str, losses: str) -> UsageError:
    return UsageError(
        f'refused to {action.value} "{database}"',
        detail=f"{losses}\n{_situation(classified, database)}".lstrip(),
        hint=f"If you mean it: --confirm-database {database}",
    )
