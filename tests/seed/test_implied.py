"""Foreign keys whose columns others fill: what proves them, and what only seems to."""

import pytest
from sqlalchemy import MetaData

from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.metadata import Models
from dbtool.seed import live
from dbtool.seed.implied import unproven
from dbtool.seed.plan import Request
from dbtool.seed.run import seed
from dbtool.seed.verify import verify
from tests.seed.conftest import with_connection

NETS = """
    CREATE TABLE nets (id varchar(36) PRIMARY KEY);
    CREATE TABLE open_nets (net_id varchar(36) PRIMARY KEY REFERENCES nets);
    CREATE TABLE ports (id varchar(36) PRIMARY KEY, net_id varchar(36) NOT NULL REFERENCES nets,
        UNIQUE (id, net_id));
    CREATE TABLE open_ports (id varchar(36) PRIMARY KEY,
        net_id varchar(36) NOT NULL REFERENCES open_nets, UNIQUE (id, net_id));
"""
PORT = "port_id varchar(36), FOREIGN KEY (port_id, net_id) REFERENCES ports (id, net_id)"
OPEN = "open_id varchar(36) {}, FOREIGN KEY (open_id, net_id) REFERENCES open_ports (id, net_id)"
SELF = "of int, FOREIGN KEY (of, net_id) REFERENCES uses (id, net_id)"


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (OPEN.format(""), set()),
        (PORT, {"uses_net_id_fkey"}),
        (f"{PORT}, {OPEN.format('NOT NULL')}", set()),
        (f"{PORT}, {OPEN.format('')}", {"uses_net_id_fkey"}),
        (f"{PORT}, {SELF}", {"uses_net_id_fkey"}),
        (f"{PORT}, {SELF.replace('of int', 'of int NOT NULL')}", {"uses_net_id_fkey"}),
    ],
    ids=["proven", "elsewhere", "required", "nullable", "itself", "itself, required"],
)
def test_what_proves_a_foreign_key(database: Target, keys: str, expected: set[str]) -> None:
    """One that may be NULL beside others proves nothing, nor does one to the rows themselves."""
    with SyncConnection(database) as session:
        session.execute(
            f"{NETS} CREATE TABLE uses (id int PRIMARY KEY,"
            f" net_id varchar(36) NOT NULL REFERENCES open_nets, UNIQUE (id, net_id), {keys})"
        )
        names = ["public.nets", "public.open_nets", "public.ports", "public.open_ports"]
        found = session.run(lambda connection: live.read(connection, [*names, "public.uses"]))
    tables = {each.name: each for each in found.tables}
    uses = next(each for each in found.tables if each.shown == "uses")
    assert unproven(uses, tables, ()) == expected


@pytest.mark.parametrize("keys", [f"{PORT}, {OPEN.format('')}", f"{PORT}, {SELF}"])
@pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")
def test_rows_of_unproven_foreign_keys(database: Target, keys: str) -> None:
    """They are loaded, with what is in each of the tables, and verify."""
    with SyncConnection(database) as session:
        session.execute(
            f"{NETS} CREATE TABLE uses (id int PRIMARY KEY,"
            f" net_id varchar(36) NOT NULL REFERENCES open_nets, UNIQUE (id, net_id), {keys})"
        )
    reflected = MetaData()
    with_connection(database, reflected.reflect)
    models, request = Models((reflected,), (), ()), Request(rows=60)
    done = seed(database, models, request)
    assert not done.skipped
    told = verify(database, models, request)
    assert (told.wrong, told.missing, told.unread) == ((), (), ())
    assert all(each.rows for each in told.tables)
