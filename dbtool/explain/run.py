"""Explain the statements of a text on a server: plan each, run it where that is safe, judge it."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from asyncpg.exceptions import InterfaceError, InternalClientError, PostgresError

from dbtool.database.connect import connect
from dbtool.database.ended import ended
from dbtool.database.pooler import Patience
from dbtool.database.target import Target
from dbtool.errors import ConnectError, Interrupted, LockNotObtained, UsageError
from dbtool.explain import sample, writing
from dbtool.explain.analysis import Others, analyse
from dbtool.explain.compiling import AS_BEFORE
from dbtool.explain.examined import Examined, Explained
from dbtool.explain.failures import ran_out, tell, waited_in_vain
from dbtool.explain.folding import judged
from dbtool.explain.limits import Place, check_timeout
from dbtool.explain.lockwatch import LockWatch
from dbtool.explain.planned import Planned, checked, plan
from dbtool.explain.prepare import Given, Prepared, Script, prepare
from dbtool.explain.runs import repeat
from dbtool.explain.session import (
    LOCK_TIMEOUT,
    Purpose,
    RefusedByServerError,
    Session,
    guarded,
)
from dbtool.finding import Finding, Location
from dbtool.guard import Action, Need, Permission, classify, permit
from dbtool.ports import Progress, Silent
from dbtool.report import listed

if TYPE_CHECKING:
    from dbtool.database.connection import Connection


@dataclass(frozen=True, slots=True)
class How:
    """What the user asked for: run or only plan, for how long, with which values.

    `bound` are values as a driver binds them. `generic` asks for the plan for any values too,
    `sample` for values from the statistics. `file` is where the statements were read from.
    `runs` is how often each is run; `writes` lets those run that write, to be rolled back.
    `settings` hold for the statements alone. `outline` wants the plan of a statement that was
    stopped by its time limit, in place of an error.
    """

    analyze: bool = True
    timeout: float | None = None
    parameters: tuple[str, ...] = ()
    bound: tuple[str | None, ...] = ()
    generic: bool = False
    sample: bool = False
    file: str | None = None
    runs: int = 1
    writes: bool = False
    settings: tuple[tuple[str, str], ...] = ()
    outline: bool = False

    @property
    def given(self) -> Given:
        """The values, which may be missing where they are not needed or looked up."""
        return Given(self.parameters, self.bound, self.generic or self.sample)


def explain(
    target: Target,
    sql: str,
    *,
    how: How | None = None,
    permission: Permission | None = None,
    progress: Progress | None = None,
) -> Explained:
    """Explain each statement of a text, in order; nothing of it stays in the database."""
    chosen = how or How()
    check_timeout(chosen.timeout)
    script = prepare(sql, chosen.given, analyze=chosen.analyze, writes=chosen.writes)
    runner = _Runner(chosen, permission or Permission(), progress or Silent())
    try:
        return asyncio.run(runner.run(target, script))
    except KeyboardInterrupt:
        raise Interrupted(
            "interrupted",
            detail="The statement was cancelled on the server and its transaction rolled back.",
        ) from None


class _Runner:
    """Explains prepared statements over one connection."""

    def __init__(self, how: How, permission: Permission, progress: Progress) -> None:
        self._how = how
        self._permission = permission
        self._progress = progress
        self._may_write = False
        self._told: set[str] = set()
        self._elsewhere: set[str] = set()
        self._watch: LockWatch | None = None

    async def run(self, target: Target, script: Script) -> Explained:
        """Log in, explain each statement in a transaction of its own, log out."""
        connection = await connect(target)
        marked, patience = self._permission.environment(target), Patience(target, self._progress)
        try:
            classified = await patience.first(classify(connection, target, marked))
            place = Place(classified, target.database)
            self._watch = LockWatch(target, connection.get_server_pid())
            statements = tuple(
                [
                    examined
                    for each in script.statements
                    for examined in await self._each(connection, each, place, patience)
                ]
            )
            version = int(connection.get_server_version().major)
        except (OSError, PostgresError, InterfaceError, InternalClientError) as error:
            if told := ended(error):
                raise told from error
            if isinstance(error, PostgresError | InternalClientError):
                raise
            raise ConnectError("the connection was lost", detail=str(error)) from error
        finally:
            await _close(connection)
        notes = (*script.notes, *self._notes())
        return Explained(statements, target.shown, version, classified.standing, notes)

    def _notes(self) -> Iterator[str]:
        if asked := listed(sorted(self._elsewhere)):
            yield (
                f"to plan it the server may have asked another one about {asked}:"
                " use_remote_estimate is on"
            )

    async def _each(
        self, connection: "Connection", statement: Prepared, place: Place, patience: Patience
    ) -> list[Examined]:
        """One statement: with the values given, with several found, or for any."""
        found = [await self._one(connection, statement, place, patience)]
        if not self._how.sample or not statement.open:
            return found
        sets = await sample.values(connection, found[0].plan, statement.open)
        chosen = [(replace(statement, values=each.values, open=()), each.label) for each in sets]
        tried = [
            replace(await self._one(connection, each, place, patience), values=label)
            for each, label in chosen
        ]
        return [*tried[:-1], replace(tried[-1], generic=found[0].plan)]

    async def _one(
        self, connection: "Connection", statement: Prepared, place: Place, patience: Patience
    ) -> Examined:
        text, writes = statement.text, statement.writes and self._how.analyze
        seconds = self._how.timeout or place.seconds(writes=writes)
        agreed = self._permission.covers(Need.YES)
        if self._watch:
            # What was seen of a statement that was not run is none of this one's.
            self._watch.taken()
        if statement.line > 1:
            self._progress.step(f"explaining line {statement.line}")
        try:
            async with guarded(
                connection,
                seconds,
                patience,
                purpose=Purpose.ASK,
                runs=self._how.runs,
                settings=self._how.settings,
            ) as unwatched:
                session = replace(unwatched, watch=self._watch)
                behind = await checked(session, statement, agreed=agreed)
                self._elsewhere.update(behind.elsewhere)
                if statement.open or not self._how.analyze:
                    await connection.execute(f"SELECT {AS_BEFORE}")
                if statement.open:
                    generic = await session.generic(text, statement.line, len(statement.open))
                    return Examined(text, statement.line, generic, values="any values")
                standing = place.classified.standing if self._how.analyze else None
                planned = await plan(session, statement, behind, standing=standing, agreed=agreed)
                if not planned.doubts and not writes:
                    return await self._examine(session, planned, statement)
                left = await self._remains(session, planned, statement) if writes else ()
            # Outside the transaction: its locks would be kept while somebody thinks.
            if planned.doubts and not self._agreed(planned.doubts):
                why = " ".join(planned.doubts)
                return Examined(planned.text, statement.line, planned.plan, refused=why)
            if writes:
                self._permit_writing(place, left)
            async with guarded(
                connection,
                seconds,
                patience,
                purpose=Purpose.WRITE if writes else Purpose.READ,
                runs=self._how.runs,
                settings=self._how.settings,
            ) as unwatched:
                session = replace(unwatched, watch=self._watch)
                examined = await self._examine(session, planned, statement)
                return replace(examined, remains=left)
        except RefusedByServerError as refused:
            told = await tell(refused.error, refused.sent, connection)
            if isinstance(told, LockNotObtained) and self._watch and waited_in_vain(refused.error):
                holder = self._watch.holder(LOCK_TIMEOUT)
                told.detail += f" {holder[:1].upper()}{holder[1:]}."
            raise told from refused.error

    async def _remains(
        self, session: Session, planned: Planned, statement: Prepared
    ) -> tuple[str, ...]:
        found = await writing.remains(session.connection, planned.plan, statement.traits.functions)
        return tuple(found.told())

    def _permit_writing(self, place: Place, left: tuple[str, ...]) -> None:
        """Have somebody agree, once for all statements, who was told what will stay."""
        for sentence in left:
            if sentence not in self._told:
                self._progress.note(sentence)
        self._told.update(left)
        if not self._may_write:
            permission = self._permission
            action = Action.EXPLAIN_WRITE
            permit(action, place.classified, place.database, permission.consent, permission.ask)
        self._may_write = True

    async def _examine(self, session: Session, planned: Planned, statement: Prepared) -> Examined:
        line = statement.line
        runs = None
        if self._how.analyze:
            try:
                runs = await repeat(
                    lambda timing: session.run(planned.text, line, timing=timing), self._how.runs
                )
            except RefusedByServerError as refused:
                if not (self._how.outline and ran_out(refused.error)):
                    raise
                return Examined(planned.text, line, planned.plan, stopped=session.seconds)
        generic = None
        if self._how.generic and statement.values:
            generic = await session.generic(statement.text, line, len(statement.values))
        if runs is None:
            return Examined(planned.text, line, planned.plan, generic=generic)
        others = Others(runs, generic, session.watch.taken() if session.watch else None)
        analysis = analyse(runs.plan, planned.known, others)
        findings, unknowns = judged(analysis)
        return Examined(
            sql=planned.text,
            line=line,
            plan=analysis.plan,
            times=analysis.times,
            findings=tuple(self._placed(finding, line) for finding in findings),
            unknowns=unknowns,
            generic=generic,
            runs=runs,
        )

    def _placed(self, finding: Finding, line: int) -> Finding:
        """The finding with the place of its statement."""
        node = finding.location.name if finding.location else None
        return replace(finding, location=Location(self._how.file, line, node))

    def _agreed(self, doubts: tuple[str, ...]) -> bool:
        """Whether somebody wants it run all the same; where nobody can be asked, nobody does."""
        try:
            return self._permission.ask.confirm(f"{' '.join(doubts)} Run it?")
        except UsageError:
            return False


async def _close(connection: "Connection") -> None:
    try:
        await connection.close(timeout=2.0)
    except (OSError, TimeoutError, InterfaceError):
        connection.terminate()
