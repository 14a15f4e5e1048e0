"""Scripts are parted as psql parts them, and nothing of them is lost."""

import postgast
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dbtool.sql.script import Piece, Role, split

STATEMENT, META, DATA, BLANK = Role.STATEMENT, Role.META, Role.DATA, Role.BLANK


def parts(script: str) -> list[tuple[Role, str]]:
    """Role and text of each piece."""
    return [(piece.role, piece.text) for piece in split(script)]


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("", []),
        ("  -- nothing\n", [(BLANK, "")]),
        ("select 1", [(STATEMENT, "select 1")]),
        (";;", [(BLANK, ""), (BLANK, "")]),
        ("a; b ;", [(STATEMENT, "a"), (STATEMENT, "b")]),
        ("select ';' , \";\" ; x", [(STATEMENT, "select ';' , \";\""), (STATEMENT, "x")]),
        ("select 'it''s;'; x", [(STATEMENT, "select 'it''s;'"), (STATEMENT, "x")]),
        (r"select E'\';', 'c\'; x", [(STATEMENT, r"select E'\';', 'c\'"), (STATEMENT, "x")]),
        ("select E'a'\n'b\\';'; x", [(STATEMENT, "select E'a'\n'b\\';'"), (STATEMENT, "x")]),
        (
            "select $$;$$, $a$;$$;$a$; x",
            [(STATEMENT, "select $$;$$, $a$;$$;$a$"), (STATEMENT, "x")],
        ),
        ("select a$b$;x$b$;", [(STATEMENT, "select a$b$"), (STATEMENT, "x$b$")]),
        ("/* a /* ; */ ; */ x -- ;\n; y", [(STATEMENT, "x -- ;"), (STATEMENT, "y")]),
        ("do (a; b); c", [(STATEMENT, "do (a; b)"), (STATEMENT, "c")]),
        ("select 1; 'open ; x", [(STATEMENT, "select 1"), (STATEMENT, "'open ; x")]),
        ("select $x$ open ; x", [(STATEMENT, "select $x$ open ; x")]),
        ("e'open\\' ; x", [(STATEMENT, "e'open\\' ; x")]),
        ("a /* open ; x", [(STATEMENT, "a /* open ; x")]),
        ("\\restrict k\na;\n\\q", [(META, "\\restrict k"), (STATEMENT, "a"), (META, "\\q")]),
        ("select 1 \\gset p_\nb", [(STATEMENT, "select 1"), (META, "\\gset p_"), (STATEMENT, "b")]),
        ("select 1\\; select 2;", [(STATEMENT, "select 1"), (STATEMENT, "select 2")]),
        ("select '\\x' ; b", [(STATEMENT, "select '\\x'"), (STATEMENT, "b")]),
    ],
)
def test_boundaries_are_those_of_psql(script: str, expected: list[tuple[Role, str]]) -> None:
    """Quotes, comments, parentheses and backslashes decide what a semicolon means."""
    assert parts(script) == expected


def test_copy_data_is_lifted_out() -> None:
    """Lines behind COPY … FROM stdin are data, whatever they look like."""
    script = "COPY t (a) FROM stdin;\n1;2\n\\N\n\\.\nselect 1;\n"
    assert parts(script) == [
        (STATEMENT, "COPY t (a) FROM stdin"),
        (DATA, "1;2\n\\N\n\\.\n"),
        (STATEMENT, "select 1"),
        (BLANK, ""),
    ]


@pytest.mark.parametrize(
    "statement", ["COPY t TO stdout;", "COPY (select 'from stdin') TO stdout;"]
)
def test_other_copies_have_no_data(statement: str) -> None:
    """What goes out, or only mentions stdin, is followed by statements."""
    assert [role for role, _ in parts(f"{statement}\nselect 1;")] == [STATEMENT, STATEMENT]


def test_routine_bodies_stay_whole() -> None:
    """The semicolons of a BEGIN ATOMIC body, with CASE … END inside, end no statement."""
    body = "create function f() returns int begin atomic select case when true then 1 end; end"
    assert parts(f"begin; {body}; commit") == [
        (STATEMENT, "begin"),
        (STATEMENT, body),
        (STATEMENT, "commit"),
    ]


def test_places_count_characters_bytes_and_lines() -> None:
    """A piece says where its text begins, before and behind letters of two bytes."""
    first, second = split("-- é\nselect 'é';\n\n  select 2")
    assert first == Piece(
        STATEMENT, "-- é\nselect 'é';", "select 'é'", offset=5, byte_offset=6, line=2
    )
    assert (second.text, second.offset, second.byte_offset, second.line) == ("select 2", 20, 22, 4)


_FRAGMENTS = st.sampled_from(
    [
        *("select 1", "'a;b'", "''", "'", "E'", "e'\\'", '"', '";"', "$$", "$t$", "$1", "t$x$"),
        *("--", "/*", "*/", ";", "\\", "\\;", "\n", " ", "(", ")", "é", "\\.", "copy t from stdin"),
        *("create function f() begin atomic", "end", "case", "begin", "-", "/", "::", "\x00", "𝄞"),
    ]
)


@example("$$$$select 1")
@given(st.one_of(st.lists(_FRAGMENTS).map("".join), st.text()))
def test_no_character_is_lost(script: str) -> None:
    """Whatever the text, the sources of its pieces joined are the text again."""
    pieces = split(script)
    assert "".join(piece.source for piece in pieces) == script
    for piece in pieces:
        assert piece.text in piece.source
        assert script.startswith(piece.text, piece.offset)
        assert piece.byte_offset == len(script[: piece.offset].encode("utf-8", "surrogatepass"))
        assert piece.line == 1 + script.count("\n", 0, piece.offset)


_STATEMENTS = st.sampled_from(
    [
        "select 1",
        "select 'a;b' -- c ;\n",
        "select $q$;'$q$, e'\\';'",
        "create table t (a int check (a > 0), b text default ';')",
        "create rule r as on insert to t do (insert into a values (1); insert into b values (2))",
        "create function f() returns int begin atomic select case when true then 1 end; end",
        "do $$ begin perform 1; end $$",
        'select "a;b" /* ; /* ; */ ; */ from t',
        "begin",
        "end",
    ]
)


@given(st.lists(_STATEMENTS), st.sampled_from(["; ", ";", ";\n\n", " ;; "]))
def test_agrees_with_the_parser(statements: list[str], separator: str) -> None:
    """On scripts that parse, the statements are those PostgreSQL's own parser finds."""
    script = separator.join(statements)
    ours = [piece.text for piece in split(script) if piece.role is STATEMENT]
    assert [text.split() for text in ours] == [text.split() for text in postgast.split(script)]


def test_long_scripts_take_linear_time() -> None:
    """A megabyte parts in well under a few seconds, as many statements or as one."""
    rows = "insert into t values (1, 'a;b', $$c$$); -- d\n" * 10_000
    values = "insert into t values " + ",".join(["(1, 'a;b')"] * 50_000)
    atomic = "create procedure p() begin atomic " + "select 1; " * 5_000 + "end;"
    assert len(split(rows)) == 10_001
    assert len(split(values)) == len(split(atomic)) == 1
