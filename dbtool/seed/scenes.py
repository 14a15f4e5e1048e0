"""What a run asks for: the options, on top of a scenario, beside reference rows."""

from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property

from dbtool.database.target import Target
from dbtool.errors import UsageError
from dbtool.guard import Action, Permission
from dbtool.metadata import Models
from dbtool.ports import Progress
from dbtool.seed import factories, reference, scenario
from dbtool.seed.allow import allow
from dbtool.seed.files import DEFAULT, Seeds
from dbtool.seed.locale import locale
from dbtool.seed.maintain import Maintained, Wanted, maintain
from dbtool.seed.meaning import sql_name
from dbtool.seed.plan import Request
from dbtool.seed.run import opened
from dbtool.seed.vocabulary import Vocabulary


@dataclass(frozen=True, slots=True)
class Given:
    """The options a user gave; None where a scenario, or else a default, decides."""

    rows: int | None = None
    scale: float = 1.0
    random_seed: int | None = None
    as_of: date | None = None
    tables: tuple[str, ...] = ()
    default_rows: int = Request().rows
    locale: str | None = None


@dataclass(frozen=True)
class Scenes:
    """The seed files of a project, for its models."""

    seeds: Seeds
    models: Models

    def request(self, name: str | None, given: Given, kept: tuple[str, ...] = ()) -> Request:
        """What the options and a scenario ask for; without a name the default one, if any."""
        chosen = name or (DEFAULT if DEFAULT in self.seeds.scenarios() else None)
        said = scenario.Scenario("", ())
        if chosen is not None:
            said = scenario.load(self.seeds, chosen, self.models)
        plain, own = Request(), self.own
        seed = _first(given.random_seed, said.seed, plain.random_seed)
        return replace(
            plain,
            rows=_first(given.rows, said.default_rows, given.default_rows),
            scale=given.scale,
            random_seed=seed,
            tables=given.tables,
            as_of=given.as_of or said.as_of or plain.as_of,
            rules=scenario.merged_rules(own.rules, said.rules),
            kept=kept,
            natural=reference.natural(self.reference()) if kept else (),
            after=own.after,
            locale=None if given.locale is None else locale(given.locale, seed),
        )

    @cached_property
    def own(self) -> factories.Own:
        """What the project's own factories make."""
        path = self.seeds.factories()
        if path is None:
            return factories.Own()
        return factories.load(path, self.seeds.shown(path), Vocabulary(self.models))

    def planned(self, name: str | None, given: Given) -> Request:
        """What they ask for where nothing is written: tables with reference rows are left out."""
        return self.request(name, given, tuple(sql_name(each.table) for each in self.reference()))

    def reference(self) -> tuple[reference.ReferenceTable, ...]:
        """The reference rows the files have."""
        return reference.load(self.seeds, self.models)

    def kept(
        self, target: Target, permission: Permission, progress: Progress, *, dry_run: bool
    ) -> tuple[str, ...]:
        """Bring the reference rows in, before others are made that refer to them.

        The names of their tables: no rows are made for those. Where nothing may be written
        they are those whose rows are there already.
        """
        for stray in self.seeds.strays():
            progress.note(f"{stray} is not read: files lie in reference/ or scenarios/")
        if self.own.slow:
            names = ", ".join(self.own.slow)
            progress.note(f"built row by row by other libraries, which is slow: {names}")
        tables = self.reference()
        if not tables:
            return ()
        if not dry_run:
            _allow_making(target, permission, progress)
        done = maintain(target, self.models, Wanted(tables, dry_run=dry_run), permission, progress)
        _tell(done, progress)
        new = {each.table for each in done.compared.tables if dry_run and each.inserted}
        return tuple(sql_name(each.table) for each in tables if str(each.table.fullname) not in new)


def _allow_making(target: Target, permission: Permission, progress: Progress) -> None:
    """Where no rows may be made there is no reason to begin with those of the files."""
    try:
        with opened(target) as session:
            allow(session, target, Action.GENERATE_EMPTY, permission, progress)
    except UsageError as error:
        hint = f"{error.hint}\nFor the reference rows alone: dbtool seed reference".strip()
        raise UsageError(error.message, detail=error.detail, hint=hint) from None


def _first(*values: int | None) -> int:
    return next(each for each in values if each is not None)


def _tell(done: Maintained, progress: Progress) -> None:
    if not done.writes:
        return
    tables = [each.table for each in done.compared.tables if each.inserted or each.updated]
    verb = "would be written first" if done.dry_run else "are written"
    progress.note(f"reference rows {verb}: {', '.join(tables)}")
