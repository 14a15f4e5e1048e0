"""What a PgBouncer says of its pools, read by the names of its columns, which versions change."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

Row = Mapping[str, object]
CONSOLE = "pgbouncer"
"""The database that is PgBouncer itself; its own pool is none."""

SHOWN = ("POOLS", "CLIENTS", "SERVERS", "STATS", "DATABASES", "USERS", "CONFIG", "VERSION")
"""What is asked: SHOW and each of these."""

OPTIONAL = frozenset({"USERS"})
"""Of these only what somebody has set for a single user is missing."""

_OPEN = ("sv_active", "sv_idle", "sv_used", "sv_tested", "sv_active_cancel", "sv_being_canceled")
"""Server connections of every kind but those that are still logging in."""


@dataclass(frozen=True, slots=True)
class PoolerPool:
    """The server connections that one database and user share, and who waits for them.

    It opens `size` of them, 0 where nothing limits it, and `reserve` more once clients wait;
    `servers_open` counts those that also carry a cancel request. `server_database` is what the
    database is called on the server behind. Averages are those of the database over PgBouncer's
    last period; None where this version does not tell.
    """

    database: str
    user: str
    mode: str
    size: int
    reserve: int
    clients_active: int
    clients_waiting: int
    servers_active: int
    servers_idle: int
    servers_open: int
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
        """Server connections that all pools there are may open together.

        One without a limit counts with those it has.
        """
        return sum(
            pool.size + pool.reserve if pool.size else pool.servers_open for pool in self.pools
        )


def pooler_of(address: str, shown: Mapping[str, Iterable[Row]]) -> Pooler:
    """The pooler out of what it showed."""
    rows = {name: tuple(shown.get(name, ())) for name in SHOWN}
    config = {_text(row, "key"): _text(row, "value") for row in rows["CONFIG"]}
    clients = {_text(row, "ptr"): row for row in rows["CLIENTS"]}
    databases = {_text(row, "name"): row for row in rows["DATABASES"]}
    stats = {_text(row, "database"): row for row in rows["STATS"]}
    users = {_text(row, "name"): row for row in rows["USERS"]}
    version = next((_text(row, "version") for row in rows["VERSION"]), "")
    return Pooler(
        address=address,
        version=version.removeprefix("PgBouncer "),
        clients=len(rows["CLIENTS"]),
        max_clients=_setting(config, "max_client_conn"),
        query_wait_timeout=_setting(config, "query_wait_timeout"),
        max_prepared_statements=_setting(config, "max_prepared_statements"),
        pools=tuple(
            _pool(row, stats.get(name, {}), databases.get(name, {}), users, config)
            for row in rows["POOLS"]
            if (name := _text(row, "database")) != CONSOLE
        ),
        connections=tuple(
            _connection(row, clients.get(_text(row, "link"), {})) for row in rows["SERVERS"]
        ),
    )


def _pool(
    row: Row, stats: Row, database: Row, users: Mapping[str, Row], config: Mapping[str, str]
) -> PoolerPool:
    name = _text(row, "database")
    # What is set for the user goes before what is set for the database.
    places = (users.get(_text(row, "user"), {}), database)
    reserve = _first(places, "reserve_pool_size", "reserve_pool")
    return PoolerPool(
        database=name,
        user=_text(row, "user"),
        mode=_text(row, "pool_mode") or config.get("pool_mode", ""),
        size=_given(_first(places, "pool_size"), _setting(config, "default_pool_size")),
        reserve=_given(reserve, _setting(config, "reserve_pool_size")),
        clients_active=_number(row, "cl_active"),
        clients_waiting=_number(row, "cl_waiting"),
        servers_active=_number(row, "sv_active"),
        servers_idle=sum(_number(row, key) for key in ("sv_idle", "sv_used", "sv_tested")),
        servers_open=sum(_number(row, key) for key in _OPEN),
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


def _first(rows: Iterable[Row], *keys: str) -> int | None:
    """The first of these columns that says a number; versions differ in their names."""
    texts = (_text(row, key).strip() for row in rows for key in keys)
    return next((int(text) for text in texts if text.isdecimal()), None)


def _given(own: int | None, default: int | None) -> int:
    return default or 0 if own is None else own


def _average(row: Row, key: str) -> float | None:
    """Microseconds as seconds."""
    return _number(row, key) / 1e6 if key in row else None


def _setting(config: Mapping[str, str], key: str) -> int | None:
    text = config.get(key, "").partition(".")[0]
    return int(text) if text.isdecimal() else None
