"""What `dbtool init` proposes for a project: the files to write, and what it could not settle."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

from dbtool.errors import UsageError
from dbtool.migrate.init import scaffold
from dbtool.migrate.init.change import Change
from dbtool.migrate.init.draft import Draft
from dbtool.migrate.init.scaffold import TEMPLATES, Plan
from dbtool.migrate.init.settings import home, ignore_own_files, propose_settings
from dbtool.migrate.init.survey import Survey

DATABASE_URL = "DATABASE_URL"
_SPEC = re.compile(r"[^\W\d][\w.]*(:[^\W\d][\w.]*)?")


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the user asked for; empty means that init decides."""

    directory: str = ""
    template: str = ""
    models: tuple[str, ...] = ()
    package: bool = False


@dataclass(frozen=True, slots=True)
class Proposal:
    """The files to write so that a project is set up; none when it already is."""

    mode: Literal["adopt", "create"]
    survey: Survey
    directory: str | None
    models: tuple[str, ...]
    variable: str
    changes: tuple[Change, ...]
    notes: tuple[str, ...]
    directories: tuple[str, ...] = ()
    begins_models: bool = False


def propose(survey: Survey, wishes: Wishes) -> Proposal:
    """Adopt the Alembic environment that is there, or begin one."""
    _refuse_contradiction(survey, wishes)
    if survey.environment is not None:
        return _adopt(survey, wishes)
    return _create(survey, wishes)


def _refuse_contradiction(survey: Survey, wishes: Wishes) -> None:
    if wishes.template and wishes.template not in TEMPLATES:
        raise UsageError(
            f'Alembic has no template "{wishes.template}"',
            hint=f"Its templates: {', '.join(TEMPLATES)}.",
        )
    for spec in wishes.models:
        if not _SPEC.fullmatch(spec):
            raise UsageError(
                f'--models "{spec}" is no name of models',
                hint="Name a module as it is imported, and what it holds: package.module:Base.",
            )
    directory = PurePosixPath(wishes.directory)
    if directory.is_absolute() or ".." in directory.parts:
        raise UsageError(
            f'"{wishes.directory}" is outside the project',
            detail=f"The project root is {survey.root}.",
            hint="Name a directory relative to it.",
        )
    if survey.others:
        raise UsageError(
            "several Alembic configurations were found",
            detail="\n".join(survey.others),
            hint=f"Say which one: dbtool init -c {survey.others[0]}",
        )
    found = survey.environment
    elsewhere = found is not None and wishes.directory not in ("", found.directory)
    if found is not None and (wishes.template or wishes.package or elsewhere):
        raise UsageError(
            f"the project has an Alembic environment already ({found.config})",
            detail=f"Its script_location is {found.directory or 'known to Alembic only'}.",
            hint="Run dbtool init without a directory and a template to adopt it.",
        )


def _adopt(survey: Survey, wishes: Wishes) -> Proposal:
    assert survey.environment is not None
    draft = Draft(survey.root)
    specs = wishes.models or survey.models.specs
    propose_settings(draft, survey, specs)
    ignore_own_files(draft)
    return Proposal(
        mode="adopt",
        survey=survey,
        directory=survey.environment.directory,
        models=specs,
        variable=_variable(survey),
        changes=draft.changes(),
        notes=tuple(_doubts(survey, specs, home(draft, survey))),
    )


def _create(survey: Survey, wishes: Wishes) -> Proposal:
    draft = Draft(survey.root)
    wished = PurePosixPath(wishes.directory).as_posix() if wishes.directory else ""
    directory = wished or survey.loose_environment or "migrations"
    specs = wishes.models or survey.models.specs
    is_first = not specs and wishes.template != "multidb"
    if is_first:
        path, spec = _first_models(survey)
        scaffold.models_stub(draft, path)
        specs = (spec,)
    plan = Plan(directory, specs, _variable(survey), survey.source, survey.models.uses_sqlmodel)
    if wishes.template:
        scaffold.from_alembic(draft, wishes.template, plan)
    elif survey.loose_environment == directory:
        scaffold.configuration(draft, plan)
    else:
        scaffold.environment(draft, plan)
    for name in (directory, f"{directory}/versions") if wishes.package else ():
        draft.create(f"{name}/__init__.py", "")
    propose_settings(draft, survey, specs)
    ignore_own_files(draft)
    return Proposal(
        mode="create",
        survey=survey,
        directory=directory,
        models=specs,
        variable=plan.variable,
        changes=draft.changes(),
        notes=tuple(_doubts(survey, specs, home(draft, survey))),
        directories=(f"{directory}/versions",),
        begins_models=is_first,
    )


def _first_models(survey: Survey) -> tuple[str, str]:
    """The file of a first models module, and its value of the `models` setting."""
    home = f"{survey.source}/" if survey.source else ""
    if len(survey.packages) == 1:
        (package,) = survey.packages
        return f"{home}{package}/models.py", f"{package}.models:Base"
    return f"{home}models.py", "models:Base"


def _variable(survey: Survey) -> str:
    return survey.variables[0] if len(survey.variables) == 1 else DATABASE_URL


def _doubts(survey: Survey, specs: tuple[str, ...], place: str) -> Iterator[str]:
    """What the user should know or decide."""
    if not specs:
        yield f'no models were found; name them {place}: models = "package.module:Base"'
    elif not survey.models.has_convention and specs == survey.models.specs:
        yield (
            f"{specs[0]} has no naming convention: constraints get names that migrations "
            "cannot rely on; see https://alembic.sqlalchemy.org/en/latest/naming.html"
        )
    if survey.models.unseen:
        yield (
            f"env.py does not import {', '.join(survey.models.unseen)}: "
            "alembic revision --autogenerate would drop the tables of those modules"
        )
    if len(survey.engines) > 1:
        yield (
            f"several engines were found ({', '.join(survey.engines)}); name the application's "
            f'{place}: engine = "package.module:name"'
        )
    if len(survey.variables) > 1 and DATABASE_URL not in survey.variables:
        yield (
            f"the application reads several URLs ({', '.join(survey.variables)}); name the one "
            f'to migrate {place}: url = "env:NAME"'
        )
    if survey.loose_environment:
        yield (
            f"{survey.loose_environment}/env.py was there without a configuration; if that lies "
            "elsewhere, run dbtool init -c FILE instead"
        )
    found = survey.environment
    if found is not None and found.section != "alembic":
        choices = " or ".join(f"-n {each}" for each in found.sections)
        yield f"{found.config} has no [alembic] section: give {choices} with every command"
