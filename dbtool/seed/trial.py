"""Put a sample of every table to the server before any is touched; mend what it refuses."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from asyncpg.exceptions import PostgresError

from dbtool.database.connection import Connection
from dbtool.seed import repair, sample
from dbtool.seed.build import build
from dbtool.seed.found import Found
from dbtool.seed.live import LiveConstraint, LiveTable
from dbtool.seed.meaning import Meaning
from dbtool.seed.plan import Request
from dbtool.seed.remedy import Remedy
from dbtool.seed.sample import Rule, Sample
from dbtool.sql.text import quoted

_ROWS = 100
_ROUNDS = 3
_ARGUMENTS = 400
"""How many columns one statement asks about."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the server says of one sample: rules some rows break, columns it cannot read."""

    broken: tuple[Rule, ...] = ()
    unread: tuple[tuple[str, str], ...] = ()
    said: str = ""

    @property
    def is_well(self) -> bool:
        """Whether there is nothing to mend."""
        return not (self.broken or self.unread or self.said)


async def tried(connection: Connection, found: Found, request: Request) -> Found:
    """What was found, with a remedy for each table whose rows would be refused."""
    small = replace(request, sample=_ROWS)
    done: set[str] = set()
    for last in [False] * _ROUNDS + [True]:
        planned = build(found, small)
        remedies = dict(found.remedies)
        waiting = [
            load
            for load in planned.loads
            if load.table.name not in done and load.population.count and load.population.generators
        ]
        samples = [
            replace(
                sample.of(load, await _partitions(connection, load.table)),
                meant=_meant(found.meanings.get(load.table.name)),
            )
            for load in waiting
        ]
        for rows, verdict in zip(samples, await _judged(connection, samples), strict=True):
            name = rows.table.name
            before = remedies.get(name, ())
            if made := await _remedies(connection, rows, verdict, before, last=last):
                remedies[name] = (*before, *made)
            else:
                done.add(name)
        if remedies == found.remedies:
            break
        found = replace(found, remedies=remedies)
    return found


def _meant(meaning: Meaning | None) -> dict[str, tuple[str, ...]]:
    """The columns whose values the models know, and the server does not."""
    if meaning is None:
        return {}
    return dict.fromkeys((*meaning.stored, *meaning.opaque), ()) | dict(meaning.labels)


async def _remedies(
    connection: Connection,
    rows: Sample,
    verdict: Verdict,
    before: tuple[Remedy, ...],
    *,
    last: bool,
) -> tuple[Remedy, ...]:
    if verdict.is_well:
        return ()
    if last or verdict.said:
        return (Remedy(reason=verdict.said or _reason(verdict)),)
    if verdict.unread:
        return tuple(_without(rows.table, name, said) for name, said in verdict.unread)
    filled = frozenset[str]().union(*(each.filled for each in before))
    return (await repair.repaired(connection, rows, verdict.broken, filled),)


def _reason(verdict: Verdict) -> str:
    shown = [rule.shown for rule in verdict.broken] or [said for _, said in verdict.unread]
    return f"no rows are known that satisfy {'; '.join(shown)}"


def _without(table: LiveTable, name: str, said: str) -> Remedy:
    column = table.column(name)
    if column.nullable or column.default is not None:
        return Remedy(left_out={name: f"the type takes no value made for it: {said}"})
    return Remedy(reason=f"{name}: no value of {column.type} can be made: {said}")


async def _judged(connection: Connection, samples: Sequence[Sample]) -> list[Verdict]:
    """One statement for the rules of many tables; where it fails, one for each table."""
    verdicts: list[Verdict] = []
    batch: list[Sample] = []
    for rows in samples:
        if sum(len(each.names) for each in [*batch, rows]) > _ARGUMENTS:
            verdicts += await _together(connection, batch)
            batch = []
        batch.append(rows)
    return [*verdicts, *await _together(connection, batch)]


async def _together(connection: Connection, batch: Sequence[Sample]) -> list[Verdict]:
    questions: list[str] = []
    arguments: list[list[str | None]] = []
    for rows in batch:
        asked = f"{rows.ctes(len(arguments) + 1)} SELECT ARRAY[{_answers(rows)}] FROM {rows.alias}"
        questions.append(f"({asked})")
        arguments += rows.arguments
    if not batch:
        return []
    try:
        async with sample.apart(connection):
            found = await connection.fetchrow(f"SELECT {', '.join(questions)}", *arguments)
    except PostgresError as error:
        if len(batch) == 1:
            return [await _one_by_one(connection, batch[0], error)]
        return [verdict for rows in batch for verdict in await _together(connection, [rows])]
    return [_verdict(rows, counts) for rows, counts in zip(batch, found or (), strict=True)]


def _answers(rows: Sample) -> str:
    """How many rows break each rule, and how often keys come up again."""
    answers = [f"count(*) FILTER (WHERE NOT ({rule.expression}))" for rule in rows.rules]
    answers += [_repeated(each, rows) for each in _uniques(rows)]
    return ", ".join([*answers, "count(*)"])


def _verdict(rows: Sample, found: Sequence[int]) -> Verdict:
    broken = [rule for rule, count in zip(rows.rules, found, strict=False) if count]
    for unique, repeated in zip(_uniques(rows), found[len(rows.rules) :], strict=False):
        if repeated and unique.predicate:
            broken.append(_outside(unique, rows.table))
        elif repeated:
            return Verdict(said=f"{unique.name}: no values are known that differ in each row")
    return Verdict(tuple(broken))


def _uniques(rows: Sample) -> list[LiveConstraint]:
    return [each for each in rows.table.of_kind("unique", "primary key") if each.columns]


def _repeated(unique: LiveConstraint, rows: Sample) -> str:
    """How many keys of a unique index come up more than once.

    Where it is about some rows only, those of the others count too: which rows it is about
    is chance, and among many it will be those.
    """
    keys = ", ".join(f"({each})" for each in unique.expressions or map(quoted, unique.columns))
    where = "true"
    if unique.predicate:
        where = f"EXISTS (SELECT FROM {rows.alias} WHERE ({unique.predicate}))"
    if not unique.is_strict:
        where += f" AND num_nulls({keys}) = 0"
    return (
        f"(SELECT count(*) FROM (SELECT FROM {rows.alias} WHERE {where}"
        f" GROUP BY {keys} HAVING count(*) > 1) AS repeated)"
    )


def _outside(unique: LiveConstraint, table: LiveTable) -> Rule:
    """Rows that a partial index is not about, where those it is about cannot all differ."""
    predicate = unique.predicate or ""
    told = {column.name for column in table.columns if _names(predicate, quoted(column.name))}
    expression = f"NOT ({predicate})"
    columns = frozenset(told or unique.columns)
    return Rule(unique.name, columns, expression, f"{unique.name}: {unique.definition}")


def _names(expression: str, name: str) -> bool:
    return re.search(rf"(?<![\w\"']){re.escape(name)}(?![\w\"'])", expression) is not None


async def _ask(connection: Connection, rows: Sample, answers: str) -> Sequence[int]:
    async with sample.apart(connection):
        found = await connection.fetchrow(
            f"{rows.ctes()} SELECT {answers} FROM {rows.alias}", *rows.arguments
        )
    return tuple(found or ())


async def _one_by_one(connection: Connection, rows: Sample, error: PostgresError) -> Verdict:
    unread: list[tuple[str, str]] = []
    for name, texts in zip(rows.names, rows.arguments, strict=True):
        kind = sample.plain_type(rows.table.column(name))
        try:
            async with sample.apart(connection):
                await connection.fetchval(
                    f"SELECT count(v::{kind}) FROM unnest($1::text[]) v", texts
                )
        except PostgresError as said:
            unread.append((name, str(said)))
    if unread:
        return Verdict(unread=tuple(unread))
    broken: list[Rule] = []
    for rule in rows.rules:
        try:
            answer = f"count(*) FILTER (WHERE NOT ({rule.expression}))"
            if (await _ask(connection, rows, answer))[0]:
                broken.append(rule)
        except PostgresError:
            broken.append(rule)
    return Verdict(tuple(broken)) if broken else Verdict(said=f"the server refuses it: {error}")


async def _partitions(connection: Connection, table: LiveTable) -> tuple[Rule, ...]:
    """That rows belong into one of the partitions, where there is no default one."""
    if not table.is_partitioned:
        return ()
    found = await connection.fetch(
        "SELECT pg_get_partition_constraintdef(i.inhrelid) AS bound,"
        " pg_get_expr(c.relpartbound, c.oid) = 'DEFAULT' AS is_default"
        " FROM pg_catalog.pg_inherits AS i JOIN pg_catalog.pg_class AS c ON c.oid = i.inhrelid"
        " WHERE i.inhparent = $1::text::regclass ORDER BY c.relname",
        table.name,
    )
    if any(row["is_default"] for row in found):
        return ()
    bounds = " OR ".join(f"({row['bound']})" for row in found if row["bound"]) or "false"
    columns = frozenset(c.name for c in table.columns if quoted(c.name) in bounds)
    shown = "its partitions" if found else "that there is no partition"
    return (Rule("partitions", columns, bounds, shown),)
