"""Where a connection that SQLAlchemy is about to open would lead, and how to lead it elsewhere."""

import importlib.util
import os
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

from sqlalchemy import make_url
from sqlalchemy.engine.interfaces import Dialect

from dbtool.database import libpq
from dbtool.database.target import Target
from dbtool.database.url import parse
from dbtool.errors import UsageError

_SYNC_DRIVERS = ("psycopg", "psycopg2", "pg8000")
_LIBPQ = ("psycopg", "psycopg_async", "psycopg2")
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_MAINTENANCE = frozenset({"postgres", "template1", "defaultdb"})
_OPAQUE = frozenset({"service", "async_creator_fn"})
_KEPT = frozenset({"sslrootcert", "sslcert", "sslkey", "channel_binding", "options"})
_PLACE = frozenset(
    {"host", "hostaddr", "port", "user", "password", "passfile", "service", "dbname", "database"}
    | {"dsn", "conninfo", "ssl", "sslmode", "sslrootcert", "sslcert", "sslkey", "sslpassword"}
    | {"sslcrl", "sslnegotiation", "ssl_min_protocol_version", "ssl_max_protocol_version"}
    | {"ssl_context", "direct_tls", "channel_binding", "gssencmode", "krbsrvname", "requirepeer"}
    | {"target_session_attrs"}
)


@dataclass(frozen=True, slots=True)
class Destination:
    """The server, database and role that connection arguments name."""

    host: str
    port: int
    database: str
    user: str = field(compare=False)
    written: str = field(compare=False)

    @property
    def shown(self) -> str:
        """The destination as it is printed: never a secret."""
        return Target(self.written, self.port, self.user, self.database).shown

    @property
    def is_maintenance(self) -> bool:
        """Whether this is a database one connects to in order to look for another."""
        return self.database in _MAINTENANCE

    def reaches(self, target: Target) -> bool:
        """Whether the arguments name the target; a name may lie, the proof may not.

        The role is env.py's own business (migrations often have one), unless the command
        line names another.
        """
        place = destination_of(target) == self
        return place and (self.user == target.user or not target.source.startswith("--"))


def destination_of(target: Target) -> Destination:
    """Where a target leads."""
    return Destination(_host(target.host), target.port, target.database, target.user, target.host)


def read_arguments(arguments: Sequence[object], named: Mapping[str, object]) -> Destination | None:
    """Where connection arguments lead; None where they do not say."""
    if any(arguments) or _OPAQUE & named.keys():
        return None
    text = named.get("conninfo") or named.get("dsn")
    inner = {} if text is None or named.get("host") else _read_text(str(text))
    if inner is None:
        return None
    given = libpq.from_environment(os.environ) | inner | _given(named)
    host, port = given.get("host", ""), given.get("port", "5432")
    if "," in host or not port.isdigit():
        return None
    user = given.get("user") or libpq.default_user()
    written = host or libpq.default_host(int(port))
    return Destination(_host(written), int(port), given.get("dbname") or user, user, written)


def _given(named: Mapping[str, object]) -> dict[str, str]:
    given = {
        "host": named.get("host") or named.get("hostaddr"),
        "port": named.get("port"),
        "user": named.get("user"),
        "dbname": named.get("dbname") or named.get("database"),
    }
    return {
        key: ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
        for key, value in given.items()
        if value
    }


def _read_text(text: str) -> dict[str, str] | None:
    if not text.strip():
        return {}
    try:
        target = parse(text, "env.py")
    except UsageError:
        return None
    names = (target.host, str(target.port), target.user, target.database)
    return dict(zip(("host", "port", "user", "dbname"), names, strict=True))


def _host(host: str) -> str:
    return "localhost" if host.lower() in _LOOPBACK else host.lower().rstrip(".")


def arguments_for(
    target: Target, dialect: Dialect, named: Mapping[str, object]
) -> tuple[list[object], dict[str, object]]:
    """Connection arguments that lead to the target and keep what does not say where."""
    url = make_url(target.sqlalchemy_url(dialect.driver))
    arguments, place = dialect.create_connect_args(url)
    kept = {key: value for key, value in named.items() if key not in _PLACE}
    return list(arguments), {**kept, **place}


def target_of(place: Destination, named: Mapping[str, object]) -> Target:
    """The target that env.py's own connection arguments describe, with their password."""
    text = {key: value for key, value in named.items() if isinstance(value, str)}
    return Target(
        place.written,
        place.port,
        place.user,
        place.database,
        password=text.get("password"),
        sslmode=text.get("sslmode") or text.get("ssl"),
        parameters=tuple((key, text[key]) for key in sorted(_KEPT & text.keys())),
        source="env.py",
    )


def synchronous_driver() -> str:
    """The driver a synchronous engine can use here."""
    installed = (each for each in _SYNC_DRIVERS if importlib.util.find_spec(each))
    return next(installed, _SYNC_DRIVERS[0])


def unprepared(dialect: Dialect) -> dict[str, object]:
    """Connection arguments without prepared statements of fixed names.

    Behind a transaction pooler such a name may be another client's, or be on another server
    process.
    """
    if dialect.driver == "asyncpg":
        return {
            "statement_cache_size": 0,
            "prepared_statement_cache_size": 0,
            "prepared_statement_name_func": lambda: f"dbtool_{secrets.token_hex(8)}",
        }
    return {"prepare_threshold": None} if dialect.driver in ("psycopg", "psycopg_async") else {}


def with_search_path(
    dialect: Dialect, named: Mapping[str, object], search_path: str
) -> dict[str, object]:
    """Connection arguments that make a search path the session's own, to which RESET returns."""
    kept = dict(named)
    if dialect.driver == "asyncpg":
        settings = cast("Mapping[str, str]", named.get("server_settings") or {})
        kept["server_settings"] = {**settings, "search_path": search_path}
    elif dialect.driver in _LIBPQ:
        escaped = re.sub(r"([\\\s])", r"\\\1", search_path)
        kept["options"] = f"{named.get('options') or ''} -c search_path={escaped}".lstrip()
    return kept


def one_by_one() -> str:
    """How several databases are migrated: a lock, a plan and a proof are about one."""
    return (
        "Name none where the .ini lists them (databases = engine1, engine2 below [alembic]) and"
        ' env.py connects to what config.get_main_option("databases") says: each is a run of its'
        " own then. Else run them one by one: what leads env.py to one alone may be an -x"
        " argument, a setting, or a section of the .ini: [first] with script_location and"
        " databases = engine1, then dbtool -n first upgrade. What env.py only writes to another"
        " database, and does not migrate, belongs behind dbtool upgrade, in a program of its own:"
        " no setting opens that database."
    )
