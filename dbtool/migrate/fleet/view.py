"""Reports of a fleet: one line a target while it runs, one table at the end."""

from dbtool.errors import OperationError
from dbtool.migrate.fleet.outcome import Fleet, Outcome, Seen
from dbtool.migrate.view_current import NO_FILE
from dbtool.report import Column, Node, Report, Section, Table, Tree, counted, duration

_SHOWN = 30
_WAITING = {"upgrade": "pending", "downgrade": "to undo", "status": "pending"}


def one(outcome: Outcome, command: str) -> Report:
    """One target, as soon as it ended."""
    return Report(command=command, data=outcome, headline=line(outcome, command))


def line(outcome: Outcome, verb: str = "upgrade") -> str:
    """A target, and what became of it."""
    return f"{where(outcome)}: {_became(outcome, verb)}"


def where(outcome: Outcome) -> str:
    """A target as it is printed."""
    return outcome.target + (f" schema {outcome.schema}" if outcome.schema is not None else "")


def _became(outcome: Outcome, verb: str) -> str:
    if outcome.error is not None:
        return outcome.error.message
    if isinstance(outcome, Seen) and outcome.unknown and not outcome.revisions:
        return f"at {_ids(outcome.after)}; {NO_FILE}, so what is pending is not known"
    if not outcome.revisions:
        return f"at {_ids(outcome.after)}, nothing {_WAITING[verb]}"
    if outcome.after == outcome.before:
        many = counted(len(outcome.revisions), "revision")
        end = f", up to {outcome.revisions[-1]}" if verb != "downgrade" else ""
        return f"at {_ids(outcome.before)}, {many} {_WAITING[verb]}{end}"
    return f"{_ids(outcome.before)} → {_ids(outcome.after)}"


def _ids(revisions: tuple[str, ...] | None) -> str:
    return "not known" if revisions is None else ", ".join(revisions) or "no revision"


def summary(fleet: Fleet, command: str) -> Report:
    """All targets; of a large fleet, the failed ones and the slowest."""
    sections: tuple[Section, ...] = (*_tables(fleet), *_losses(fleet))
    return Report(command=command, data=fleet, headline=_headline(fleet), sections=sections)


def _losses(fleet: Fleet) -> tuple[Tree, ...]:
    """What the targets lose, those of a large fleet that lose most first."""
    losing = [each for each in fleet.changed if each.losses]
    if not losing:
        return ()
    title = "losses"
    if len(losing) > _SHOWN:
        title += f" of the {_SHOWN} of {len(losing):,} targets that lose most"
    worst = sorted(losing, key=lambda each: -len(each.losses))[:_SHOWN]
    nodes = (Node(where(each), tuple(map(Node, each.losses))) for each in worst)
    return (Tree(tuple(nodes), title=title),)


def _headline(fleet: Fleet) -> str:
    changed, failed = len(fleet.changed), len(fleet.failed)
    idle = len(fleet.outcomes) - changed - failed
    total = len(fleet.outcomes) + len(fleet.not_started)
    parts = [
        f"{changed:,} {'would be ' if fleet.planned else ''}{fleet.verb}d",
        f"{idle:,} had nothing {_WAITING[fleet.verb]}" if idle else "",
        f"{failed:,} failed" if failed else "",
        f"{len(fleet.not_started):,} not started" if fleet.not_started else "",
    ]
    return f"{counted(total, 'target')}: {', '.join(part for part in parts if part)}"


def _tables(fleet: Fleet) -> tuple[Table, ...]:
    shown, title = fleet.outcomes, ""
    if len(shown) > _SHOWN:
        slowest = sorted(fleet.changed, key=lambda each: each.seconds, reverse=True)
        shown = (*fleet.failed, *slowest[: max(_SHOWN - len(fleet.failed), 5)])
        title = "the failed and the slowest" if fleet.failed else "the slowest"
    if not shown:
        return ()
    has_schemas = any(each.schema is not None for each in shown)
    columns = [Column("target", shrink=True)]
    columns += [Column("schema")] if has_schemas else []
    columns += [Column("result", shrink=True), Column("took", align="right")]
    return (
        Table(tuple(columns), tuple(_row(each, fleet.verb, has_schemas) for each in shown), title),
    )


def _row(outcome: Outcome, verb: str, has_schemas: bool) -> tuple[str, ...]:
    schema = (outcome.schema or "",) if has_schemas else ()
    result = _became(outcome, verb)
    if outcome.error is not None:
        result = f"failed: {result}"
    return (outcome.target, *schema, result, duration(outcome.seconds))


def failed(fleet: Fleet) -> OperationError:
    """A fleet with any failed target has failed; the first reason is told in full."""
    first = fleet.failed[0]
    assert first.error is not None
    number = len(fleet.not_started)
    left = f"{counted(number, 'target')} had not begun." if number else ""
    again = "Run the same command again when it is mended"
    if fleet.verb != "status":
        again += ": a target that is there is left alone"
    return OperationError(
        f"{len(fleet.failed)} of {counted(len(fleet.outcomes), 'target')} failed",
        detail="\n".join(filter(None, (line(first, fleet.verb), first.error.detail, left))),
        hint=first.error.hint or f"{again}.",
    )
