"""Alembic's comparison of models and database, and each difference in words."""

import textwrap
from collections.abc import Iterable, Iterator
from typing import Any

from alembic.autogenerate import RevisionContext
from alembic.autogenerate.render import render_op_text
from alembic.operations import ops
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError

from dbtool.errors import OperationError
from dbtool.migrate.difference import Difference
from dbtool.migrate.environment import Loaded
from dbtool.migrate.logs import quiet_alembic
from dbtool.migrate.verbatim import verbatim

NO_MODELS = OperationError(
    "env.py gives Alembic no models to compare",
    detail="It passes no target_metadata to context.configure().",
    hint="In env.py: import your models, then set target_metadata = Base.metadata.",
)


def arguments(**given: object) -> dict[str, Any]:
    """The arguments of `alembic revision`, with Alembic's defaults."""
    defaults: dict[str, Any] = {
        "message": None,
        "autogenerate": True,
        "sql": False,
        "head": "head",
        "splice": False,
        "branch_label": None,
        "version_path": None,
        "rev_id": None,
        "depends_on": None,
    }
    return {**defaults, **given}


def prepared(loaded: Loaded, given: dict[str, Any]) -> RevisionContext:
    """Alembic's object that carries a comparison through env.py."""
    return RevisionContext(loaded.config, loaded.script, given)


def options_for(context: RevisionContext) -> dict[str, object]:
    """What env.py's context needs to know about the comparison."""
    return {"template_args": context.template_args, "revision_context": context}


def compare(comparison: RevisionContext, at: tuple[str, ...], context: MigrationContext) -> None:
    """Compare what env.py has configured; the database must be at the heads."""
    try:
        comparison.run_autogenerate(at, context)
    except CommandError as error:
        if "does not provide a MetaData" in str(error):
            raise NO_MODELS from error
        raise OperationError(str(error)) from error


def is_at_heads(script: ScriptDirectory, at: tuple[str, ...]) -> bool:
    """Whether Alembic would compare at all."""
    return set(script.get_revisions(at)) == set(script.get_revisions("heads"))


def differences(comparison: RevisionContext, context: MigrationContext | None) -> list[Difference]:
    """Every difference found; a hook of env.py may have removed them all."""
    found: list[Difference] = []
    with quiet_alembic():
        for revision in comparison.generated_revisions:
            for upgrade in revision.upgrade_ops_list:
                found.extend(_difference(each, context) for each in _leaves(upgrade.ops))
    return found


def _leaves(operations: Iterable[ops.MigrateOperation]) -> Iterator[ops.MigrateOperation]:
    for operation in operations:
        if isinstance(operation, ops.OpContainer):
            yield from _leaves(operation.ops)
        elif not isinstance(operation, ops.AlterColumnOp) or operation.has_changes():
            yield operation


def _difference(operation: ops.MigrateOperation, context: MigrationContext | None) -> Difference:
    kind, name, text = _told(operation)
    drops = isinstance(operation, ops.DropTableOp | ops.DropColumnOp)
    return Difference(kind, name, text, _code(operation, context), drops)


def _code(operation: ops.MigrateOperation, context: MigrationContext | None) -> str:
    if context is None:
        return ""
    try:
        text = render_op_text(verbatim(context), operation)
    except Exception:  # a team's own renderer may fail in any way
        return ""
    return textwrap.dedent(text).strip()


def _told(operation: ops.MigrateOperation) -> tuple[str, str, str]:
    match operation:
        case ops.CreateTableOp():
            name = _qualified(operation.schema, operation.table_name)
            return "missing-table", name, f"table {name} is in the models, not in the database"
        case ops.DropTableOp():
            name = _qualified(operation.schema, operation.table_name)
            return "extra-table", name, f"table {name} is in the database, not in the models"
        case ops.AlterColumnOp():
            return _column(operation)
        case ops.AddColumnOp():
            name = f"{_table(operation)}.{operation.column.name}"
            return "missing-column", name, f"column {name} is in the models, not in the database"
        case ops.DropColumnOp():
            name = f"{_table(operation)}.{operation.column_name}"
            return "extra-column", name, f"column {name} is in the database, not in the models"
    return _object(operation)


def _object(operation: ops.MigrateOperation) -> tuple[str, str, str]:
    match operation:
        case ops.CreateIndexOp() | ops.DropIndexOp():
            what, name = "index", str(operation.index_name)
        case ops.AddConstraintOp() | ops.DropConstraintOp():
            name = str(operation.constraint_name or "without a name")  # type: ignore[union-attr]
            what = f"{(operation.constraint_type or '').replace('key', ' key')} constraint".strip()
        case ops.CreateTableCommentOp() | ops.DropTableCommentOp():
            name = _table(operation)
            return "different-comment", name, f"table {name} has another comment in the database"
        case _:
            return _foreign(operation)
    on = f" on {_table(operation)}"
    missing = isinstance(operation, ops.CreateIndexOp | ops.AddConstraintOp)
    where = (
        "in the models, not in the database" if missing else "in the database, not in the models"
    )
    kind = f"{'missing' if missing else 'extra'}-{what.rpartition(' ')[2]}"
    return kind, name, f"{what} {name}{on} is {where}"


_SIDES = {
    "Create": ("missing", "is in the models, not in the database"),
    "Drop": ("extra", "is in the database, not in the models"),
    "Replace": ("different", "is another in the database"),
}


def _foreign(operation: ops.MigrateOperation) -> tuple[str, str, str]:
    """An operation of a library that keeps functions, views and the like beside the models."""
    said, target = type(operation).__name__.removesuffix("Op"), getattr(operation, "target", None)
    kind, name = getattr(target, "type_", None), getattr(target, "signature", None)
    if kind is None or name is None or said not in _SIDES:
        return "different-object", said, f"the database needs {said}"
    schema = getattr(target, "schema", "public")
    shown = str(name) if schema == "public" else f"{schema}.{name}"
    side, words = _SIDES[said]
    return f"{side}-{kind}", shown, f"{kind} {shown} {words}"


def _table(operation: Any) -> str:
    name = getattr(operation, "table_name", None) or getattr(operation, "source_table", "")
    return _qualified(getattr(operation, "schema", None), str(name))


def _qualified(schema: str | None, name: str) -> str:
    return f"{schema}.{name}" if schema else name


def _column(operation: ops.AlterColumnOp) -> tuple[str, str, str]:
    name = f"{_table(operation)}.{operation.column_name}"
    changes = []
    if operation.modify_type is not None:
        changes.append(
            f"its type is {operation.existing_type} in the database,"
            f" {operation.modify_type} in the models"
        )
    if operation.modify_nullable is not None:
        models = "may be NULL" if operation.modify_nullable else "is NOT NULL"
        database = "is NOT NULL" if operation.modify_nullable else "may be NULL"
        changes.append(f"it {database} in the database, {models} in the models")
    if operation.modify_server_default is not False:
        old, new = operation.existing_server_default, operation.modify_server_default
        changes.append(
            f"its default is {_default(old)} in the database, {_default(new)} in the models"
        )
    if operation.modify_comment is not False:
        changes.append("its comment differs")
    return "different-column", name, f"column {name}: {'; '.join(changes) or 'it differs'}"


def _default(default: Any) -> str:
    if default is None or default is False:
        return "none"
    inner = getattr(default, "arg", getattr(default, "sqltext", default))
    return str(getattr(inner, "text", inner))
