"""Conditions of plans as terms that an index of some kind could answer."""

from dataclasses import replace

import pytest

from dbtool.explain.advice.operators import lacking
from dbtool.explain.advice.tables import Column, Known, Part, Table
from dbtool.explain.advice.terms import conditions


def holding(kind: str) -> Table:
    """A table whose note is of a type; it has none where that is not known."""
    columns = {"note": Column("note", kind, "S")} if kind else {}
    root = ("public", "t")
    return Table(*root, "r", root, 9000.0, 90, 90, columns, (), 0, 0, 0, 0)


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
    condition = "(t.note ~~ '%x%'::text)"
    (term,) = conditions(condition, "t", {"note"}).every
    said = lacking(term, condition, holding("text"), Known(18, "C", (), (), ()))
    assert "CREATE EXTENSION pg_trgm, which is not installed" in said
    assert "not tried here: CREATE INDEX CONCURRENTLY … USING gin (note gin_trgm_ops)" in said
    parted = replace(holding("text"), kind="p")
    said = lacking(term, condition, parted, Known(18, "C", (), (), ()))
    assert "not tried here: an index USING gin (note gin_trgm_ops); the table is part" in said
    foreign = replace(parted, parts=(Part("public", "f", parted.key, foreign=True),))
    said = lacking(term, condition, foreign, Known(18, "C", (), (), ()))
    assert said.endswith("the local partitions can be indexed one by one")
    has = Known(18, "C", ("pg_trgm",), (), ())
    assert lacking(term, condition, holding("text"), has) == ""


@pytest.mark.parametrize(
    ("kind", "condition", "named"),
    [
        ("text", "(note ~~* '%x%'::text)", True),
        ("text", "((t.id = 1) AND (t.note ~ 'x'::text))", True),
        ("character varying", "((t.note)::text ~~ '%x%'::text)", True),
        ("text", "(((t.note)::character varying(9))::text ~~ '%x%'::text)", False),
        ("text", "((t.note)::text ~~ '%x%'::text)", False),
        ("integer", "((t.note)::text ~~ '%x%'::text)", False),
        ("text[]", "((t.note)::text ~~ '%x%'::text)", False),
        ("character", "(t.note ~~ '%x%'::text)", False),
        ("character", "((t.note)::text ~~ '%x%'::text)", False),
        ("bytea", "(t.note ~~ '\\x25'::bytea)", False),
        ("citext", "(t.note ~~ '%x%'::citext)", False),
        ("citext", "((t.note)::text ~~ '%x%'::text)", False),
        ("", "(t.note ~~ '%x%'::text)", False),
    ],
)
def test_a_trigram_index_takes_a_text_as_it_is(kind: str, condition: str, named: bool) -> None:
    """None is named on what PostgreSQL refuses it for, or on what the condition does not search."""
    texts = {"note"} if kind in ("text", "character", "character varying", "citext") else set()
    (term,) = (each for each in conditions(condition, "t", texts).every if each.operator[0] == "~")
    said = lacking(term, condition, holding(kind), Known(18, "C", (), (), ()))
    assert ("USING gin (note gin_trgm_ops)" in said) == named
    assert bool(said) == named


def test_a_search_in_an_expression_lacks_the_extension() -> None:
    """Its type is not known, so no index on it is named."""
    condition = "(lower(t.note) ~~ '%x%'::text)"
    (term,) = conditions(condition, "t", {"note"}).every
    said = lacking(term, condition, holding("text"), Known(18, "C", (), (), ()))
    assert said.startswith("lower(note) is searched in the middle of the text")
    assert "gin_trgm_ops" not in said
