"""CHECK constraints are read as PostgreSQL prints them; what is not understood is left alone."""

from dbtool.database.sync import SyncConnection
from dbtool.seed.checks import (
    Bounds,
    Different,
    Fact,
    Gate,
    NotNull,
    OneOf,
    Order,
    Pattern,
    number,
    read,
)

COLUMNS = (
    "a int, b int, price numeric(8,2), name varchar(20), body text, day date, status text, "
    "paid_at timestamptz, code char(2)"
)
UNDERSTOOD: dict[str, tuple[Fact, ...]] = {
    "a > 0": (Bounds("a", low="0", low_open=True),),
    "0 <= a": (Bounds("a", low="0"),),
    "a > -5": (Bounds("a", low="-5", low_open=True),),
    "price BETWEEN 1.5 AND 99.99": (Bounds("price", low="1.5"), Bounds("price", high="99.99")),
    "price < 10": (Bounds("price", high="10", high_open=True),),
    "day >= '2000-01-01'": (Bounds("day", low="2000-01-01"),),
    "length(name) >= 3 AND char_length(body) < 100": (
        Bounds("name", low="3", length=True),
        Bounds("body", high="100", high_open=True, length=True),
    ),
    "length(code) = 2": (Bounds("code", low="2", high="2", length=True),),
    "status IN ('new', 'it''s')": (OneOf("status", ("new", "it's")),),
    "a IN (1, 2)": (OneOf("a", ("1", "2")),),
    "status = 'new'": (OneOf("status", ("new",)),),
    "name ~ '^[a-z]+$'": (Pattern("name", "^[a-z]+$"),),
    "name ~* '^[a-z]+$'": (Pattern("name", "(?i)^[a-z]+$"),),
    "name OPERATOR(pg_catalog.~) '^a'": (Pattern("name", "^a"),),
    "body LIKE 'sk-%.x'": (Pattern("body", r"^sk\-.*\.x$"),),
    "a >= b": (Order("a", "b"),),
    "a < b": (Order("b", "a", strict=True),),
    "a <> b": (Different("a", "b"),),
    "a IS NOT NULL": (NotNull("a"),),
    "a IS NULL OR a > 3": (Bounds("a", low="3", low_open=True),),
    "status <> 'paid' OR paid_at IS NOT NULL": (Gate("paid_at", "status", ("paid",)),),
    "status NOT IN ('paid', 'sent') OR paid_at IS NOT NULL": (
        Gate("paid_at", "status", ("paid", "sent")),
    ),
    "paid_at IS NOT NULL OR status = 'new'": (Gate("paid_at", "status", ("new",), negated=True),),
    "(status = 'paid') = (paid_at IS NOT NULL)": (
        Gate("paid_at", "status", ("paid",), exact=True),
    ),
    "(status = 'new') = (paid_at IS NULL)": (
        Gate("paid_at", "status", ("new",), negated=True, exact=True),
    ),
}
LEFT_ALONE = (
    r"body LIKE '10\%'",
    "a + b < 10",
    "position('@' in name) > 1",
    "a > 0 AND a % 2 = 0",
    "a > 0 OR b > 0 OR price > 0",
    "name !~ '[0-9]'",
    "upper(name) = name",
    "NOT (a > 0)",
    "(a > 0) = (b > 0)",
    "status <> 'gone'",
)


def test_conditions(connection: SyncConnection) -> None:
    """Each shape, as written by a person and printed by the server."""
    conditions = [*UNDERSTOOD, *LEFT_ALONE]
    named = (f"CONSTRAINT c{n:03} CHECK ({each})" for n, each in enumerate(conditions))
    connection.execute(f"CREATE TABLE t ({COLUMNS}, {', '.join(named)})")
    printed = connection.fetch(
        "SELECT pg_get_constraintdef(oid) AS text FROM pg_constraint"
        " WHERE conname ~ '^c[0-9]+$' ORDER BY conname"
    )
    found = {each: read(row["text"]) for each, row in zip(conditions, printed, strict=True)}
    assert found == dict.fromkeys(LEFT_ALONE) | UNDERSTOOD


def test_unvalidated_constraints_count(connection: SyncConnection) -> None:
    """NOT VALID changes nothing for new rows."""
    connection.execute(f"CREATE TABLE t ({COLUMNS})")
    connection.execute("ALTER TABLE t ADD CONSTRAINT c CHECK (a >= b) NOT VALID")
    printed = connection.fetchval(
        "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'c'"
    )
    assert read(printed) == (Order("a", "b"),)


def test_numbers() -> None:
    """A constant that is no number says so."""
    assert str(number("1.50")) == "1.50"
    assert number("2000-01-01") is None
    assert number(None) is None
