"""Findings about blocking work say for how long, and are as severe as that is."""

import pytest

from dbtool.cli.judging import Judge
from dbtool.finding import Finding, Severity
from dbtool.lint.estimate import Estimate
from dbtool.lint.rules import (
    backfill_in_ddl_transaction,
    column_dropped,
    not_null_without_proof,
    rows_changed_unbatched,
)
from dbtool.lint.run import Linted, Rules, lint
from dbtool.lint.schema import Schema
from dbtool.lint.sized import blocked, sized, uncounted
from dbtool.lint.sizes import Sizes, TableSize
from dbtool.statement import Migration, Statement

HISTORY = Migration(
    name="r1",
    judged=False,
    up=tuple(
        Statement(f"CREATE TABLE {name} (id int PRIMARY KEY, n int, m int)")
        for name in ("tiny", "middle", "huge", "unknown", "uncounted")
    ),
)
SIZES = Sizes(
    "shop",
    18,
    "2026-11-21",
    tuple(
        TableSize(schema="public", name=name, rows=rows, bytes=stored, indexes=1)
        for name, rows, stored in (
            ("tiny", 1_000, 100_000),
            ("middle", 2_000_000, 400_000_000),
            ("huge", 500_000_000, 90_000_000_000),
            ("uncounted", None, None),
        )
    ),
)
RULES = Rules(
    statement=(
        backfill_in_ddl_transaction,
        column_dropped,
        not_null_without_proof,
        rows_changed_unbatched,
    ),
    whole=(),
    comment=(),
)


def linted(*sql: str, transaction: int | None = None) -> Linted:
    """What is said of statements, the sizes unknown."""
    judged = Migration(name="r2", up=tuple(Statement(s, transaction=transaction) for s in sql))
    return lint([HISTORY, judged], schema=Schema(complete=True), rules=RULES)


@pytest.mark.parametrize(
    ("table", "severity", "words"),
    [
        (
            "tiny",
            Severity.NOTE,
            "blocks for less than 1 s (tiny: 1,000 rows, 100 kB; 2026-11-21)",
        ),
        (
            "middle",
            Severity.ERROR,
            "blocks for about 1 s to 3 s (middle: 2,000,000 rows, 400 MB; 2026-11-21)",
        ),
        (
            "huge",
            Severity.ERROR,
            "blocks for about 30 s to 12 min (huge: 500,000,000 rows, 90 GB; 2026-11-21)",
        ),
    ],
)
def test_a_table_of_known_size(table: str, severity: Severity, words: str) -> None:
    """The last line of the evidence says how long, of how many rows, counted when."""
    before = linted(f"ALTER TABLE {table} ALTER n SET NOT NULL")
    (finding,) = sized(before, SIZES).findings
    assert (finding.severity, finding.evidence[-1]) == (severity, words)
    assert finding.evidence[:-1] == before.findings[0].evidence


@pytest.mark.parametrize("table", ["unknown", "uncounted"])
def test_a_table_nobody_has_counted(table: str) -> None:
    """The finding stays what it was."""
    before = linted(f"ALTER TABLE {table} ALTER n SET NOT NULL")
    assert sized(before, SIZES) == before


@pytest.mark.parametrize(
    ("sql", "before", "after", "said"),
    [
        ("UPDATE tiny SET n = 1", Severity.WARNING, Severity.NOTE, "all rows, in less than 1 s"),
        ("UPDATE tiny SET n = m WHERE n IS NULL", Severity.WARNING, Severity.NOTE, "all rows at"),
        ("UPDATE huge SET n = 1", Severity.WARNING, Severity.ERROR, "all rows, in about"),
        ("UPDATE huge SET n = 1 WHERE m > 2", Severity.WARNING, Severity.WARNING, "all rows at"),
        ("UPDATE tiny SET n = huge.n FROM huge", Severity.WARNING, Severity.WARNING, ""),
        ("UPDATE tiny SET n = (SELECT max(n) FROM huge)", Severity.WARNING, Severity.WARNING, ""),
        ("UPDATE unknown SET n = 1", Severity.WARNING, Severity.WARNING, ""),
        ("DELETE FROM tiny", Severity.WARNING, Severity.WARNING, ""),
    ],
)
def test_rows_that_are_changed(sql: str, before: Severity, after: Severity, said: str) -> None:
    """The size decides where the rows of the table are all that an UPDATE looks at."""
    found = linted(sql)
    (now,) = sized(found, SIZES).findings
    assert [each.severity for each in found.findings] == [before]
    assert now.severity is after
    assert (said in now.evidence[-1]) if said else (now == found.findings[0])


def test_rows_changed_behind_a_lock() -> None:
    """Of a tiny table nobody waits long for the lock that is held meanwhile."""
    change = ("ALTER TABLE tiny DROP COLUMN m", "UPDATE tiny SET n = 1")
    (finding,) = _of("backfill-in-ddl-transaction", linted(*change, transaction=1))
    (after,) = _of(finding.rule, sized(linted(*change, transaction=1), SIZES))
    assert (finding.severity, after.severity) == (Severity.ERROR, Severity.NOTE)


def _of(rule: str, found: Linted) -> list[Finding]:
    return [each for each in found.findings if each.rule == rule]


def test_what_is_lost_does_not_depend_on_size() -> None:
    """A dropped column of a tiny table is as severe as that of a huge one, beside a tiny scan."""
    before = linted("ALTER TABLE tiny DROP COLUMN m, ALTER n SET NOT NULL").findings
    after = sized(linted("ALTER TABLE tiny DROP COLUMN m, ALTER n SET NOT NULL"), SIZES).findings
    assert {each.rule for each in before} == {"column-dropped", "not-null-without-proof"}
    for then, now in zip(before, after, strict=True):
        if then.rule == "column-dropped":
            assert now == then
        else:
            assert now.severity is Severity.NOTE


def test_one_statement_reads_a_table_once() -> None:
    """Two columns are checked in one pass; a rewrite builds the indexes, which count once."""
    (two,) = linted("ALTER TABLE middle ALTER n SET NOT NULL, ALTER m SET NOT NULL").outcomes
    (one,) = linted("ALTER TABLE middle ALTER n SET NOT NULL").outcomes
    (anew,) = linted("ALTER TABLE middle ALTER n TYPE bigint").outcomes
    assert blocked(two.verdicts[0], SIZES) == blocked(one.verdicts[0], SIZES)
    took = blocked(anew.verdicts[0], SIZES)
    assert took is not None
    assert took.low == pytest.approx(400 / 150 + 1)
    assert blocked(linted("SELECT 1").outcomes[0].verdicts[0], SIZES) is None
    assert Estimate(1, 2) + Estimate(3, 4) == Estimate(4, 6)


def test_tables_of_unknown_size_are_named() -> None:
    """Once each, whether nobody counted them or nobody wrote them down; others are not."""
    names = ("tiny", "unknown", "uncounted", "unknown")
    found = linted(*(f"ALTER TABLE {each} ALTER COLUMN n SET NOT NULL" for each in names))
    assert [each.name for each in uncounted(found, SIZES)] == ["unknown", "uncounted"]
    assert Judge(RULES, sizes=SIZES).notes(found) == (
        "the sizes do not say how large public.unknown, public.uncounted are: ANALYZE counts rows,"
        " then read the sizes again",
    )
    assert Judge(RULES, sizes=SIZES).notes(linted("ALTER TABLE tiny ALTER n SET NOT NULL")) == ()
    assert Judge(RULES).notes(found) == ()
