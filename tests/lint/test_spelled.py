"""Proposals in SQL: what is plain to see in their text is what their syntax tree says."""

import ast

import pytest

from dbtool.lint.fixing import sql
from dbtool.lint.fixing.spelled import spelled

LONG = '''\
op.execute(
    """
    CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        NEW."a b" := ')';

        RETURN NEW;
    END $$
    """
)'''
PLAIN = (
    "op.execute(\"ALTER TABLE t ADD CHECK (a > 'x')\")",
    f'with op.get_context().autocommit_block():\n    op.execute("VACUUM t")\n# why\n{LONG}',
    'op.alter_column("t", "Old", nullable=False, schema="s")',
    'op.drop_column(\n    "t",\n    "a",\n    schema="s",\n)\nop.drop_table("t")',
    'op.drop_index("i", table_name="t", if_exists=True)',
)
OTHERS = (
    'op.execute("SELECT \'a\\"b\'")',
    'op.create_index("i", "t", ["a", sa.text("lower(b)")], postgresql_concurrently=True)',
    'op.create_check_constraint(op.f("c"), "t", sa.text("a > 0"), postgresql_not_valid=True)',
    'for each in (1, 2):\n    op.drop_table("t")',
    'op.drop_table("t"',
    'op.drop_table("t" "u")',
    'x = op.drop_table("t")',
)


@pytest.mark.parametrize("code", PLAIN)
def test_plain_calls_are_read_as_their_tree_would_be(code: str) -> None:
    """Text, names and yes or no, on one line or several, within a block or not."""
    by_text = spelled(code)
    assert by_text is not None
    by_tree = [*sql._calls(ast.parse(code).body)]
    assert [*map(sql._statement, by_text)] == [*map(sql._statement, by_tree)]


@pytest.mark.parametrize("code", OTHERS)
def test_anything_else_is_left_to_the_tree(code: str) -> None:
    """Escapes, lists, calls within calls and what is no call are not guessed at."""
    assert spelled(code) is None
