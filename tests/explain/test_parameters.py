"""Placeholders of every style are numbered, and bound by the types of the server."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbtool.errors import UsageError
from dbtool.explain.given import InOrder
from dbtool.explain.parameters import assign, bind, number

NAMELESS = "a parameter of the statement has a name, and a value was given without one"


@pytest.mark.parametrize(
    ("text", "numbered", "names"),
    [
        ("select $2, $1", "select $2, $1", ("$1", "$2")),
        ("select :a, :b, :a, x::int", "select $1, $2, $1, x::int", ("a", "b")),
        ("x = %s and y = %s", "x = $1 and y = $2", ("%s", "%s")),
        ("x = %(id)s or y = %(id)s", "x = $1 or y = $1", ("id",)),
        ("x = ? and y in (?, ?)", "x = $1 and y in ($2, $3)", ("?", "?", "?")),
        ("x>=? and y<>%s and z=:c", "x>=$1 and y<>$2 and z=$3", ("?", "%s", "c")),
        ("limit :n offset :m", "limit $1 offset $2", ("n", "m")),
        ("x = any(:ids)", "x = any($1)", ("ids",)),
        ("x = :'name'", "x = $1", ("name",)),
        ("é = :é, :x", "é = :é, $1", ("x",)),
        ("j ? 'k', j ?| a, j @? p, j #- k", "j ? 'k', j ?| a, j @? p, j #- k", ()),
        ("a[1:n], a % s, 5 %s", "a[1:n], a % s, 5 $1", ("%s",)),
        ("':a', \":b\", $$:c$$ -- :d\n/* ? */", "':a', \":b\", $$:c$$ -- :d\n/* ? */", ()),
        ("x like '%s'", "x like '%s'", ()),
        ("x like 'a%%' and y %% 2 = %s", "x like 'a%' and y % 2 = $1", ("%s",)),
        ("x like 'a%%' and y = :y", "x like 'a%%' and y = $1", ("y",)),
        ("x::int, y::text", "x::int, y::text", ()),
        ("'open", "'open", ()),
    ],
)
def test_numbering(text: str, numbered: str, names: tuple[str, ...]) -> None:
    """What looks like a placeholder inside literals, casts and operators is none."""
    found = number(text)
    assert (found.text, found.names) == (numbered, names)


@pytest.mark.parametrize(
    ("names", "given", "values"),
    [
        (("$1", "$2"), ("7", "NULL"), ("7", None)),
        (("a", "b"), ("b=1", "a=2=3"), ("2=3", "1")),
        (("?",), ("a=b",), ("a=b",)),
        (("$1",), ("1=open",), ("open",)),
        (("$1", "$2"), ("$2=b", "1=NULL"), (None, "b")),
        (("$1", "$2"), ("1=a", "b"), ("1=a", "b")),
        (("$1",), ("1=2=3",), ("2=3",)),
        (("?",), ("1=open",), ("1=open",)),
        ((), (), ()),
    ],
)
def test_values_by_order_and_name(
    names: tuple[str, ...], given: tuple[str, ...], values: tuple[str | None, ...]
) -> None:
    """Named and numbered placeholders take NAME=VALUE, others values in order; NULL is null."""
    assert assign(names, given) == values


@pytest.mark.parametrize(
    ("names", "given", "message", "hint"),
    [
        (("$1",), (), "the statement has 1 parameter, none given", "Add --param …"),
        (("?", "?"), ("1",), "the statement has 2 parameters, 1 given", "Add --param … --param …"),
        (("a",), (), "the statement has 1 parameter, none given", "Add --param a=…"),
        (("a",), ("7",), NAMELESS, "Write --param a=…"),
        (("a", "b"), ("a=1", "7"), NAMELESS, "Write --param a=… --param b=…"),
        (("a",), (InOrder("a=7"),), NAMELESS, "Write --param a=…"),
        (("a",), ("b=7",), 'the statement has no parameter "b"', ""),
        (("$1",), ("2=7",), 'the statement has no parameter "$2"', ""),
        (
            ("$1", "$2"),
            ("1=7",),
            "the statement has 2 parameters, 1 given",
            "Add --param … --param …",
        ),
        ((), ("7",), "the statement has 0 parameters, 1 given", "Leave --param out."),
    ],
)
def test_values_that_do_not_fit(
    names: tuple[str, ...], given: tuple[str, ...], message: str, hint: str
) -> None:
    """The error names the placeholders and shows the flags to add."""
    with pytest.raises(UsageError) as caught:
        assign(names, given)
    assert (caught.value.message, caught.value.hint) == (message, hint)


def test_absurd_numbers_are_refused() -> None:
    """A number beyond what the protocol can carry is an error, not a long list."""
    with pytest.raises(UsageError, match=r"a parameter \$70000"):
        number("select $70000")


def test_binding_casts_and_quotes() -> None:
    """A value can only ever be a literal of its type."""
    bound = bind(
        "select $1, '$1', $2, $1",
        ["it's", None],
        ["pg_catalog.text", "pg_catalog.int4[]"],
    )
    literal = "CAST('it''s' AS pg_catalog.text)"
    assert bound == f"select {literal}, '$1', CAST(NULL AS pg_catalog.int4[]), {literal}"
    assert bind("select $1", ["\\'"], ["t"]) == "select CAST(E'\\\\''' AS t)"


@given(st.text())
def test_any_text_is_numbered(text: str) -> None:
    """No text crashes the search for placeholders."""
    assert number(text).text or not text
