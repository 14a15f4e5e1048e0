"""The least a role needs for each command, as statements to paste."""

from dataclasses import dataclass

from dbtool.report import Code, Column, Report, Table
from dbtool.sql.names import identifier


@dataclass(frozen=True, slots=True)
class Need:
    """What a command takes: statements, and why."""

    command: str
    why: str
    statements: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Needs:
    """For one role in one database."""

    role: str
    database: str
    commands: tuple[Need, ...]


def needs(role: str, database: str) -> Needs:
    """Every command that logs in, least first."""
    who, where = identifier(role), identifier(database)
    connect = f"GRANT CONNECT ON DATABASE {where} TO {who};"
    monitor = f"GRANT pg_monitor TO {who};"
    read = f"GRANT pg_read_all_data TO {who};"
    write = f"GRANT pg_write_all_data TO {who};"
    create = f"GRANT CREATE ON SCHEMA public TO {who};"
    signal = f"GRANT pg_signal_backend TO {who};"
    return Needs(
        role,
        database,
        (
            Need("current, status, history -i", "read the version table", (connect, read)),
            Need("now, locks, pool, top", "see other roles' sessions", (connect, monitor)),
            Need("doctor", "see sequences and column statistics too", (connect, monitor, read)),
            Need("kill", "end sessions of roles that are no superusers", (monitor, signal)),
            Need("explain", "run what is explained, read only", (connect, read)),
            Need("check, lint --stats", "read the catalogue and sizes", (connect, monitor)),
            Need("seed", "fill tables and set sequences", (connect, read, write)),
            Need(
                "upgrade, downgrade, stamp",
                "own what is changed; a migration needs no superuser",
                (connect, create, f"-- and GRANT the role that owns the tables TO {who};"),
            ),
        ),
    )


def grants_report(asked: Needs) -> Report:
    """A table of what each command needs, and the statements."""
    columns = (Column("command"), Column("because it must", shrink=True))
    rows = tuple((each.command, each.why) for each in asked.commands)
    code = "\n\n".join(
        f"-- {each.command}\n" + "\n".join(each.statements) for each in asked.commands
    )
    return Report(
        command="doctor",
        data=asked,
        headline=f"what role {asked.role} needs in database {asked.database}, command by command",
        sections=(Table(columns, rows), Code("sql", code)),
    )
