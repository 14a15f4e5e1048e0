"""The files of a new Alembic environment: dbtool's own, or one of Alembic's templates."""

import io
from contextlib import chdir, redirect_stdout
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from dbtool.errors import UsageError
from dbtool.files import temporary_directory
from dbtool.migrate.init.draft import Draft
from dbtool.settings.project import ALEMBIC_INI, PYPROJECT

TEMPLATES = ("generic", "async", "multidb", "pyproject", "pyproject_async")
"""Alembic's own templates."""

_PLACEHOLDER = (
    "# from myapp import mymodel\n"
    "# target_metadata = mymodel.Base.metadata\n"
    "target_metadata = None\n"
)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a new environment is made of: where it goes, what it reads, how imports begin.

    `source` is the directory that imports start from: empty for the project root.
    """

    directory: str
    models: tuple[str, ...]
    variable: str
    source: str = ""
    uses_sqlmodel: bool = False


def models_stub(draft: Draft, path: str) -> None:
    """A first models module, with a naming convention."""
    if draft.text(path) is not None:
        raise UsageError(
            f'"{path}" exists, and no models were found in it',
            detail="No class derives from DeclarativeBase or SQLModel, and there is no MetaData.",
            hint="Say where the models are: dbtool init --models package.module:Base.",
        )
    draft.put(path, _text("models.py"))


def environment(draft: Draft, plan: Plan) -> None:
    """An async environment of our own, wired to the models."""
    configuration(draft, plan)
    for name in ("env.py", "script.py.mako"):
        draft.create(f"{plan.directory}/{name}", _filled(_text(name), plan))


def configuration(draft: Draft, plan: Plan) -> None:
    """[tool.alembic] where there is a pyproject.toml that can take it, else alembic.ini."""
    if draft.text(PYPROJECT) is not None:
        table = _filled(_text("tool_alembic.toml"), plan)
        if draft.append_table(PYPROJECT, table):
            return
    draft.create(ALEMBIC_INI, _filled(_text("alembic.ini"), plan))


def wiring(specs: tuple[str, ...]) -> tuple[str, str]:
    """The imports that register every table, and the expression for target_metadata."""
    if not specs:
        return "", "None"
    pairs = [(module, name) for module, _, name in (spec.partition(":") for spec in specs)]
    taken = [(module, name) for module, name in pairs if name not in ("", "SQLModel")]
    whole = [module for module, name in pairs if name in ("", "SQLModel")]
    values = [
        name if name.lower().endswith("metadata") else f"{name}.metadata" for _, name in taken
    ]
    lines = [f"import {module}  # noqa: F401 - registers its tables" for module in sorted(whole)]
    if len(taken) < len(pairs) and (not taken or ("SQLModel" in dict(pairs).values())):
        lines.append("from sqlmodel import SQLModel")
        values.append("SQLModel.metadata")
    lines += sorted(f"from {module} import {name.split('.')[0]}" for module, name in taken)
    metadata = values[0] if len(values) == 1 else f"[{', '.join(values)}]"
    return "\n" + "\n".join(lines) + "\n", metadata


def from_alembic(draft: Draft, template: str, plan: Plan) -> None:
    """What `alembic init` would write, with the models named in env.py where they are known."""
    with temporary_directory("dbtool-init-") as written:
        _run_alembic(written, template, plan.directory)
        for path in sorted(each for each in written.rglob("*") if each.is_file()):
            name = path.relative_to(written).as_posix()
            text = path.read_text(encoding="utf-8")
            if name == PYPROJECT:
                _append(draft, text)
            elif name == f"{plan.directory}/env.py":
                draft.create(name, _wired(text, plan.models))
            else:
                draft.create(name, _from_source(text, plan.source))


def _run_alembic(into: Path, template: str, directory: str) -> None:
    from alembic import command
    from alembic.config import Config

    with chdir(into), redirect_stdout(io.StringIO()):
        command.init(Config(ALEMBIC_INI, toml_file=PYPROJECT), directory, template)


def _append(draft: Draft, table: str) -> None:
    if not draft.append_table(PYPROJECT, table):
        raise UsageError(
            f"{PYPROJECT} cannot take a [tool.alembic] section at its end",
            hint="Choose the template generic or async: they write alembic.ini.",
        )


def _wired(text: str, specs: tuple[str, ...]) -> str:
    imports, metadata = wiring(specs)
    first = "from alembic import context\n"
    if not specs or _PLACEHOLDER not in text:
        return text
    text = text.replace(_PLACEHOLDER, f"target_metadata = {metadata}\n")
    return text.replace(first, first + imports, 1)


def _from_source(text: str, source: str) -> str:
    if not source:
        return text
    return text.replace("\nprepend_sys_path = .\n", f"\nprepend_sys_path = {source}\n", 1)


def _text(name: str) -> str:
    return (files("dbtool.migrate") / "templates" / f"{name}.txt").read_text(encoding="utf-8")


def _filled(text: str, plan: Plan) -> str:
    imports, metadata = wiring(plan.models)
    values = {
        "DIRECTORY": plan.directory,
        "SOURCE": f"/{plan.source}" if plan.source else "",
        "VARIABLE": plan.variable,
        "IMPORTS": imports,
        "METADATA": metadata,
        "SQLMODEL": "import sqlmodel\n" if plan.uses_sqlmodel else "",
    }
    for name, value in values.items():
        text = text.replace(f"@{name}@", value)
    return text
