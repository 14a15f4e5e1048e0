"""No literal survives redaction, wherever the statement is cut."""

import re

import postgast
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from postgast.pg_query_pb2 import Token

from dbtool.health.redact import redact

SECRET = "hunterzwei"
CONTENT = re.compile(rb"(E?'|(\$\w*\$))(?P<content>.*)('|\2)", re.DOTALL)


@pytest.mark.parametrize(
    ("statement", "shown"),
    [
        ("SELECT * FROM users WHERE id = $1", "SELECT * FROM users WHERE id = $1"),
        ("SELECT 'a' , 1, 2.5e-3, .5 FROM t1", "SELECT ? , ?, ?, ? FROM t1"),
        ("SELECT 'it''s' || E'it\\'s' || U&'\\0041'", "SELECT ? || ? || ?"),
        ("SELECT $$a 'b$$, $x$c $$ d$x$ FROM t", "SELECT ?, ? FROM t"),
        ("SELECT a$b$c FROM x WHERE y = 'z'", "SELECT a$b$c FROM x WHERE y = ?"),
        ('SELECT "odd ""name""" FROM "T"', 'SELECT "odd ""name""" FROM "T"'),
        ("SELECT 1 -- hunterzwei\nFROM t", "SELECT ? FROM t"),
        ("SELECT/* a /* b */ c */1", "SELECT ?"),
        ("SELECT x::int[], y[1:2] FROM t;", "SELECT x::int[], y[?:?] FROM t;"),
        ("INSERT INTO t VALUES (b'01', x'ff', n'a')", "INSERT INTO t VALUES (?, ?, ?)"),
        ("SET LOCAL app.tenant = acme", "SET LOCAL app.tenant = ?"),
        ("ALTER ROLE a SET work_mem TO big; SELECT b", "ALTER ROLE a SET work_mem TO ?; SELECT b"),
        ('ALTER ROLE a PASSWORD "hunter2"', "ALTER ROLE a PASSWORD ?"),
        ("CREATE USER a PASSWORD = hunter2; SELECT b", "CREATE USER a PASSWORD = ?; SELECT b"),
        ("ALTER TABLE users ADD password text", "ALTER TABLE users ADD password text"),
        ("UPDATE t SET a = b WHERE c = 'd'", "UPDATE t SET a = b WHERE c = ?"),
        ("ALTER TABLE a RENAME TO b", "ALTER TABLE a RENAME TO b"),
        ("SELECT 'Grüße' AS gruß", "SELECT ? AS gruß"),
        ("", ""),
    ],
)
def test_masks_literals_and_keeps_the_rest(statement: str, shown: str) -> None:
    """Names, parameters and structure stay readable."""
    assert redact(statement) == shown


@pytest.mark.parametrize(
    ("statement", "shown"),
    [
        ("SELECT 'never closed", "SELECT …"),
        ("SELECT E'never closed\\'", "SELECT …"),
        ("SELECT $t$never closed$ t$", "SELECT …"),
        ('SELECT "never closed', "SELECT …"),
        ("SELECT 1 /* never /* closed */", "SELECT ? …"),
        (r"SELECT 'a\' || hunterzwei || '", "SELECT …"),
        ("SELECT 5$t$ hunterzwei $t$", "SELECT …"),
        ("SELECT $1a", "SELECT …"),
        ("SELECT a\u009b31m", "SELECT …"),
        ("SELECT a\u202eb", "SELECT …"),
        ("SELECT \x1b[31m", "SELECT …"),
    ],
)
def test_masks_to_the_end_what_it_cannot_tell(statement: str, shown: str) -> None:
    """Cut, ambiguous and unprintable text fails closed."""
    assert redact(statement) == shown


def test_keeps_only_the_keys_of_sqlcommenter() -> None:
    """A known key stays as a hint; its value and every other comment go."""
    statement = "SELECT 1 /*route='/users/hunterzwei',password='hunterzwei',traceparent='00-a-b'*/"
    assert redact(statement) == "SELECT ? /* route, traceparent */"


QUOTED = (
    "'{}'",
    "'it''s {}'",
    "E'it\\'s {}'",
    "E'{}\\\\'",
    "U&'{}'",
    "'a'\n'{}'",
    "$${}$$",
    "$tag$ ' {} $$ $tag$",
    "/* {} */",
    "/* a /* b */ {} */",
    "-- {}\n",
    "/* route='{}' */",
)
PLAIN = (
    "SELECT",
    " ",
    " x ",
    '"a name"',
    '"it\'s"',
    '"$$"',
    "a$b$",
    "$1",
    "1.5",
    ",",
    "::text",
    "(",
    ")",
    "+",
    "*",
    "/",
    "-",
    ";",
    "\n",
    "E",
    "ü",
    "''",
    "SET x = ",
)


@given(
    st.lists(st.sampled_from(PLAIN + QUOTED), max_size=12),
    st.integers(min_value=0, max_value=400),
)
@settings(max_examples=300)
def test_no_secret_survives_any_cut(pieces: list[str], cut: int) -> None:
    """A secret in any kind of literal or comment is gone, also when the text is cut inside it."""
    statement = " ".join(piece.format(SECRET) for piece in pieces)[:cut]
    assert "hunter" not in redact(statement)


@given(st.text(alphabet="aE1$'\"\\/*-; \n=üx.", max_size=40))
@settings(max_examples=500)
def test_does_not_depend_on_what_literals_say(statement: str) -> None:
    """Other content in the constants PostgreSQL's own scanner finds gives the same text."""
    assert redact(_with_other_content(statement)) == redact(statement)


def _with_other_content(statement: str) -> str:
    raw = bytearray(statement.encode())
    try:
        tokens = postgast.scan(statement).tokens
    except postgast.PgQueryError:
        return statement
    for token in tokens:
        text = bytes(raw[token.start : token.end])
        if Token.Name(token.token) == "SCONST" and (content := CONTENT.fullmatch(text)):
            begin, end = content.span("content")
            other = content["content"].replace(b"a", b"q").replace(b"1", b"7")
            raw[token.start + begin : token.start + end] = other
    return raw.decode()


@given(st.text(max_size=200))
@settings(max_examples=200)
def test_takes_any_text(text: str) -> None:
    """Whatever a session ran, redaction ends with printable text on one line."""
    shown = redact(text)
    assert shown.isprintable()
    assert redact(shown) == shown or "…" in shown or "?" in shown
