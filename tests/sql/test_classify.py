"""What a statement is, calls and reads, told by PostgreSQL's own parser."""

import postgast
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbtool.sql.classify import Kind, Traits, classify, inside_explain, traits
from dbtool.sql.text import SqlSyntaxError, excerpt, fingerprint, pretty, quoted

DEEP = "+".join(["1"] * 400)
"""An expression the parser accepts and its tree is too deep to be handed over."""


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        ("select 1", Kind.SELECT),
        ("values (1)", Kind.SELECT),
        ("table t", Kind.SELECT),
        ("with a as (select 1) select * from a", Kind.SELECT),
        ("with a as (insert into t values (1) returning *) select * from a", Kind.WITH_DML),
        ("select * from (with d as (delete from t returning 1) select * from d) x", Kind.WITH_DML),
        ("select 1 into x", Kind.SELECT_INTO),
        ("select * from t for update", Kind.SELECT_LOCKING),
        ("select * from (select * from t for key share) x", Kind.SELECT_LOCKING),
        ("create table a as select 1", Kind.CREATE_TABLE_AS),
        ("create materialized view v as select 1", Kind.CREATE_MATERIALIZED_VIEW),
        ("insert into t values (1)", Kind.INSERT),
        ("update t set a = 1", Kind.UPDATE),
        ("delete from t", Kind.DELETE),
        ("merge into t using s on t.id = s.id when matched then delete", Kind.MERGE),
        ("explain analyze select 1", Kind.EXPLAIN),
        ("prepare p as select 1", Kind.PREPARE),
        ("execute p(1)", Kind.EXECUTE),
        ("declare c cursor for select 1", Kind.DECLARE_CURSOR),
        ("copy t from stdin", Kind.COPY),
        ("call p()", Kind.CALL),
        ("do $$ begin end $$", Kind.DO),
        ("commit and chain", Kind.TRANSACTION),
        ("create index concurrently on t (a)", Kind.DDL),
        ("alter table t add b int", Kind.DDL),
        ("vacuum t", Kind.UTILITY),
        ("set work_mem = '1GB'", Kind.UTILITY),
        ("", Kind.EMPTY),
        ("-- nothing", Kind.EMPTY),
        ("selec 1", Kind.INVALID),
        ("select 1; drop table t", Kind.INVALID),
        ("select 1\0; drop table t", Kind.INVALID),
        (f"select {DEEP}", Kind.SELECT),
        (f"select {DEEP} into t", Kind.SELECT_INTO),
        (f"select {DEEP} from t for no key update", Kind.SELECT_LOCKING),
        (f"with x as (delete from t returning 1) select {DEEP}", Kind.WITH_DML),
        (f"insert into t select {DEEP}", Kind.INSERT),
    ],
)
def test_kinds(statement: str, kind: Kind) -> None:
    """Whatever reads only is told from everything that does not."""
    assert classify(statement) is kind


def test_traits_name_what_is_called_and_read() -> None:
    """Functions and relations with their schemas, and the highest parameter."""
    found = traits('select pg_catalog.lower(a), "F"(count(*)) from s.t, u where b = $3')
    assert found == Traits(
        Kind.SELECT,
        functions=("pg_catalog.lower", "F", "count"),
        relations=("s.t", "u"),
        parameters=3,
    )


def test_too_deep_trees_degrade_to_words() -> None:
    """What cannot be analysed still names its functions and parameters, and says it is a guess."""
    found = traits(f'select {DEEP}, s.dblink($2), "Odd f"(1)')
    assert found == Traits(Kind.SELECT, functions=("s.dblink", "Odd f"), parameters=2, exact=False)


@pytest.mark.parametrize(
    ("statement", "line", "column", "detail"),
    [
        ("select a,\n  'é' x y", 2, 9, "LINE 2:   'é' x y\n                ^"),
        ("table", 1, 6, "LINE 1: table\n             ^"),
        ("select 'open", 1, 8, "LINE 1: select 'open\n               ^"),
        ("select 1\0 + 2", 1, 9, "LINE 1: select 1\0 + 2\n                ^"),
        ("select '\udc80'", 1, 9, "LINE 1: select '\udc80'\n                ^"),
        ("select 1; select 2", 1, 11, "LINE 1: select 1; select 2\n                  ^"),
    ],
)
def test_syntax_errors_have_a_place(statement: str, line: int, column: int, detail: str) -> None:
    """Line and column count characters, and a caret stands under the place."""
    with pytest.raises(SqlSyntaxError) as caught:
        traits(statement)
    assert (caught.value.line, caught.value.column) == (line, column)
    assert caught.value.detail == detail


def test_lines_count_from_where_the_statement_begins() -> None:
    """A statement in the middle of a file reports the file's line."""
    with pytest.raises(SqlSyntaxError, match=r"\(line 8, column 3\)"):
        traits("select 1\n, from", first_line=7)


def test_long_lines_are_cut_around_the_place() -> None:
    """The caret stays under its character when the line is shortened."""
    text = "select " + "column, " * 40 + "from from t"
    shown, caret = excerpt(text, text.index("from t")).split("\n")
    assert len(shown) <= 90
    assert shown[caret.index("^") :].startswith("from t")


@pytest.mark.parametrize(
    ("statement", "inner"),
    [
        ("explain select 1", "select 1"),
        ("EXPLAIN ANALYZE VERBOSE select 1", "select 1"),
        ("explain (analyze, format json) -- why\nselect 'é'", "select 'é'"),
        ("explain (select 1)", "(select 1)"),
        ("explain (costs off) (select 1) union select 2", "(select 1) union select 2"),
        ("explain with a as (select 1) table a", "with a as (select 1) table a"),
    ],
)
def test_inside_explain(statement: str, inner: str) -> None:
    """EXPLAIN and its options are taken off, parentheses of the query are not."""
    assert inside_explain(statement) == inner


def test_shape_ignores_literals() -> None:
    """Statements that differ in literals have one fingerprint."""
    assert fingerprint("select 1 from t") == fingerprint("SELECT  2 FROM t")
    assert fingerprint("select 1 from t") != fingerprint("select 1 from u")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("orders", "orders"),
        ("order", '"order"'),
        ("user", '"user"'),
        ("name", "name"),
        ("Orders", '"Orders"'),
        ("a b", '"a b"'),
        ('a"b', '"a""b"'),
        ("1a", '"1a"'),
        ("größe", '"größe"'),
        ("", '""'),
    ],
)
def test_names_are_quoted_where_they_must_be(name: str, expected: str) -> None:
    """Reserved words and everything but small ASCII letters need quotes."""
    assert quoted(name) == expected


def test_pretty_never_changes_meaning() -> None:
    """A statement is laid out, or left alone where the formatter reaches its limits."""
    assert pretty("select a from t where b=1") == "SELECT a\nFROM t\nWHERE b=1"
    deep = "select " + "(" * 200 + "1" + ")" * 200
    long = "select " + ",".join(["1"] * 20_000)
    for statement in (deep, long, "selec 1"):
        assert pretty(statement) == statement


@given(st.text())
def test_any_text_is_classified(text: str) -> None:
    """No text crashes the parser or what stands around it."""
    assert classify(text) in Kind


@given(st.integers(min_value=0, max_value=200), st.sampled_from(["(", "case when ", "array["]))
def test_any_depth_is_classified(depth: int, opening: str) -> None:
    """Nesting of any depth ends in a kind, exactly or by its words."""
    closing = {"(": ")", "case when ": "1 then 1 end", "array[": "]"}[opening]
    inner = opening * depth + "1 = 1" + closing * depth
    assert classify(f"select {inner}") in (Kind.SELECT, Kind.INVALID)


def test_the_parser_is_recent() -> None:
    """The grammar is that of PostgreSQL 18, so what servers accept parses."""
    assert postgast.parse("select 1").version >= 180000
