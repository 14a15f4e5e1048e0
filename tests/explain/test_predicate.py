"""Conditions of plans taken apart: only what an index could serve comes out."""

import pytest

from dbtool.explain.indexes import key_columns
from dbtool.explain.predicate import Term, terms


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("(o.a = 1)", [Term("a", "=")]),
        ("(a = 1)", [Term("a", "=")]),
        ("(42 < o.a)", [Term("a", ">")]),
        ("(o.a IS NULL)", [Term("a", "IS NULL")]),
        ("(o.a IS NOT NULL)", []),
        ("(o.a = ANY ('{1,2}'::integer[]))", [Term("a", "=")]),
        ("((o.a)::text = 'x'::text)", [Term("a", "=")]),
        ("((o.a)::numeric > 1.5)", [Term("a", ">", "numeric")]),
        ("(o.a = $1)", [Term("a", "=")]),
        ("(o.a = (InitPlan 1).col1)", [Term("a", "=")]),
        ("(o.a ~~ 'x%'::text)", [Term("a", "~~")]),
        ("(o.a = c.b)", [Term("a", "=")]),
        ("(c.b >= o.a)", [Term("a", "<=")]),
        ('(o."A b" = 1)', [Term("A b", "=")]),
        ("((o.a = 1) AND (o.b > 2))", [Term("a", "="), Term("b", ">")]),
        ("((NOT (hashed SubPlan 1)) AND (o.a = 2))", [Term("a", "=")]),
        ("((o.a = 1) OR (o.b = 2))", []),
        ("(NOT o.a)", []),
        ("(o.a = o.b)", []),
        ("(o.a = (o.b + 1))", []),
        ("(lower(o.a) = 'x'::text)", []),
        ("((o.a % 7) = 3)", []),
        ("(c.a = 1)", []),
        ("(hashed SubPlan 1)", []),
        ("(SubPlan 1)", []),
        ("not a condition (", []),
        ("", []),
    ],
)
def test_terms(condition: str, expected: list[Term]) -> None:
    """Plain comparisons of a column of the table with something else, joined by AND."""
    assert list(terms(condition, "o")) == expected


def test_key_columns_put_equality_first() -> None:
    """Fixed columns lead, then one that is bounded; a second range would not narrow the scan."""
    found = (Term("d", ">"), Term("a", "="), Term("e", "<"), Term("b", "IS NULL"), Term("a", ">"))
    assert key_columns(found) == ("a", "b", "d")
    assert key_columns((Term("a", "~~"),)) == ()


@pytest.mark.parametrize(
    ("stored", "cast"),
    [("", ""), ("text", ""), ("character varying", ""), ("uuid", "text"), ("citext", "text")],
)
def test_a_cast_to_text_converts_what_is_no_text(stored: str, cast: str) -> None:
    """PostgreSQL prints the cast of a varchar too, which its index does not mind."""
    found = terms("((o.a)::text = 'x'::text)", "o", {"a": stored} if stored else {})
    assert found == (Term("a", "=", cast),)


def test_a_condition_on_tables_by_other_names() -> None:
    """Each reads its own columns; what only looks like its name is left as it is."""
    for alias in ("t_1", "t_2"):
        text = f"(({alias}.k = u.k) AND ({alias}.s = 't_1.s'::text) AND (t_3.k = {alias}.v))"
        assert [term.column for term in terms(text, alias)] == ["k", "s", "v"]
        assert terms(text, "t_3") == (Term("k", "="),)
    assert terms('("t_1".k = 1)', "t_1") == (Term("k", "="),)
    assert terms("(at_1.k = 1)", "t_1") == ()
    assert terms("(s.t_1.k = 1)", "t_1") == (Term("k", "="),)
