"""`op.drop_constraint(None, …)`, which autogenerate writes and no run survives: its correction."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from dbtool.errors import OperationError
from dbtool.migrate.undoing import Literal, Undoing

if TYPE_CHECKING:
    from dbtool.database.sync import SyncConnection

_KINDS = {"foreignkey": "f", "unique": "u", "check": "c", "primary": "p"}
_CREATORS = {"create_foreign_key": "foreignkey", "create_unique_constraint": "unique"}
_FOUND = """
    SELECT c.conname, ARRAY(SELECT a.attname::pg_catalog.text
             FROM pg_catalog.unnest(c.conkey) WITH ORDINALITY k (attnum, place)
             JOIN pg_catalog.pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.attnum
            ORDER BY k.place)
      FROM pg_catalog.pg_constraint c
      JOIN pg_catalog.pg_class t ON t.oid = c.conrelid
      JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace
     WHERE t.relname = $1 AND ($3 = '' OR c.contype = $3::pg_catalog.text::"char")
       AND CASE WHEN $2 = '' THEN pg_catalog.pg_table_is_visible(t.oid) ELSE n.nspname = $2 END
     ORDER BY c.conname
"""


def refusal(
    revision: str,
    file: str,
    calls: Sequence[Literal],
    undoing: Undoing,
    connection: "SyncConnection",
    state: str,
) -> OperationError:
    """Each call with its line, and the call that would work here."""
    created = list(undoing.created)
    lines, corrected = [], []
    for call in calls:
        lines.append(f"{file}:{call.line}: {call.source}")
        corrected.append(f"line {call.line}: {_corrected(call, created, connection)}")
    return OperationError(
        f"revision {revision} cannot be downgraded: it drops a constraint without naming it",
        detail="\n".join([*lines, state]),
        hint="\n".join(
            [
                "Name it as this database has it:",
                *corrected,
                "A naming_convention in the models' MetaData names all of them from the start.",
            ]
        ),
    )


def _corrected(call: Literal, created: list[Literal], connection: "SyncConnection") -> str:
    table, kind = _argument(call, 1, "table_name"), _argument(call, 2, "type_")
    schema = call.named.get("schema") or ""
    found = connection.fetch(_FOUND, str(table), schema, _KINDS.get(kind or "", ""))
    columns = _columns(table, kind, created)
    names = [row[0] for row in found if columns is None or list(row[1]) == columns]
    if not names:
        return f"it has none such on {table}; leave the call out if that is as it should be"
    end = f", schema={schema!r}" if schema else ""
    end = (f", type_={kind!r}" if kind else "") + end
    return " or ".join(f"op.drop_constraint({name!r}, {table!r}{end})" for name in names)


def _columns(table: str | None, kind: str | None, created: list[Literal]) -> list[str] | None:
    """The columns of the constraint; autogenerate drops in the reverse order of creation."""
    for each in reversed(created):
        if _CREATORS.get(each.name) != kind or _argument(each, 1, "source_table") != table:
            continue
        place, word = (3, "local_cols") if kind == "foreignkey" else (2, "columns")
        columns = _argument(each, place, word)
        if isinstance(columns, list | tuple):
            created.remove(each)
            return list(columns)
    return None


def _argument(call: Literal, place: int, word: str) -> Any:
    """An argument, by its place or its name; tables have two names."""
    if len(call.arguments) > place:
        return call.arguments[place]
    return call.named.get(word, call.named.get("table_name") if place == 1 else None)
