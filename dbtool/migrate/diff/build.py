"""Create the models in a scratch database, as far as they can be created, and read them there."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dbtool import catalog
from dbtool.catalog import Catalog
from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.migrate.advice import lacks_extension
from dbtool.migrate.diff.ddl import Planned, Script, Unbuilt
from dbtool.sql.names import identifier

if TYPE_CHECKING:
    from dbtool.database.connection import Connection

_TOGETHER = 200
_NO_RELATION = 'relation "{}" does not exist'
_THERE = ("42710", "42P06", "42P07", "42723")
"""What is there already needs not be created: a type, schema, relation, or function."""


@dataclass(frozen=True, slots=True)
class Built:
    """The models as the server prints them; `suspect` are tables that lack something.

    `text` is the catalog as it was sent, where it was.
    """

    catalog: Catalog
    unbuilt: tuple[Unbuilt, ...]
    suspect: frozenset[str]
    text: str


@dataclass(frozen=True, slots=True)
class Around:
    """What models stand on and do not describe themselves: taken over from the database."""

    search_path: tuple[str, ...]
    statements: tuple[str, ...]
    extensions: tuple[str, ...] = ()


def around(live: Catalog, functions: Sequence[str], default: str) -> Around:
    """The schemas, extensions, types and functions of the database."""
    sql = [f"CREATE SCHEMA IF NOT EXISTS {identifier(each)}" for each in live.schemas]
    sql += [
        f"CREATE EXTENSION IF NOT EXISTS {identifier(each.name)} SCHEMA {identifier(each.schema)}"
        for each in live.extensions
        if each.name != "plpgsql"
    ]
    path = tuple(dict.fromkeys((default, *live.reader.search_path)))
    extensions = tuple(each.name for each in live.extensions)
    return Around(path, (*sql, *_types(live), *functions), extensions)


def _types(live: Catalog) -> Iterable[str]:
    for enum in live.enums:
        labels = ", ".join("'" + label.replace("'", "''") + "'" for label in enum.labels)
        yield f"CREATE TYPE {identifier(enum.schema)}.{identifier(enum.name)} AS ENUM ({labels})"
    for domain in live.domains:
        name = f"{identifier(domain.schema)}.{identifier(domain.name)}"
        checks = " ".join(
            f"CONSTRAINT {identifier(each.name)} {each.definition}" for each in domain.constraints
        )
        collated = f" COLLATE {domain.collation}" if domain.collation else ""
        default = f" DEFAULT {domain.default}" if domain.default else ""
        null = " NOT NULL" if domain.not_null else ""
        yield f"CREATE DOMAIN {name} AS {domain.type}{collated}{default}{null} {checks}"


def build(target: Target, script: Script, beside: Around) -> Built:
    """Run the statements, many at once; where one fails, each of its batch by itself.

    What fails is tried again once what the database has beside the models is there too.
    """
    with SyncConnection(target, settings=dict(catalog.SETTINGS)) as connection:
        path = ", ".join(map(identifier, beside.search_path))
        for name in dict.fromkeys(beside.search_path):
            connection.execute(f"CREATE SCHEMA IF NOT EXISTS {identifier(name)}")
        connection.execute(f"SET search_path TO {path}; SET check_function_bodies TO off")
        failed = connection.run(lambda opened: _run(opened, script.statements))
        absent: list[str] = []
        if failed:
            taken = [Planned(each) for each in beside.statements]
            refused = connection.run(lambda opened: _run(opened, taken))
            again = [each for each, _ in failed]
            failed = [*_causes(connection.run(lambda opened: _run(opened, again)))]
            absent = [name for _, reason in refused if (name := lacks_extension(reason))]
        text = connection.run(catalog.text)
    named = [Unbuilt(each.table or _beginning(each.sql), reason) for each, reason in failed]
    if any(each.brought for each in named):
        named += [Unbuilt(each, "", extension=True) for each in absent]
    suspect = frozenset(each.table for each, _ in failed if each.table)
    return Built(catalog.parse(text), (*script.unbuilt, *named), suspect, text)


def _causes(failed: Iterable[tuple[Planned, str]]) -> Iterator[tuple[Planned, str]]:
    """Without those that failed because their table could not be created either."""
    tables: set[str] = set()
    for each, reason in failed:
        names = each.table, each.table.rpartition(".")[2]
        if each.table not in tables or reason not in map(_NO_RELATION.format, names):
            yield each, reason
        tables.add(each.table)


async def _run(
    connection: "Connection", statements: Iterable[Planned]
) -> list[tuple[Planned, str]]:
    """What failed, and why."""
    from asyncpg.exceptions import PostgresError

    waiting = list(statements)
    failed: list[tuple[Planned, str]] = []
    for start in range(0, len(waiting), _TOGETHER):
        batch = waiting[start : start + _TOGETHER]
        try:
            await connection.execute(";\n".join(each.sql for each in batch))
            continue
        except PostgresError:
            pass
        for each in batch:
            try:
                await connection.execute(each.sql)
            except PostgresError as error:
                # Of a table's own parts none is there before: another has the name.
                if each.table or getattr(error, "sqlstate", "") not in _THERE:
                    failed.append((each, str(error).splitlines()[0]))
    return failed


def _beginning(sql: str) -> str:
    return " ".join(sql.split())[:60]
