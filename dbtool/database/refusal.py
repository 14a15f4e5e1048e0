"""What a server means when it refuses a login."""

import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass

from asyncpg.exceptions import ConnectionDoesNotExistError, PostgresError

from dbtool.database.libpq import read_password_file
from dbtool.database.target import Target
from dbtool.errors import ConnectError

_MASKED = "***"
_RESERVED = "pg_use_reserved_connections"
_NO_SLOT = re.compile(
    "sorry, too many clients already"
    "|remaining connection slots are reserved.*|too many connections for (role|database) .*"
)


_TIERS = {
    "InitializeSessionUserId": "role",
    "CheckMyDatabase": "database",
    "InitPostgres": "reserved",
}
"""What is used up, by the function of the server that says so, in whatever language."""

_WORDS = {
    "too many connections for role": "role",
    "too many connections for database": "database",
    "remaining connection slots are reserved": "reserved",
    "sorry, too many clients already": "all",
}
"""The same by its phrases, which a pooler passes on without the function.

Names of its own message hold single words of them.
"""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said; `function` is where in its source."""

    state: str
    message: str
    detail: str
    hint: str
    context: str = ""
    function: str = ""

    @property
    def text(self) -> str:
        """Message and detail."""
        return f"{self.message}\n{self.detail}".strip()


def explain(error: PostgresError, target: Target) -> ConnectError:
    """The refusal in words a user can act on."""
    if isinstance(error, ConnectionDoesNotExistError):
        return closed(target)
    if isinstance(error.__cause__, PostgresError):
        # Without sslmode TLS is tried first; what was said there tells more.
        error = error.__cause__
    answer = _read(error)
    return _BY_STATE.get(answer.state, _other)(answer, target)


def _read(error: PostgresError) -> Answer:
    names = ("sqlstate", "detail", "hint", "context", "server_source_function")
    state, *told = (getattr(error, name, None) or "" for name in names)
    return Answer(state, str(error.args[0]), *told)


def closed(target: Target) -> ConnectError:
    """The other side hung up during the login."""
    other = "is not PostgreSQL"
    if target.parameter("sslcert"):
        other += ", or does not trust the certificate that sslcert names"
    return ConnectError(
        f"{target.address} closed the connection during the login",
        detail=f"A server that is stopping does so, and so does one that {other}.",
        hint="sslnegotiation=direct needs PostgreSQL 17 or later there."
        if target.parameter("sslnegotiation") == "direct"
        else "Check host and port, then the server's log.",
    )


def _other(answer: Answer, target: Target) -> ConnectError:
    return ConnectError(f"{target.named} refused the login", detail=answer.text, hint=answer.hint)


def _password(answer: Answer, target: Target) -> ConnectError:
    if target.secret() is None:
        return _no_password(answer, target)
    hint = f"Check user and password of {target.source}."
    if target.password == _MASKED:
        hint = f'The password is "{_MASKED}", as str(engine.url) prints it: use the real one.'
    return ConnectError(
        f"wrong password for {target.named}",
        detail=f"{answer.text}\nThe server says the same where the role does not exist.",
        hint=hint,
    )


def _no_password(answer: Answer, target: Target) -> ConnectError:
    ignored = read_password_file(target).ignored
    entry = f"{'localhost' if target.is_socket else target.host}:{target.port}"
    return ConnectError(
        f"no password is given for {target.named}",
        detail=f"The server asks for one: {answer.text}\n{ignored}".strip(),
        hint="Put it into the connection string, PGPASSWORD, or ~/.pgpass as "
        f"{entry}:{target.database}:{target.user}:PASSWORD",
    )


def _authorization(answer: Answer, target: Target) -> ConnectError:
    told = answer.message
    if "pg_hba.conf" in told:
        return _no_entry(answer, target)
    hint = "Give the user in the connection string."
    if "client certificate" in told or "certificate authentication" in told.lower():
        hint = (
            "sslcert=FILE and sslkey=FILE in the connection string name a certificate that the "
            f'server\ntrusts; its pg_hba.conf may ask that it was made for "{target.user}".'
        )
    elif "Peer authentication" in told or "Ident authentication" in told:
        hint = (
            "The server compares the user with the one of the operating system. Connect as "
            f'"{target.user}" there, or over TCP with a password.'
        )
    elif "does not exist" in told:
        hint = f'Check the user; a superuser creates it with CREATE ROLE "{target.user}" LOGIN.'
    elif "not permitted to log in" in told:
        hint = f'A superuser allows it with ALTER ROLE "{target.user}" LOGIN.'
    return ConnectError(f"{target.named} refused the login", detail=told, hint=hint)


def _no_entry(answer: Answer, target: Target) -> ConnectError:
    told = answer.text
    if ("no encryption" in told or "SSL off" in told) and target.sslmode in ("disable", "allow"):
        return ConnectError(
            f"the server does not let {target.named} in without TLS",
            detail=told,
            hint="Use sslmode=require in the connection string.",
        )
    return ConnectError(
        f"the server does not let {target.named} in from this address",
        detail=told,
        hint="Its pg_hba.conf has to allow this login.",
    )


def _no_database(answer: Answer, target: Target) -> ConnectError:
    hint = "Check the name in the connection string."
    if target.is_local:
        place = ("-h", target.host, "-p", str(target.port), "-U", target.user)
        hint = f"Check the name, or create it: {shlex.join(('createdb', *place, target.database))}"
    return ConnectError(
        f'there is no database "{target.database}" at {target.address}',
        detail=f"{answer.text}; the name comes from {target.source}",
        hint=hint,
    )


def _no_privilege(answer: Answer, target: Target) -> ConnectError:
    return ConnectError(
        f"{target.named} refused the login",
        detail=answer.text,
        hint=f'Its owner allows it with GRANT CONNECT ON DATABASE "{target.database}" '
        f'TO "{target.user}".',
    )


def full(told: str, target: Target) -> ConnectError | None:
    """The same for what any driver passes on; None where it is not that slots are used up."""
    found = _NO_SLOT.search(told)
    return _full(Answer("53300", found[0], "", ""), target) if found else None


def _locked(answer: Answer, target: Target) -> ConnectError:
    if answer.context:
        return ConnectError(
            f"cannot log in to {target.named}: what runs at a login waits for a lock",
            detail=f"{answer.text}\n{_place(answer.context)}".rstrip(),
            hint="Most likely a login event trigger. Who holds the lock shows from another "
            "database of\nthe server: dbtool locks --url … there, while another login waits.",
        )
    return ConnectError(
        f"nobody can log in to {target.named}: a system catalogue is locked",
        detail=answer.text,
        hint="Who runs VACUUM FULL, CLUSTER or REINDEX on it shows from another database of the "
        "server:\ndbtool locks --url … there, while another login waits.",
    )


def _place(context: str) -> str:
    """The function a context ends in; its other lines quote statements, with their values."""
    last = context.rsplit("\n", 1)[-1]
    return last if re.match(r"PL/\w+ function ", last) else ""


def slots_used(error: PostgresError) -> str | None:
    """Which slots of the server are used up; None where it does not say that of any."""
    answer = _read(error)
    if answer.state == "53300":
        return _tier(answer)
    found = _NO_SLOT.search(answer.message)
    return _tier(Answer("53300", found[0], "", "")) if found else None


def _tier(answer: Answer) -> str | None:
    """Which slots are used up: names in the message may read like the words of another tier."""
    if answer.function in _TIERS:
        return _TIERS[answer.function]
    told = next((tier for words, tier in _WORDS.items() if words in answer.message), None)
    return told or ("all" if answer.function else None)


def _full(answer: Answer, target: Target) -> ConnectError:
    told = answer.message
    up = "The server is up. "
    match _tier(answer):
        case "role":
            what = f'role "{target.user}" has used all its connections'
            hint = f'The server itself is not full: ALTER ROLE "{target.user}" CONNECTION LIMIT …'
        case "database":
            name = target.database
            what = f'database "{name}" has used all its connections'
            hint = f'The server itself is not full: ALTER DATABASE "{name}" CONNECTION LIMIT …'
        case "reserved":
            what = f"all connection slots for applications are used at {target.address}"
            hint = "A superuser still gets in."
            if _RESERVED in told:
                hint = f"A superuser, or a member of {_RESERVED}, still gets in."
        case "all":
            what = f"all connection slots are used at {target.address}, the reserved ones too"
            hint = "End sessions on the host itself, or stop an application."
        case _:
            what = f"{target.address} takes no more connections"
            hint = "Most likely a pooler's own limit: name the server behind it."
            up = ""
    return ConnectError(what, detail=f"{up}It says: {told}.", hint=hint)


def _not_now(answer: Answer, target: Target) -> ConnectError:
    told = answer.message
    doing = "is not accepting connections"
    hint = "Look at its log."
    if "starting up" in told:
        doing, hint = "is starting up", "Try again in a moment."
    elif "shutting down" in told:
        doing, hint = "is shutting down", "Start it again, or wait for the restart to end."
    elif "recovery" in told or "not yet accepting" in told:
        doing, hint = "is recovering after a crash or as a standby", "Try again when it is done."
    elif "standby" in answer.detail.lower():
        doing, hint = "is a standby that takes no connections", "Connect to the primary."
    return ConnectError(f"the server at {target.address} {doing}", detail=answer.text, hint=hint)


def _protocol(answer: Answer, target: Target) -> ConnectError:
    if answer.message == "unsupported startup parameter: options":
        return ConnectError(
            f'{target.address} is a pooler that refuses "options"',
            detail=answer.text,
            hint="Remove options from the connection string, or name the server itself.",
        )
    told = answer.message
    return full(told, target) or ConnectError(
        f"{target.named} refused the login",
        detail=f"Most likely a pooler answers there. It says: {told}",
        hint="Check database and user in the pooler's configuration, and the server behind it.",
    )


def _option(answer: Answer, target: Target) -> ConnectError:
    return ConnectError(
        f"{target.named} refused a start-up option",
        detail=answer.text,
        hint=f"Check options in the connection string of {target.source}."
        if target.parameter("options")
        else "",
    )


_BY_STATE: dict[str, Callable[[Answer, Target], ConnectError]] = {
    "28P01": _password,
    "28000": _authorization,
    "3D000": _no_database,
    "42501": _no_privilege,
    "53300": _full,
    "55P03": _locked,
    "57P03": _not_now,
    "08P01": _protocol,
    "22023": _option,
    "42704": _option,
}
