"""What a rule asks of the other statements of a migration."""

from dbtool.lint.actions import Action, DropNotNull, Rename, SetNotNull
from dbtool.lint.course import course
from dbtool.lint.read import read_all
from dbtool.lint.schema import Name
from dbtool.statement import Statement

ORDERS = Name("", "orders")


def kinds(number: int, column: str, *texts: str) -> list[type[Action]]:
    """What the statements behind one do with a column of the orders."""
    statements = [Statement(text, "a.sql", line) for line, text in enumerate(texts, 1)]
    found = course(statements, read_all(texts)).later(number, ORDERS, column)
    return [type(each) for each in found]


def test_later_changes_of_a_column() -> None:
    """Only what stands behind the statement counts, however the names are written."""
    texts = (
        "ALTER TABLE orders ALTER note DROP NOT NULL",
        "ALTER TABLE items ALTER note SET NOT NULL, ALTER state SET NOT NULL",
        "ALTER TABLE shop.ORDERS ALTER NOTE SET NOT NULL",
        'ALTER TABLE "orders" RENAME COLUMN note TO remark',
    )
    assert kinds(-1, "note", *texts) == [DropNotNull, SetNotNull, Rename]
    assert kinds(0, "note", *texts) == [SetNotNull, Rename]
    assert kinds(3, "note", *texts) == []
    assert kinds(0, "state", *texts) == []


def test_a_call_with_several_statements() -> None:
    """A call that rendered more than one statement stands for none of them alone."""
    first = Statement("SELECT 1", "a.py", 3, operation="op.execute")
    second = Statement("SELECT 2", "a.py", 3, operation="op.execute")
    other = Statement("SELECT 3", "a.py", 4, operation="op.execute")
    found = course([first, second, other], read_all(["SELECT 1", "SELECT 2", "SELECT 3"]))
    assert [found.stands_alone(each) for each in (first, second, other)] == [False, False, True]
