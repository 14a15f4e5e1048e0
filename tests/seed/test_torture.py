"""Whatever a schema demands is filled without configuration, or its table is skipped by name."""

import pytest
from sqlalchemy import Column, MetaData, Table
from sqlalchemy.dialects.postgresql import INT4RANGE

from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.metadata import Models
from dbtool.seed.plan import Request
from dbtool.seed.run import seed
from dbtool.seed.verify import verify
from tests.seed.conftest import planned, texts, with_connection
from tests.seed.torture import DDL, Base


def models_of(database: Target) -> Models:
    """The tables as a team without classes has them, and the classes."""
    with SyncConnection(database) as session:
        session.execute(DDL)
    with_connection(database, Base.metadata.create_all)
    reflected = MetaData()
    with_connection(database, reflected.reflect)
    for name in list(reflected.tables):
        if name in Base.metadata.tables or name.startswith("events_"):
            reflected.remove(reflected.tables[name])
    return Models((reflected, Base.metadata), (Base.registry,), ())


@pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")
def test_torture(database: Target) -> None:
    """Every table is filled and verified; what nothing satisfies is named."""
    models = models_of(database)
    done = seed(database, models, Request(rows=60))
    assert [(each.name, each.reason) for each in done.skipped] == [
        (
            "impossible",
            "no rows are known that satisfy impossible_id_check: CHECK (((id < 0) AND (id > 0)))",
        )
    ]
    rows = {each.name: each.rows for each in done.tables}
    assert {name for name, count in rows.items() if not count} == set()
    assert (rows["settings"], rows["flags"], rows["sizes"]) == (1, 1, 4)
    told = verify(database, models, Request(rows=60))
    assert (told.wrong, told.missing, told.off_plan) == ((), (), ())
    assert (told.classes, told.unread) == (5, ())
    alone = texts(planned(database, models, Request(rows=60, tables=("shared_ports",))))
    with SyncConnection(database) as session:
        nets = {each["net_id"] for each in session.fetch("SELECT net_id FROM shared_nets")}
        assert set(alone["shared_ports.net_id"]) <= nets
        kinds = session.fetch("SELECT kind, count(*) > 0 AS some FROM assets GROUP BY 1 ORDER BY 1")
        assert [each["kind"] for each in kinds] == ["asset", "machine", "robot", "toy"]
        incomplete = (
            "SELECT count(*) FROM assets WHERE (kind IN ('machine', 'robot'))"
            " <> (id IN (SELECT id FROM machines))"
        )
        assert session.fetchval(incomplete) == 0
        # No column of this table is recognised as the time its rows came into being.
        assert session.fetchval("SELECT max(at) - min(at) > 365 FROM events")
        session.execute("UPDATE assets SET kind = 'unheard of'")
        session.execute("ALTER TABLE sales ADD CONSTRAINT late CHECK (price > 99.99) NOT VALID")
    found = verify(database, models, Request(rows=60)).wrong
    assert {each.name for each in found} == {"sales.late", "Asset", "Machine", "Robot"}


@pytest.mark.pg(">=18")
def test_keys_over_time_are_no_orphans(database: Target) -> None:
    """A child that several rows cover together breaks nothing; what is not enforced neither."""
    with SyncConnection(database) as session:
        session.execute("""
            CREATE TABLE rooms (id int4range, open daterange,
                PRIMARY KEY (id, open WITHOUT OVERLAPS));
            CREATE TABLE stays (id int4range, during daterange, nights int,
                FOREIGN KEY (id, PERIOD during) REFERENCES rooms (id, PERIOD open),
                CHECK (nights > 0) NOT ENFORCED);
            INSERT INTO rooms VALUES ('[1,2)', '[2026-01-01,2026-01-05)'),
                ('[1,2)', '[2026-01-05,2026-01-09)');
            INSERT INTO stays VALUES ('[1,2)', '[2026-01-03,2026-01-07)', 0);
        """)
    models = MetaData()
    for name in ("rooms", "stays"):
        Table(name, models, Column("id", INT4RANGE))
    assert verify(database, Models((models,), (), ()), Request(rows=5)).wrong == ()
