"""What a PgBouncer says of its pools, read by the names of its columns, which versions change."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

Row = Mapping[str, object]
CONSOLE = "pgbouncer"
"""The database that is PgBouncer itself; its own pool is none."""

SHOWN = ("POOLS", "CLIENTS", "SERVERS", "STATS", "DATABASES", "CONFIG", "VERSION")
"""What is asked: SHOW and each of these."""


@dataclass(frozen=True, slots=True)
class PoolerPool:
    """The server connections that one database and user share, and who waits for them.

    `server_database` is what the database is called on the server behind. Averages are those of
    the database over PgBouncer's last period; None where this version does not tell.
    """

    database: str
    user: str
    mode: str
    size: int
    clients_active: int
    clients_waiting: int
    servers_active: int
    servers_idle: int
    max_wait_seconds: float
    paused: bool
    server_database: str
    average_wait_seconds: float | None
    average_transaction_seconds: float | None


@dataclass(frozen=True, slots=True)
class ServerConnection:
    """One connection of the pooler to the server, and the client that has it at the moment.

    `remote_pid` is the process on the server, `local_port` the pooler's end where it is TCP.
    """

    database: str
    user: str
    state: str
    remote_pid: int
    local_port: int | None
    connected: str
    application: str
    client: str


@dataclass(frozen=True, slots=True)
class Pooler:
    """One PgBouncer at one moment; what its version does not tell is None."""

    address: str
    version: str
    clients: int
    max_clients: int | None
    query_wait_timeout: float | None
    max_prepared_statements: int | None
    pools: tuple[PoolerPool, ...]
    connections: tuple[ServerConnection, ...]

    def keeps_statements(self, database: str) -> bool | None:
        """Whether a prepared statement is still there when its client comes back.

        None where nobody has used the database, so that its mode does not show.
        """
        modes = {pool.mode for pool in self.pools if pool.database == database}
        if self.max_prepared_statements or modes == {"session"}:
            return True
        return False if modes else None

    @property
    def opens(self) -> int:
        """Server connections that all pools there are may open together."""
        return sum(pool.size for pool in self.pools)


def pooler_of(address: str, shown: Mapping[str, Iterable[Row]]) -> Pooler:
    """The pooler out of what it showed."""
    rows = {name: tuple(shown.get(name, ())) for name in SHOWN}
    config = {_text(row, "key"): _text(row, "value") for row in rows["CONFIG"]}
    clients = {_text(row, "ptr"): row for row in rows["CLIENTS"]}
    databases = {_text(row, "name"): row for row in rows["DATABASES"]}
    stats = {_text(row, "database"): row for row in rows["STATS"]}
    version = next((_text(row, "version") for row in rows["VERSION"]), "")
    return Pooler(
        address=address,
        version=version.removeprefix("PgBouncer "),
        clients=len(rows["CLIENTS"]),
        max_clients=_setting(config, "max_client_conn"),
        query_wait_timeout=_setting(config, "query_wait_timeout"),
        max_prepared_statements=_setting(config, "max_prepared_statements"),
        pools=tuple(
            _pool(row, databases.get(name, {}), stats.get(name, {}), config)
            for row in rows["POOLS"]
            if (name := _text(row, "database")) != CONSOLE
        ),
        connections=tuple(
            _connection(row, clients.get(_text(row, "link"), {})) for row in rows["SERVERS"]
        ),
    )


def _pool(row: Row, database: Row, stats: Row, config: Mapping[str, str]) -> PoolerPool:
    name = _text(row, "database")
    size = _number(database, "pool_size") or _setting(config, "default_pool_size") or 0
    return PoolerPool(
        database=name,
        user=_text(row, "user"),
        mode=_text(row, "pool_mode") or config.get("pool_mode", ""),
        size=size,
        clients_active=_number(row, "cl_active"),
        clients_waiting=_number(row, "cl_waiting"),
        servers_active=_number(row, "sv_active"),
        servers_idle=sum(_number(row, key) for key in ("sv_idle", "sv_used", "sv_tested")),
        max_wait_seconds=_number(row, "maxwait") + _number(row, "maxwait_us") / 1e6,
        paused=bool(_number(database, "paused") or _number(database, "disabled")),
        server_database=_text(database, "database") or name,
        average_wait_seconds=_average(stats, "avg_wait_time"),
        average_transaction_seconds=_average(stats, "avg_xact_time"),
    )


def _connection(row: Row, client: Row) -> ServerConnection:
    tcp = _text(row, "local_addr") != "unix"
    return ServerConnection(
        database=_text(row, "database"),
        user=_text(row, "user"),
        state=_text(row, "state"),
        remote_pid=_number(row, "remote_pid"),
        local_port=_number(row, "local_port") if tcp else None,
        connected=_text(row, "connect_time"),
        application=_text(client, "application_name"),
        client=_text(client, "addr"),
    )


def _text(row: Row, key: str) -> str:
    value = row.get(key)
    return "" if value is None else str(value)


def _number(row: Row, key: str) -> int:
    text = _text(row, key)
    return int(text) if text.isdecimal() else 0


def _average(row: Row, key: str) -> float | None:
    """Microseconds as seconds."""
    return _number(row, key) / 1e6 if key in row else None


def _setting(config: Mapping[str, str], key: str) -> int | None:
    text = config.get(key, "").partition(".")[0]
    return int(text) if text.isdecimal() else None
