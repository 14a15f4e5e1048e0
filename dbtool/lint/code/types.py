"""A column's type changed while everybody goes on working: a new column, filled and swapped in."""

from dataclasses import dataclass

from dbtool.lint.code.calls import autocommit, call, chain, execute, sql_name, string
from dbtool.lint.code.columns import not_null_steps, within
from dbtool.lint.code.indexes import create_index, partitioned_index
from dbtool.lint.code.rows import in_batches
from dbtool.lint.expression import Expression, Form
from dbtool.lint.schema import Column, Index, Name, Table, Type
from dbtool.lint.values import replace

_BLOCKS = 1000

_SQLALCHEMY = {
    "int2": "sa.SmallInteger()",
    "int4": "sa.Integer()",
    "int8": "sa.BigInteger()",
    "float8": "sa.Double()",
    "float4": "sa.REAL()",
    "bool": "sa.Boolean()",
    "text": "sa.Text()",
    "date": "sa.Date()",
    "timestamp": "sa.DateTime()",
    "timestamptz": "sa.DateTime(timezone=True)",
    "uuid": "sa.Uuid()",
    "json": "postgresql.JSON()",
    "jsonb": "postgresql.JSONB()",
    "bytea": "sa.LargeBinary()",
}
_WITH_MODIFIERS = {"varchar": "sa.String", "bpchar": "sa.CHAR", "numeric": "sa.Numeric"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A column and the type it is to get; `value` is what stands behind USING.

    `written` is the table's name as the statement has it; `known` what is known of the table;
    `referring` is what uses the column from outside: foreign keys and views;
    `below` are the partitions and children that it has.
    """

    written: Name
    column: str
    type: Type
    value: str = ""
    known: Table | None = None
    referring: tuple[str, ...] = ()
    below: tuple[Table, ...] = ()

    @property
    def parts(self) -> tuple[Name, ...]:
        """The other tables that hold rows, their names written as that of the table is."""
        return tuple(
            Name(self.written.schema and each.name.schema, each.name.name)
            for each in self.below
            if not each.partition_by
        )

    @property
    def beside(self) -> str:
        """The name of the new column until it is swapped in."""
        return f"{self.column}_new"

    @property
    def before(self) -> Column:
        """The column as it is, as far as it is known."""
        found = self.known.columns.get(self.column) if self.known else None
        return found or Column(name=self.column)


def type_chain(change: Change) -> str:
    """The revisions: add it, fill it, index it, prove it, swap it, drop the old one."""
    table, beside = change.written, change.beside
    proofs = not_null_steps(table, beside) if change.before.not_null else ()
    return chain(
        "\n".join((_add(change), *_trigger(change))),
        _filled(change),
        *(_index(change, each) for each in _indexes(change)),
        *proofs,
        "\n".join((*_notes(change), *_swap(change))),
        "\n".join(
            (
                "# once no running program knows the old column",
                call(
                    "drop_column",
                    string(table.name),
                    string(f"{change.column}_old"),
                    *within(table),
                ),
            )
        ),
    )


def _filled(change: Change) -> str:
    key = change.known.primary_key if change.known else ()
    new, old = sql_name(change.beside), sql_name(change.column)
    condition = f"{old} IS NOT NULL"
    if len(key) == 1:
        sql = (
            f"UPDATE {sql_name(change.written)} SET {new} = {_value(change)}"
            f" WHERE {new} IS NULL AND {condition}"
        )
        if batches := in_batches(sql, change.written, key[0]):
            return batches
    return "\n".join(
        backfill(part, change.beside, _value(change), condition)
        for part in change.parts or (change.written,)
    )


def backfill(table: Name, column: str, value: str, condition: str = "") -> str:
    """Fill a column of a table whose key is not known, a stretch of it at a time."""
    where, name = sql_name(table), sql_name(column)
    more = f" AND {condition}" if condition else ""
    sql = f"""\
DO $$
DECLARE
    blocks bigint := pg_relation_size('{where}') / current_setting('block_size')::int;
BEGIN
    FOR block IN 0..blocks BY {_BLOCKS} LOOP
        UPDATE {where} SET {name} = {value}
        WHERE ctid >= ('(' || block || ',0)')::tid
            AND ctid < ('(' || block + {_BLOCKS} || ',0)')::tid
            AND {name} IS NULL{more};
        COMMIT;
    END LOOP;
END $$"""
    return autocommit(execute(sql))


def sqlalchemy_type(type_: Type) -> str | None:
    """The type in SQLAlchemy's words; None for what only SQL can say."""
    if type_.array or type_.schema:
        return None
    if type_.name in _WITH_MODIFIERS:
        return f"{_WITH_MODIFIERS[type_.name]}({', '.join(map(str, type_.modifiers))})"
    return None if type_.modifiers else _SQLALCHEMY.get(type_.name)


def type_said(said: str) -> Type | None:
    """The type that SQLAlchemy's words stand for; None for others than those written here."""
    for name, words in _SQLALCHEMY.items():
        if words == said:
            return Type(name)
    words, _, modifiers = said.removesuffix(")").partition("(")
    names = [name for name, each in _WITH_MODIFIERS.items() if each == words]
    if not names:
        return None
    given = tuple(int(each) for each in modifiers.split(",") if each.strip())
    return Type(names[0], modifiers=given)


def _value(change: Change) -> str:
    return change.value or f"{sql_name(change.column)}::{change.type}"


def _add(change: Change) -> str:
    said = sqlalchemy_type(change.type)
    if said is None:
        where, name = sql_name(change.written), sql_name(change.beside)
        return execute(f"ALTER TABLE {where} ADD COLUMN {name} {change.type}")
    column = f"sa.Column({string(change.beside)}, {said})"
    return call("add_column", string(change.written.name), column, *within(change.written))


def _function(change: Change) -> str:
    return sql_name(Name(change.written.schema, f"{change.written.name}_{change.column}_in_step"))


def _trigger(change: Change) -> tuple[str, str]:
    """New rows get both columns, whichever program writes them."""
    new, old = sql_name(change.beside), sql_name(change.column)
    if change.value:
        alias = sql_name(change.written.name)
        filled = f"SELECT {change.value} INTO NEW.{new} FROM (SELECT NEW.*) AS {alias}"
    else:
        filled = f"NEW.{new} := NEW.{old}::{change.type}"
    function = _function(change)
    made = f"""\
CREATE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    {filled};
    RETURN NEW;
END $$"""
    name = sql_name(f"{change.written.name}_{change.column}_in_step")
    fires = f"""\
CREATE TRIGGER {name} BEFORE INSERT OR UPDATE ON {sql_name(change.written)}
FOR EACH ROW EXECUTE FUNCTION {function}()"""
    return execute(made), execute(fires)


def _swap(change: Change) -> tuple[str, ...]:
    table, place = string(change.written.name), within(change.written)
    name = sql_name(f"{change.written.name}_{change.column}_in_step")
    old = f"{change.column}_old"
    freed = ["nullable=True"] if change.before.not_null and not _in_key(change) else []
    default = _default(change)
    return (
        execute(f"DROP TRIGGER {name} ON {sql_name(change.written)}"),
        execute(f"DROP FUNCTION {_function(change)}()"),
        call(
            "alter_column",
            table,
            string(change.column),
            f"new_column_name={string(old)}",
            *freed,
            *place,
        ),
        call(
            "alter_column",
            table,
            string(change.beside),
            f"new_column_name={string(change.column)}",
            *([f"server_default=sa.text({string(default)})"] if default else []),
            *place,
        ),
    )


def _default(change: Change) -> str:
    default = change.before.default
    ours = change.before.identity or change.before.serial or change.before.generated
    return str(default) if default is not None and not ours and _plain(default) else ""


def _plain(default: Expression) -> bool:
    return all(node.form is not Form.OTHER for node in default.walk())


def _in_key(change: Change) -> bool:
    return change.known is not None and change.column in change.known.primary_key


def _indexes(change: Change) -> tuple[Index, ...]:
    """The plain indexes on the column, to be built on the new one."""
    if change.known is None:
        return ()

    def moved(index: Index) -> Index:
        return replace(
            index,
            name=f"{index.name}_new",
            table=change.written,
            columns=tuple(change.beside if c == change.column else c for c in index.columns),
            include=tuple(change.beside if c == change.column else c for c in index.include),
            expressions=tuple(e.renamed(change.column, change.beside) for e in index.expressions),
            predicate=index.predicate and index.predicate.renamed(change.column, change.beside),
        )

    return tuple(
        moved(index)
        for index in change.known.indexes.values()
        if index.uses(change.column) and not index.constraint and index.name
    )


def _index(change: Change, index: Index) -> str:
    if change.known is not None and change.known.partition_by:
        return partitioned_index(index, (change.known, *change.below))
    return create_index(index)


def _notes(change: Change) -> tuple[str, ...]:
    """What else hangs on the column and has to be moved by hand."""
    if change.known is None:
        return ()
    named = [
        each.name for each in change.known.constraints.values() if change.column in each.columns
    ]
    named += change.referring
    if change.before.identity or change.before.serial:
        named.append("its sequence")
    return (f"# before this, made anew on {change.beside}: {', '.join(named)}",) if named else ()
