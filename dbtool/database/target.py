"""One database on one server, as the user named it."""

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
SOCKET_DIRECTORIES = ("/run/postgresql", "/var/run/postgresql", "/tmp")
"""Where a server that listens on localhost has its socket, unless its settings say otherwise."""
POOLER_PORTS = frozenset({6432, 6543})
_NOT_OF_LIBPQ = "pgbouncer"
_ENVIRONMENT = {
    "sslrootcert": "PGSSLROOTCERT",
    "sslcert": "PGSSLCERT",
    "sslkey": "PGSSLKEY",
    "sslcrl": "PGSSLCRL",
    "sslnegotiation": "PGSSLNEGOTIATION",
    "ssl_min_protocol_version": "PGSSLMINPROTOCOLVERSION",
    "ssl_max_protocol_version": "PGSSLMAXPROTOCOLVERSION",
    "channel_binding": "PGCHANNELBINDING",
    "options": "PGOPTIONS",
    "connect_timeout": "PGCONNECT_TIMEOUT",
    "target_session_attrs": "PGTARGETSESSIONATTRS",
    "passfile": "PGPASSFILE",
}


@dataclass(frozen=True, slots=True)
class Target:
    """One database on one server; a host that is a directory means a Unix socket.

    `parameters` are the other libpq parameters that matter, `source` says where the name
    came from, `driver` is the SQLAlchemy driver the URL asked for.
    """

    host: str
    port: int
    user: str
    database: str
    password: str | None = field(default=None, repr=False, metadata={"json": False})
    sslmode: str | None = None
    parameters: tuple[tuple[str, str], ...] = field(
        default=(), repr=False, metadata={"json": False}
    )
    source: str = ""
    driver: str | None = None

    @property
    def shown(self) -> str:
        """The database as it is printed: never a secret."""
        return f"{self.user}@{self.address}/{self.database}"

    @property
    def address(self) -> str:
        """Host and port as they are printed."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def named(self) -> str:
        """The database and where its name came from, for error messages."""
        return f"{self.shown} ({self.source})" if self.source else self.shown

    @property
    def is_local(self) -> bool:
        """Whether the address is on this machine; a tunnel may begin there."""
        return self.is_socket or self.host in LOOPBACK

    @property
    def is_socket(self) -> bool:
        """Whether the server is reached through a Unix socket."""
        return self.host.startswith("/")

    @property
    def may_use_tls(self) -> bool:
        """Whether a connection may be encrypted."""
        return not self.is_socket and self.sslmode != "disable"

    def parameter(self, name: str) -> str | None:
        """One of the other libpq parameters."""
        return dict(self.parameters).get(name)

    @property
    def holds_secret(self) -> bool:
        """Whether what named it may hold a password, its own or that of a client key."""
        return bool(self.password or self.parameter("sslpassword"))

    def secret(self) -> str | None:
        """The password: the one given, else the one a password file holds for this database."""
        from dbtool.database.libpq import read_password_file

        if self.password is not None:
            return self.password
        return read_password_file(self).password

    def with_database(self, name: str) -> "Target":
        """Another database of the same server."""
        return dataclasses.replace(self, database=name)

    def same_database(self, other: "Target") -> bool:
        """Whether both names lead to the same database, one of them perhaps through a pooler."""
        return self._identity() == other._identity()

    def may_be(self, other: "Target") -> bool:
        """Whether a server known by several names could hold both: same database, same port."""
        return (self.database, self._direct_port) == (other.database, other._direct_port)

    @property
    def _direct_port(self) -> int:
        return 5432 if self.port in POOLER_PORTS else self.port

    def _identity(self) -> tuple[str, int, str]:
        if self.host in LOOPBACK or self.host.rstrip("/") in SOCKET_DIRECTORIES:
            # Another port of this machine may be a tunnel to anywhere.
            return "localhost", self.port, self.database
        host = self.host.lower().replace("-pooler.", ".", 1)
        return host, self._direct_port, self.database

    def sqlalchemy_url(self, driver: str = "asyncpg") -> str:
        """The URL for an engine, with the password."""
        secret = self.secret()
        login = _quoted(self.user) + (f":{_quoted(secret)}" if secret is not None else "")
        host = "" if self.is_socket else self.address
        query = urlencode(self._query(driver), quote_via=quote, safe="/")
        url = f"postgresql+{driver}://{login}@{host}/{_quoted(self.database)}"
        return f"{url}?{query}" if query else url

    def _query(self, driver: str) -> dict[str, str]:
        place = {"host": self.host, "port": str(self.port)} if self.is_socket else {}
        if driver != "asyncpg":
            mode = {"sslmode": self.sslmode} if self.sslmode else {}
            given = {key: value for key, value in self.parameters if key != _NOT_OF_LIBPQ}
            return place | mode | given
        mode = {"ssl": self.sslmode} if self.sslmode else {}
        if self.is_socket and (self.sslmode or os.environ.get("PGSSLMODE")):
            # libpq ignores the mode on a socket; asyncpg would look for certificates.
            mode = {"ssl": "disable"}
        return place | mode | self._for_asyncpg()

    def _for_asyncpg(self) -> dict[str, str]:
        """SQLAlchemy hands the query to asyncpg as arguments; only a DSN carries these names."""
        inner = tls_parameters(self)
        return {"dsn": f"postgresql://?{urlencode(inner)}"} if inner else {}

    def libpq_environment(self, environ: Mapping[str, str]) -> dict[str, str]:
        """The same environment, with which psql or pg_dump reach this database and no other."""
        from dbtool.database.libpq import NAMING

        kept = {name: value for name, value in environ.items() if name not in NAMING}
        named = kept | {
            "PGHOST": self.host,
            "PGPORT": str(self.port),
            "PGUSER": self.user,
            "PGDATABASE": self.database,
        }
        if self.password is not None:
            named["PGPASSWORD"] = self.password
        if self.sslmode:
            named["PGSSLMODE"] = self.sslmode
        given = dict(self.parameters)
        return named | {_ENVIRONMENT[key]: given[key] for key in _ENVIRONMENT if key in given}


def pooled(target: Target) -> str | None:
    """What in its name says that the endpoint is a transaction pooler; None proves nothing."""
    if "-pooler." in target.host:
        return f'the host name "{target.host}" has "-pooler" in it'
    if ".pooler." in target.host:
        return f'the host name "{target.host}" has "pooler" in it'
    if target.port in POOLER_PORTS:
        return f"port {target.port} is a pooler's"
    if target.parameter("pgbouncer") == "true":
        return "the connection string says pgbouncer=true"
    return None


def tls_parameters(target: Target) -> dict[str, str]:
    """The parameters that say how TLS is done."""
    return {key: value for key, value in target.parameters if key.startswith("ssl")}


def _quoted(text: str) -> str:
    return quote(text, safe="")
