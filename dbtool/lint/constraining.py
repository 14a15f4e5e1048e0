"""What the rules about new constraints have in common: the name, and the way without a scan."""

from collections.abc import Iterable

from dbtool.finding import Fix
from dbtool.lint.actions import AddConstraint
from dbtool.lint.code import KEPT, execute, sql_name
from dbtool.lint.code.constraints import not_valid_chain, partition_keys
from dbtool.lint.code.statements import definition
from dbtool.lint.effects.proofs import not_null_proven
from dbtool.lint.replay.naming import constraint_name
from dbtool.lint.schema import Table
from dbtool.lint.subject import Subject


def name_of(subject: Subject, action: AddConstraint) -> str:
    """The constraint's name; where nobody gave one, the one that the server will."""
    if action.constraint.name:
        return action.constraint.name
    if action.constraint.index:
        return action.constraint.index
    table = subject.table(action.table)
    taken = {*table.constraints, *table.indexes} if table else set()
    return constraint_name(action.table.name, action.constraint, taken)


def not_valid_fix(subject: Subject, action: AddConstraint, place: int, name: str) -> Fix:
    """Add it NOT VALID, and validate it in the next revision."""
    code = not_valid_chain(action.table, name, subject.statement, place)
    return Fix(
        "python",
        beside_column(subject, action.constraint.kind) + code,
        "hold new rows to it now, and prove the old ones afterwards",
    )


def beside_column(subject: Subject, what: str) -> str:
    """What to keep of a call that adds a column and more: the fix is about the rest alone."""
    column = subject.statement.operation == "op.add_column"
    return f"{KEPT}{what}\n" if column else ""


def nullable(table: Table | None, columns: Iterable[str]) -> tuple[str, ...]:
    """The columns that are not known to be without nulls."""
    return tuple(each for each in columns if table is None or not not_null_proven(table, each))


def partition_keys_fix(subject: Subject, action: AddConstraint, place: int) -> Fix | None:
    """Give each partition the foreign key first; that of the whole is made of theirs."""
    table = subject.table(action.table)
    if table is None:
        return None
    columns = "_".join(action.constraint.columns)
    partitions = [
        (each.name, f"{each.name.name}_{columns}_fkey")
        for each in subject.schema.family(table)
        if not each.partition_by
    ]
    said = definition(subject.statement.sql, place).removesuffix(" NOT VALID")
    name = sql_name(name_of(subject, action))
    last = execute(f"ALTER TABLE {sql_name(action.table)} ADD CONSTRAINT {name} {said}")
    code = partition_keys(partitions, said, last)
    return Fix("python", code, "prove it partition by partition, while writes go on")
