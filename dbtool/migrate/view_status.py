"""Report of where a database is, and of what an upgrade of it would meet."""

from collections.abc import Iterator

from dbtool.migrate.journal import Journal
from dbtool.migrate.status import Status
from dbtool.migrate.surroundings import Detachment, InvalidIndex, OpenTransaction, Run
from dbtool.migrate.view_current import NO_FILE, at, judged, named_by, next_step, unknown
from dbtool.report import Column, Report, Section, Table, counted, duration, facts, listed
from dbtool.sql.names import string_literal

_SHOWN = 30
_UNDECIDED = 10.0


def status(found: Status, command: str, *, check_heads: bool = False) -> Report:
    """One screen; the first line says whether an upgrade has something to do and may run."""
    findings, unknowns = judged(found.standings, check_heads=check_heads)
    return Report(
        command=command,
        data=found,
        headline=_headline(found),
        sections=tuple(_sections(found)),
        findings=findings,
        unknowns=unknowns,
        notes=named_by(found),
        next=() if check_heads else tuple(_next(found)),
        judged=check_heads or bool(findings),
    )


def _headline(found: Status) -> str:
    stands = at(found.recorded)
    pending = sum(len(each.pending) for each in found.standings)
    if pending:
        stands += f"; {counted(pending, 'revision')} pending, up to {listed(found.ahead)}"
    elif unknown(found.standings):
        stands += f"; {NO_FILE}, so what is pending is not known"
    else:
        stands += "; nothing is pending"
    met = "; ".join(obstacles(found))
    return f"{found.database} {stands}" + (f"; {met}" if met else "")


def obstacles(found: Status, schema: str | None = None) -> Iterator[str]:
    """What an upgrade would meet; of transactions, those that lock something in the schema.

    One that is prepared keeps what nobody else sees yet, a new version table perhaps.
    """
    around = found.surroundings
    if found.half_applied:
        yield f"{found.half_applied[0].revision} is half applied"
    if around.runs:
        yield _at_work(around.runs)
    locking = [
        each
        for each in around.transactions
        if (each.tables if schema is None else schema in each.schemas)
        or (each.prepared and not each.tables)
    ]
    if locking:
        yield f"{counted(len(locking), 'open transaction')} may hold it up"
    if found.pooler:
        yield "it goes through a pooler"


def _sections(found: Status) -> Iterator[Section]:
    yield facts(_facts(found))
    if len(found.standings) > 1:
        yield _standings(found)
    if found.pending:
        yield _pending(found)
    if found.surroundings.transactions:
        yield _transactions(found.surroundings.transactions)
    if found.surroundings.invalid_indexes:
        yield _indexes(found)
    if found.surroundings.detachments:
        yield _detachments(found.surroundings.detachments)


def _facts(found: Status) -> Iterator[tuple[str, str]]:
    around = found.surroundings
    if len(found.standings) == 1:
        standing = found.standings[0]
        recorded = ", ".join(standing.recorded) or "no revision"
        yield "recorded", f"{recorded}, in {standing.version_table}"
    else:
        yield "version tables", f"{len(found.standings):,}"
    if strange := unknown(found.standings):
        yield "without a file", ", ".join(strange)
    none = "not known" if strange else "none"
    yield "pending", counted(len(found.pending), "revision") if found.pending else none
    if found.half_applied:
        yield "half applied", "; ".join(map(_half, found.half_applied))
    yield "other runs", "; ".join(map(_run, around.runs)) or "none"
    yield "open transactions", _open(found)
    invalid = len(around.invalid_indexes)
    yield "invalid indexes", f"{invalid:,}" if invalid else "none"
    if around.detachments:
        yield "detach pending", counted(len(around.detachments), "partition")
    yield "endpoint", f"a pooler: {found.pooler}" if found.pooler else "direct"


def _half(note: Journal) -> str:
    done = f"{counted(len(note.done), 'statement')} committed" if note.done else "nothing committed"
    begun = f", and perhaps: {note.begun.excerpt}" if note.begun is not None else ""
    way = ", on the way down" if note.down else ""
    next_run = "goes on behind them" if note.done else "begins it again"
    if note.asks:
        next_run = "asks how to go on"
    return f"{note.revision}{way}: {done}{begun}; the next run {next_run}"


def _at_work(runs: tuple[Run, ...]) -> str:
    """That a run is at work needs its name for a proof; else the holder of the lock is told."""
    if any(each.leads and each.is_ours for each in runs):
        return "another run is at work"
    first = runs[0]
    return f"the migration lock is held by {_run(first, f', role {first.role}')}"


def _run(run: Run, role: str = "") -> str:
    where = f" from {run.address}" if run.address else ""
    since = f", for {duration(run.seconds)}" if run.seconds is not None else ""
    left = "" if run.leads else ", left behind by a run that has ended"
    return f"pid {run.pid} ({run.application or 'no name'}{role}{where}{since}{left})"


def _open(found: Status) -> str:
    around = found.surroundings
    if not around.transaction_count:
        return "none that idles or runs for long"
    ages = [each.seconds for each in around.transactions if each.seconds is not None]
    return f"{around.transaction_count:,}" + (f", one for {duration(max(ages))}" if ages else "")


def _standings(found: Status) -> Table:
    columns = (Column("version table"), Column("revision"), Column("pending", align="right"))
    rows = tuple(
        (each.version_table, ", ".join(each.recorded) or "no revision", f"{len(each.pending):,}")
        for each in found.standings
    )
    return Table(columns, rows, title="version tables")


def _pending(found: Status) -> Table:
    shown = found.pending[:_SHOWN]
    more = len(found.pending) - len(shown)
    rows = [(each.revision, (each.created or "")[:10], each.message) for each in shown]
    columns = [Column("revision"), Column("created", optional=1), Column("message", shrink=True)]
    if not any(created for _, created, _ in rows):
        del columns[1]
        rows = [(revision, message) for revision, _, message in rows]  # type: ignore[misc]
    title = f"pending, the first {_SHOWN} of {len(found.pending):,}" if more else "pending"
    return Table(tuple(columns), tuple(rows), title=title)


def _transactions(found: tuple[OpenTransaction, ...]) -> Table:
    columns = (
        Column("pid", align="right"),
        Column("application", shrink=True, least=12),
        Column("role", optional=1),
        Column("state"),
        Column("open for", align="right"),
        Column("locks on", shrink=True, least=12),
    )
    rows = tuple(
        (
            str(each.pid) if each.pid else "-",
            each.prepared or each.application,
            each.role,
            each.state,
            duration(each.seconds) if each.seconds is not None else "",
            listed(each.tables),
        )
        for each in found
    )
    return Table(columns, rows, title="open transactions")


def _indexes(found: Status) -> Table:
    columns = (Column("index"), Column("table"), Column("", shrink=True))
    rows = tuple(
        (each.name, each.on_table, _left_by(each)) for each in found.surroundings.invalid_indexes
    )
    return Table(columns, rows, title="invalid indexes")


def _left_by(index: InvalidIndex) -> str:
    if index.built_by:
        return f"pid {index.built_by} is at it"
    if index.perhaps_by and index.kind == "index":
        return f"perhaps built by pid {index.perhaps_by}: pg_monitor may see it"
    failed = "left behind by a build that failed"
    return {
        "copy": "left behind by REINDEX CONCURRENTLY",
        "dropped": "left behind by DROP INDEX CONCURRENTLY, which was interrupted",
        "partitioned": "not on every partition",
    }.get(index.kind, f"{failed}, or a drop that was interrupted" if index.ready else failed)


def _detachments(found: tuple[Detachment, ...]) -> Table:
    columns = (Column("partition"), Column("of table"), Column("", shrink=True))
    rows = tuple(
        (
            each.partition,
            each.of_table,
            f"being detached by pid {each.detached_by}"
            if each.detached_by
            else "left behind by DETACH CONCURRENTLY, which was interrupted",
        )
        for each in found
    )
    return Table(columns, rows, title="detach pending")


def _next(found: Status) -> Iterator[str]:
    """What leads on: the upgrade, unless it would only look, and what nobody needs any more.

    Between the two phases of a commit lie milliseconds, unless whoever should end it is gone.
    """
    if found.pending:
        undecided = [
            each
            for each in found.surroundings.transactions
            if each.prepared and (each.seconds or 0) >= _UNDECIDED
        ]
        first = [each for each in undecided if _is_in_the_way(each, found)]
        yield from map(_decision, first)
        upgrade = next_step(found.standings)
        yield _past_pooler(upgrade, found) if found.pooler else upgrade
        # Of other tables nobody knows here whether the upgrade wants them.
        yield from (_decision(each) for each in undecided if each.tables and each not in first)
    for each in found.surroundings.invalid_indexes:
        if each.kind in ("copy", "dropped") and not each.built_by:
            yield f"DROP INDEX CONCURRENTLY {each.name};"
    for detachment in found.surroundings.detachments:
        if not detachment.detached_by:
            yield detachment.remedy


def _is_in_the_way(prepared: OpenTransaction, found: Status) -> bool:
    """Whether any upgrade would meet it: it holds a version table, or perhaps makes one."""
    tables = {_bare(each) for each in prepared.tables}
    if not tables:
        return any(not each.recorded for each in found.standings)
    return any(_bare(each.version_table) in tables for each in found.standings)


def _bare(table: str) -> str:
    return table.rpartition(".")[2].strip('"')


def _decision(prepared: OpenTransaction) -> str:
    name = string_literal(prepared.prepared)
    return (
        f"COMMIT PREPARED {name};   -- only if its transaction manager is gone: keeps what it did;"
        f" ROLLBACK PREPARED {name}; takes it back"
    )


def _past_pooler(upgrade: str, found: Status) -> str:
    """Where a transaction pooler would be refused; others may be named for what they are."""
    direct = found.database.replace("-pooler.", ".", 1)
    server = direct if direct != found.database else "the server itself"
    return f"{upgrade} --url URL   # of {server}; or --direct, if this is no transaction pooler"
