"""Conditions of plans as terms that an index of some kind could answer."""

import pytest

from dbtool.explain.advice.operators import lacking
from dbtool.explain.advice.tables import Known
from dbtool.explain.advice.terms import Side, Term, conditions


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("(o.a = 1)", ["a = 1"]),
        ("(1 < o.a)", ["a > 1"]),
        ("((o.s)::text = 'x'::text)", ["s = 'x'"]),
        ("((o.a)::text = 'x'::text)", ["a = 'x' as text"]),
        ("((o.a)::numeric > 1.5)", ["a > 1.5 as numeric"]),
        ("(lower((o.s)::text) = 'x'::text)", ["lower(s) = 'x'"]),
        ("(lower((o.a)::text) = 'x'::text)", ["lower(a::text) = 'x'"]),
        ("((o.d ->> 'k'::text) = 'v'::text)", ["(d ->> 'k') = 'v'"]),
        ("(o.tags @> '{a}'::text[])", ["tags @> '{a}'"]),
        ("('{a}'::text[] <@ o.tags)", ["tags @> '{a}'"]),
        ("('x'::text = ANY (o.tags))", ["tags = ANY 'x'"]),
        ("(o.a = ANY ('{1,2}'::integer[]))", ["a = ANY ('{1,2}')"]),
        ("(o.b IS NULL)", ["b IS NULL "]),
        ("(o.b AND (NOT o.c))", ["b IS TRUE ", "c IS FALSE "]),
        ("(o.a = c.id)", ["a =  of c"]),
        ("(o.a = $1)", ["a = "]),
        ('(o."A b" = 1)', ['"A b" = 1']),
        ("(o.a = o.b)", []),
        ("(c.a = 1)", []),
        ("not a condition (", []),
    ],
)
def test_terms(condition: str, expected: list[str]) -> None:
    """Key, operator and value; a cast that makes another value of it; the table it is joined to."""
    found = conditions(condition, "o", {"s"}).every
    told = [
        f"{each.key} {each.operator} {each.value}"
        + (f" as {each.cast}" if each.cast else "")
        + (f" of {each.other}" if each.other else "")
        for each in found
    ]
    assert told == expected


def test_either_side() -> None:
    """What OR joins is kept apart: each side needs an index of its own."""
    found = conditions("((o.a = 1) OR ((o.b = 2) AND (o.c > 3)))", "o")
    assert found.every == ()
    ((first, second),) = found.either
    assert [each.key for each in first] == ["a"]
    assert [each.key for each in second] == ["b", "c"]


@pytest.mark.parametrize(
    ("condition", "predicate"),
    [
        ("((o.s)::text = 'paid'::text)", "s = 'paid'"),
        ("(o.a = ANY ('{1,2}'::integer[]))", "a = ANY ('{1,2}')"),
        ("(o.b IS NOT NULL)", "b IS NOT NULL"),
        ("(NOT o.c)", "NOT c"),
        ("(o.a = $1)", ""),
        ("(o.a = c.id)", ""),
        ("(lower(o.s) = 'x'::text)", ""),
    ],
)
def test_predicates(condition: str, predicate: str) -> None:
    """Only what compares a column with a constant may be the condition of a partial index."""
    (term,) = conditions(condition, "o", {"s"}).every
    assert term.predicate == predicate


def test_what_a_search_in_the_middle_of_a_text_lacks() -> None:
    """The extension and the index are named, neither of which was tried; with it nothing lacks."""
    term = Term("note", "note", ("note",), "~~", Side.CONSTANT, "'%x%'")
    said = lacking(term, Known(18, "C", (), (), ()))
    assert "CREATE EXTENSION pg_trgm, which is not installed" in said
    assert "not tried here: CREATE INDEX CONCURRENTLY … USING gin (note gin_trgm_ops)" in said
    assert lacking(term, Known(18, "C", ("pg_trgm",), (), ())) == ""
