"""What IF NOT EXISTS passes over does nothing, and nothing is said of what stands in it."""

import pytest

from dbtool.lint.effect import Work
from dbtool.lint.run import Linted, lint
from dbtool.lint.schema import Schema
from dbtool.statement import Migration, Statement

BEFORE = (
    "CREATE TYPE mood AS ENUM ('sad', 'ok')",
    "CREATE TABLE users (id bigint PRIMARY KEY, email text, team int, feels mood)",
    "CREATE TABLE teams (id bigint PRIMARY KEY, title text)",
    "CREATE INDEX teams_title ON teams (title)",
    "CREATE VIEW named AS SELECT id FROM users",
)


def linted(*sql: str, text: str = "") -> Linted:
    """What is said of statements of one transaction, behind the schema above."""
    before = Migration(name="1", up=tuple(map(Statement, BEFORE)), judged=False)
    up = tuple(Statement(each, line=number, transaction=1) for number, each in enumerate(sql, 1))
    judged = Migration(name="2", file="2.py", text=text, up=up)
    return lint([before, judged], schema=Schema(complete=True))


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE IF NOT EXISTS users (id bigint PRIMARY KEY, team int REFERENCES teams)",
        "CREATE TABLE IF NOT EXISTS named (id bigint PRIMARY KEY, team int REFERENCES teams)",
        "ALTER TABLE users ADD COLUMN IF NOT EXISTS team int REFERENCES teams",
        "ALTER TABLE users ADD COLUMN IF NOT EXISTS team int REFERENCES teams (nowhere)",
        "ALTER TABLE users ADD COLUMN IF NOT EXISTS feels mood DEFAULT 'glad'",
        "ALTER TABLE users ADD COLUMN IF NOT EXISTS email json UNIQUE NOT NULL",
        "CREATE INDEX IF NOT EXISTS teams_title ON users (email)",
        "CREATE INDEX IF NOT EXISTS users ON users (email)",
        "CREATE SEQUENCE IF NOT EXISTS teams",
    ],
)
def test_nothing_is_said(sql: str) -> None:
    """It fails in no way, does no work and deserves no advice; without the words it does."""
    (outcome,) = (found := linted(sql)).outcomes
    assert found.findings == ()
    assert not any(step.effect.tasks for step in outcome.verdicts[0].steps)
    (bare,) = linted(sql.replace(" IF NOT EXISTS", "")).outcomes
    assert any(task.work is Work.FAIL for task in bare.verdicts[0].steps[0].effect.tasks)


def test_the_catalog_stays_as_it_was() -> None:
    """An index whose name another one has is not there afterwards."""
    index = "CREATE INDEX IF NOT EXISTS teams_title ON users (email)"
    found = linted(index, "CREATE INDEX users_email ON users (email)").findings
    assert {each.rule for each in found} == {"index-not-concurrent"}


@pytest.mark.parametrize(("label", "rules"), [("ok", set()), ("glad", {"enum-value-used-at-once"})])
def test_a_label_that_was_there_can_be_used(label: str, rules: set[str]) -> None:
    """Only one that the transaction adds itself has to wait for its end."""
    added = f"ALTER TYPE mood ADD VALUE IF NOT EXISTS '{label}'"
    found = linted(added, f"UPDATE users SET feels = '{label}' WHERE id = 1").findings
    assert {each.rule for each in found} - {"enum-value-added"} == rules


def test_no_downgrade_takes_away_what_was_there_before() -> None:
    """A proposed way back drops the column that the migration made, and no other."""
    text = "def upgrade():\n    op.execute(1)\n\n\ndef downgrade():\n    pass\n"
    found = linted(
        "ALTER TABLE users ADD COLUMN IF NOT EXISTS email text",
        "ALTER TABLE users ADD COLUMN IF NOT EXISTS phone text",
        text=text,
    ).findings
    (fix,) = [each.fix for each in found if each.rule == "downgrade-missing"]
    assert fix is not None
    assert fix.code == 'def downgrade() -> None:\n    op.drop_column("users", "phone")'
