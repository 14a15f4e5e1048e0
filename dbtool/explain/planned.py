"""Plan a statement before it is run, and find the reasons to ask somebody first."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from asyncpg.exceptions import PostgresError

from dbtool.explain import doubts, facts, inner, mentions, parameters, planning, safety
from dbtool.explain.failures import Sent, misfit
from dbtool.explain.plan import Plan
from dbtool.explain.prepare import Prepared
from dbtool.explain.session import RefusedByServerError, Session
from dbtool.guard import Standing


@dataclass(frozen=True, slots=True)
class Planned:
    """A statement before it is run, and the reasons to ask somebody first."""

    text: str
    plan: Plan
    known: facts.Facts
    doubts: tuple[str, ...] = ()


async def checked(session: Session, statement: Prepared, *, agreed: bool) -> planning.Behind:
    """Before anything is planned: planning runs functions that are not VOLATILE."""
    with _in_time(session, statement.line):
        found = await planning.behind(session.connection, statement.text, statement.traits)
        if not agreed:
            safety.check_planning(await planning.run_by_planning(session.connection, found))
    return found


async def plan(
    session: Session,
    statement: Prepared,
    behind: planning.Behind,
    *,
    standing: Standing | None,
    agreed: bool,
) -> Planned:
    """The plan of a statement, and what is to be known before it is run on such a database.

    Without a standing it will not be run.
    """
    text, line = statement.text, statement.line
    if statement.values:
        types = await session.parameter_types(text, line)
        text = parameters.bind(text, statement.values, types)
    try:
        found = await session.plan(text, line)
    except RefusedByServerError as refused:
        raise misfit(refused.error, statement.values) or refused from refused.error
    if standing is None:
        return Planned(text, found, facts.Facts())
    traits, whole = inner.with_shown(statement.traits, found)
    if agreed:
        behind = planning.Behind()
    elif traits != statement.traits:
        with _in_time(session, line):
            behind = await planning.behind(session.connection, text, traits)
    hands_over = inner.hands_over(traits)
    # Those of checks and of indexes' expressions are in no plan, nor is SQL inside a function.
    more = statement.writes or hands_over
    uses = replace(
        mentions.mentioned(found, traits.functions),
        known=behind.met if more else behind.hidden,
        # Reading makes no values of a column's type; planning has refused what reaches out.
        typed=behind.typed if more else (),
        views=planning.spellings(traits) if hands_over else frozenset(),
    )
    with _in_time(session, line):
        known = await facts.read(session.connection, _tables(found), uses, last=True)
    safety.check_functions(known, writes=statement.writes)
    reasons = () if agreed else tuple(doubts.reasons(known, found, standing))
    if not agreed and (statement.unread or not whole):
        reasons = (*reasons, doubts.UNREAD)
    return Planned(text, found, known, reasons)


@contextmanager
def _in_time(session: Session, line: int) -> Iterator[None]:
    """Our own questions have no more time than the statement."""
    try:
        yield
    except PostgresError as error:
        raise RefusedByServerError(error, Sent("", line, 0, session.seconds)) from error


def _tables(found: Plan) -> set[tuple[str, str]]:
    return {(node.text("Schema"), node.relation) for node in found.nodes if node.relation}
