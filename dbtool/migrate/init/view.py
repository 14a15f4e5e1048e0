"""A proposal as a report: what was found, what would change or did, what to type next."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from dbtool.migrate.init.check import Checked
from dbtool.migrate.init.propose import DATABASE_URL, Proposal
from dbtool.report import Column, Diff, Report, Section, Table, counted

State = Literal["proposed", "written", "declined"]


@dataclass(frozen=True, slots=True)
class File:
    """A file of the proposal."""

    path: str
    action: Literal["create", "change"]
    diff: str


@dataclass(frozen=True, slots=True)
class Initialized:
    """What `dbtool init` found, and what it proposed or did."""

    root: str
    mode: Literal["adopt", "create"]
    state: State
    alembic_config: str | None
    directory: str | None
    revisions: int | None
    models: tuple[str, ...]
    tables: int | None
    engines: tuple[str, ...]
    url_variable: str
    files: tuple[File, ...]


@dataclass(frozen=True, slots=True)
class View:
    """A proposal and what is known around it, ready to be told in each of its states.

    `unasked` says that nobody has seen the changes before they are written.
    """

    command: str
    proposal: Proposal
    checked: Checked
    has_database: bool
    unasked: bool = False

    @property
    def files(self) -> str:
        """How many files would be written."""
        return counted(len(self.proposal.changes), "file")

    def report(self, state: State) -> Report:
        """The result of `dbtool init` so far."""
        data = self._data(state)
        notes = self.proposal.notes
        if self.checked.problem:
            notes = (*notes, f"the models could not be imported yet: {self.checked.problem}")
        return Report(
            command=self.command,
            data=data,
            headline=_headline(data, self.checked),
            sections=tuple(_sections(self.proposal, data, unasked=self.unasked)),
            notes=notes,
            next=_next(self.proposal, data, has_database=self.has_database),
        )

    def _shown(self, path: str) -> str:
        """A file as the user would type it from here."""
        survey = self.proposal.survey
        return os.path.relpath(survey.root / path, survey.start)

    def _data(self, state: State) -> Initialized:
        survey, found = self.proposal.survey, self.proposal.survey.environment
        return Initialized(
            root=str(survey.root),
            mode=self.proposal.mode,
            state=state,
            alembic_config=self._shown(found.config) if found else None,
            directory=self._shown(self.proposal.directory) if self.proposal.directory else None,
            revisions=found.revisions if found else None,
            models=self.proposal.models,
            tables=self.checked.tables,
            engines=survey.engines,
            url_variable=self.proposal.variable,
            files=tuple(
                File(self._shown(each.path), "create" if each.creates else "change", each.diff())
                for each in self.proposal.changes
            ),
        )


def _headline(data: Initialized, checked: Checked) -> str:
    if not data.files and checked.problem:
        return "nothing to write, but the models cannot be imported"
    if not data.files:
        return "nothing to do: the project is set up"
    names = ", ".join(each.path for each in data.files)
    if data.state == "written":
        return f"wrote {names}"
    if data.state == "declined":
        return "nothing was written"
    return f"would write {names}"


def _sections(proposal: Proposal, data: Initialized, *, unasked: bool) -> Iterator[Section]:
    rows = tuple(_found(proposal, data))
    if rows:
        columns = Column("part"), Column("found"), Column("details")
        yield Table(columns, rows)
    if data.state == "proposed" or (data.state == "written" and unasked):
        for each in data.files:
            yield Diff(each.diff)


def _found(proposal: Proposal, data: Initialized) -> Iterator[tuple[str, str, str]]:
    survey = proposal.survey
    if survey.settings:
        yield "settings", survey.settings, ""
    if data.alembic_config:
        count = "" if data.revisions is None else counted(data.revisions, "revision")
        yield "Alembic", data.alembic_config, ", ".join(filter(None, (data.directory, count)))
    if survey.models.specs:
        count = "" if data.tables is None else counted(data.tables, "table")
        how = ", ".join(filter(None, (survey.models.how, count)))
        yield "models", ", ".join(survey.models.specs), how
    if survey.engines:
        yield "engine", ", ".join(survey.engines), ""
    if survey.variables:
        yield "database", ", ".join(survey.variables), "a variable the code reads"


def _next(proposal: Proposal, data: Initialized, *, has_database: bool) -> tuple[str, ...]:
    if data.files and data.state != "written":
        return ()
    survey = proposal.survey
    inside = survey.root != survey.start and survey.root.is_relative_to(survey.start)
    steps = [f"cd {survey.root.relative_to(survey.start)}"] if inside else []
    if not has_database:
        variable = proposal.variable or DATABASE_URL
        steps += ["dbtool local start", f'export {variable}="$(dbtool local url)"']
    if data.revisions == 0 or data.mode == "create":
        return (*steps, 'dbtool revision --autogenerate -m "first tables"', "dbtool upgrade")
    return (*steps, "dbtool current", "dbtool check")
