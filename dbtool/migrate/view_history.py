"""Reports of the revisions themselves: history, heads, branches, one revision."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from dbtool.migrate.graph import draw
from dbtool.migrate.history import Branches, History, Revision
from dbtool.report import (
    Column,
    Node,
    Report,
    Section,
    Styled,
    Table,
    Text,
    Tree,
    counted,
    facts,
)

if TYPE_CHECKING:
    from dbtool.migrate.heads import Heads

Standing = Callable[[Revision], list[str]]

_COLUMNS = (Column("revision"), Column("created", optional=1), Column("message", shrink=True))


def history(found: History, command: str, *, verbose: bool = False) -> Report:
    """Every revision, the newest first."""
    return Report(
        command=command,
        data=found,
        headline=_summary(found),
        sections=details(found.revisions) if verbose else _table(found, _standing),
        next=() if found.revisions else ("dbtool revision -m MESSAGE",),
    )


def _summary(found: History) -> str:
    count = len(found.revisions)
    if not count:
        return "no revisions"
    text = counted(count, "revision")
    if len(found.heads) > 1:
        text += f", {counted(len(found.heads), 'head')}"
    return text if found.database is None else f"{text}; {_where(found)}"


def _where(found: History) -> str:
    """Where a database stands in it."""
    at = [each.revision for each in found.revisions if each.current]
    pending = sum(each.applied is False for each in found.revisions)
    waiting = f", {pending:,} pending" if pending else ""
    return f"{found.database} is at {', '.join(at) or 'none of them'}{waiting}"


def on_one_graph(report: Report) -> Report:
    """A report of several databases, its graph drawn once where all of it is theirs."""
    from dbtool.migrate.several import Databases

    if not isinstance(report.data, Databases):
        return report
    found = {e.name: e.result for e in report.data.databases if isinstance(e.result, History)}
    whole = next(iter(found.values()))
    if any(_names(each) != _names(whole) for each in found.values()):
        return report
    marks: dict[str, dict[str, list[str]]] = {each: {} for each in _names(whole)}
    for name, history in found.items():
        for revision in history.revisions:
            for mark in _standing(revision):
                marks[revision.revision].setdefault(mark, []).append(name)

    def standing(revision: Revision) -> list[str]:
        held = marks[revision.revision].items()
        return [_held(mark, names, len(found)) for mark, names in held]

    where = facts((name, _where(each)) for name, each in found.items())
    headline = f"{counted(len(whole.revisions), 'revision')}; {report.headline}"
    return replace(report, headline=headline, sections=(where, *_table(whole, standing)))


def _names(found: History) -> tuple[str, ...]:
    return tuple(each.revision for each in found.revisions)


def _held(mark: str, names: list[str], most: int) -> str:
    """A mark, and of which databases it is true where that is not all of them."""
    return mark if len(names) == most else f"{mark} in {', '.join(names)}"


def _table(found: History, standing: Standing) -> tuple[Section, ...]:
    if not found.revisions:
        return ()
    lanes = draw(found.revisions)
    branched = any(len(lane) > 1 for lane in lanes)
    columns = [Column("")] if branched else []
    columns += _COLUMNS
    rows = tuple(
        ((lane,) if branched else ())
        + (_id(each), (each.created or "")[:10], _message(each, standing(each), len(found.heads)))
        for lane, each in zip(lanes, found.revisions, strict=True)
    )
    return (_without_empty(Table(tuple(columns), rows)),)


def _without_empty(table: Table) -> Table:
    """The table without the dates where no revision has one."""
    kept = [
        place
        for place, column in enumerate(table.columns)
        if not column.optional or any(row[place] for row in table.rows)
    ]
    columns = tuple(table.columns[place] for place in kept)
    return Table(columns, tuple(tuple(row[place] for place in kept) for row in table.rows))


def _id(revision: Revision) -> str | Styled:
    return Styled(revision.revision, "strong") if revision.head else revision.revision


def _standing(revision: Revision) -> list[str]:
    """Where one database stands."""
    marks = ["current"] if revision.current else []
    return [*marks, "pending"] if revision.applied is False else marks


def _message(revision: Revision, standing: list[str], heads: int) -> str:
    marks = [*standing, *_marks(revision, heads)]
    return f"({', '.join(marks)}) {revision.message}" if marks else revision.message


def _marks(revision: Revision, heads: int) -> list[str]:
    """What is particular about a revision; labels only where they tell branches apart."""
    marks = ["head"] if revision.head else []
    marks += list(revision.branch_labels) if revision.head and heads > 1 else []
    marks += ["base"] if not revision.down_revisions else []
    if revision.depends_on:
        marks.append(f"depends on {', '.join(revision.depends_on)}")
    return marks


def details(revisions: tuple[Revision, ...]) -> tuple[Section, ...]:
    """Everything about each revision."""
    return tuple(section for each in revisions for section in _sections(each))


def _title(revision: Revision) -> str:
    marks = ["current"] if revision.current else []
    marks += ["head"] if revision.head else []
    marks += ["branch point"] if len(revision.children) > 1 else []
    marks += ["merge point"] if len(revision.down_revisions) > 1 else []
    return revision.revision + (f" ({', '.join(marks)})" if marks else "")


def _sections(revision: Revision) -> Iterator[Section]:
    yield facts(_facts(revision), _title(revision))
    if body := _indented(revision.doc):
        yield Text("\n".join(body))


def _facts(revision: Revision) -> Iterator[tuple[str, str]]:
    yield "after", ", ".join(revision.down_revisions) or "nothing"
    if revision.children:
        yield "before", ", ".join(revision.children)
    if revision.depends_on:
        yield "depends on", ", ".join(revision.depends_on)
    if revision.branch_labels:
        yield "branch", ", ".join(revision.branch_labels)
    if revision.created:
        yield "created", revision.created
    yield "file", revision.file


def _indented(doc: str) -> list[str]:
    body = [line for line in doc.splitlines() if not _is_header(line)]
    while body and not body[-1].strip():
        body.pop()
    return [f"    {line}".rstrip() for line in body]


def _is_header(line: str) -> bool:
    return line.startswith(("Revision ID:", "Revises:", "Create Date:", "Revises "))


def show(found: History, command: str) -> Report:
    """The revisions a name stands for, in full."""
    headline = "" if found.revisions else "no revision"
    return Report(command=command, data=found, headline=headline, sections=details(found.revisions))


def heads(
    found: History, command: str, *, verbose: bool = False, apart: "Heads | None" = None
) -> Report:
    """The revisions nothing follows; where they came apart, what brought each of them."""
    if verbose:
        return show(found, command)
    count = len(found.revisions)
    rows = tuple(
        (_id(each), (each.created or "")[:10], _labelled(each)) for each in found.revisions
    )
    return Report(
        command=command,
        data=found,
        headline=counted(count, "head") if count else "no heads",
        sections=(*((_without_empty(Table(_COLUMNS, rows)),) if rows else ()), *_brought(apart)),
        next=_joining(apart) if count > 1 else (),
    )


def _brought(apart: "Heads | None") -> Iterator[Section]:
    """The revisions that only one head leads to, their files and commits."""
    if apart is not None and not apart.meant:
        yield Tree(tuple(Node(e.revision, tuple(map(Node, e.lines))) for e in apart.heads))


def _joining(apart: "Heads | None") -> tuple[str, ...]:
    join = "dbtool merge heads -m MESSAGE"
    return (join,) if apart is None or apart.meant else ("dbtool revision --rebase REVISION", join)


def _labelled(revision: Revision) -> str:
    labels = ", ".join(revision.branch_labels)
    return f"({labels}) {revision.message}" if labels else revision.message


def branches(found: Branches, command: str, *, verbose: bool = False) -> Report:
    """The revisions several others follow, each with those."""
    count = len(found.points)
    headline = counted(count, "branch point") if count else "no branch points"
    if verbose:
        sections = details(found.points)
        return Report(command=command, data=found, headline=headline, sections=sections)
    messages = dict(found.messages)
    nodes = tuple(
        Node(
            f"{point.revision} {point.message}",
            tuple(Node(f"{child} {messages[child]}") for child in point.children),
        )
        for point in found.points
    )
    sections = (Tree(nodes),) if nodes else ()
    return Report(command=command, data=found, headline=headline, sections=sections)
