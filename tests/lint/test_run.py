"""Migrations in order: what is replayed, what is judged, and what one statement leaves the next."""

import pytest

from dbtool.finding import Certainty, Severity
from dbtool.lint.actions import CreateIndex
from dbtool.lint.effect import Cause, Lock, Work
from dbtool.lint.run import Linted, lint
from dbtool.lint.schema import Name, Schema
from dbtool.lint.subject import Step
from dbtool.statement import Gap, Migration, Statement

_HISTORY = (
    "CREATE TABLE orders (id bigint PRIMARY KEY, note text, state text)",
    "ALTER TABLE orders ADD CONSTRAINT noted CHECK (note IS NOT NULL) NOT VALID",
)


def migration(*texts: str, name: str = "2", judged: bool = True, **more: object) -> Migration:
    """A migration whose statements commit together."""
    statements = tuple(
        Statement(text, f"{name}.py", line, name, transaction=1)
        for line, text in enumerate(texts, 1)
    )
    return Migration(name=name, file=f"{name}.py", up=statements, judged=judged, **more)  # type: ignore[arg-type]


def after_history(*texts: str) -> Linted:
    """One migration judged behind the history."""
    history = migration(*_HISTORY, name="1", judged=False)
    return lint([history, migration(*texts)], schema=Schema(complete=True))


def steps(linted: Linted, number: int = -1) -> tuple[Step, ...]:
    """The steps of one judged statement."""
    return linted.outcomes[0].verdicts[number].steps


def rules(linted: Linted) -> list[str]:
    """The rules that found something."""
    return [each.rule for each in linted.findings]


def test_an_index_on_a_table_that_was_there() -> None:
    """The finding has its place, its certainty and the code that does it safely."""
    linted = after_history("SELECT 1", "CREATE INDEX orders_state_idx ON orders (state)")
    (found,) = [each for each in linted.findings if each.rule == "index-not-concurrent"]
    assert (found.severity, found.certainty) == (Severity.ERROR, Certainty.PROVEN)
    assert str(found.location) == "2.py:2, 2"
    assert found.fix is not None
    assert "CREATE INDEX CONCURRENTLY orders_state_idx" in found.fix.code
    assert (linted.replayed, linted.statements) == (1, 2)


def test_a_table_that_is_created_beside_it() -> None:
    """Nobody waits for a table that nobody uses yet, also in a later migration of those judged."""
    created = migration("CREATE TABLE fresh (a integer)", name="2")
    changed = migration(
        "CREATE INDEX fresh_a_idx ON fresh (a)", "ALTER TABLE fresh ALTER a SET NOT NULL", name="3"
    )
    linted = lint([created, changed], schema=Schema(complete=True))
    assert not {"index-not-concurrent", "not-null-without-proof"}.intersection(rules(linted))
    assert all(not step.effect.locks for step in linted.outcomes[1].verdicts[0].steps)


def test_the_proof_of_a_migration_before() -> None:
    """NOT NULL is silent behind a validated check, and is found behind one that is not."""
    change = "ALTER TABLE orders ALTER COLUMN note SET NOT NULL"
    assert "not-null-without-proof" in rules(after_history(change))
    linted = after_history("ALTER TABLE orders VALIDATE CONSTRAINT noted", change)
    assert "not-null-without-proof" not in rules(linted)


def test_nothing_known() -> None:
    """Of a table nobody has shown a verdict that hangs on it is unknown, with what decides it."""
    linted = lint([migration("ALTER TABLE orders ALTER COLUMN note SET NOT NULL")])
    (unknown,) = linted.unknowns
    assert unknown.rule == "not-null-without-proof"
    assert "--schema" in unknown.decide


def test_the_locks_of_statements_before() -> None:
    """A later statement of the transaction finds what the earlier ones hold."""
    linted = after_history(
        "ALTER TABLE orders ADD COLUMN more text",
        "ALTER TABLE orders VALIDATE CONSTRAINT noted",
    )
    (step,) = steps(linted)
    assert [task.cause for task in step.effect.tasks] == [Cause.VALIDATE_HELD]


def test_the_locks_of_commands_before() -> None:
    """So does a later command of one ALTER TABLE."""
    linted = after_history("ALTER TABLE orders ADD COLUMN more text, VALIDATE CONSTRAINT noted")
    assert [task.cause for task in steps(linted)[1].effect.tasks] == [Cause.VALIDATE_HELD]


def test_each_statement_commits_by_itself() -> None:
    """Without a transaction nothing is held, and an index may be built concurrently."""
    statements = tuple(
        Statement(sql)
        for sql in (
            "ALTER TABLE orders ADD COLUMN more text",
            "ALTER TABLE orders VALIDATE CONSTRAINT noted",
            "CREATE INDEX CONCURRENTLY i ON orders (state)",
        )
    )
    history = migration(*_HISTORY, name="1", judged=False)
    linted = lint([history, Migration(name="2", up=statements)], schema=Schema(complete=True))
    assert steps(linted, 1)[0].effect.tasks[0].cause is Cause.VALIDATE
    assert steps(linted, 2)[0].effect.fails is None
    assert steps(linted, 2)[0].effect.lock is Lock.SHARE_UPDATE_EXCLUSIVE


def test_begin_and_commit_in_the_text() -> None:
    """A script that begins a transaction is in one until it commits."""
    index = "CREATE INDEX CONCURRENTLY i ON orders (state)"
    script = tuple(Statement(sql) for sql in ("BEGIN", index, "COMMIT", index))
    history = migration(*_HISTORY, name="1", judged=False)
    linted = lint([history, Migration(name="2", up=script)], schema=Schema(complete=True))
    within, without = steps(linted, 1)[0].effect.fails, steps(linted, 3)[0].effect.fails
    assert within is not None
    assert within.code == "25001"
    assert without is not None
    assert without.cause is Cause.EXISTS


def test_a_setting_of_the_transaction() -> None:
    """SET LOCAL ends with its transaction, SET does not."""
    history = migration("CREATE TABLE t (a timestamp, b timestamp)", name="1", judged=False)
    change = "ALTER TABLE t ALTER COLUMN {} TYPE timestamptz"
    for setting, lasts in (("SET LOCAL", False), ("SET", True)):
        script = (
            Statement(f"{setting} TimeZone = 'UTC'", transaction=1),
            Statement(change.format("a"), transaction=1),
            Statement(change.format("b"), transaction=2),
        )
        linted = lint([history, Migration(name="2", up=script)], schema=Schema(complete=True))
        assert steps(linted, 1)[0].effect.missing == ()
        assert bool(steps(linted, 2)[0].effect.missing) is not lasts


def test_the_way_down_leaves_no_trace() -> None:
    """It is read behind the way up and forgotten before the next migration."""
    down = (Statement("DROP TABLE fresh"),)
    first = migration("CREATE TABLE fresh (a integer)", name="2", down=down)
    second = migration("ALTER TABLE fresh ADD COLUMN b integer", name="3")
    schema = Schema(complete=True)
    lint([first, second], schema=schema)
    assert [*schema.tables[Name("public", "fresh")].columns] == ["a", "b"]


def test_a_part_that_cannot_be_read() -> None:
    """Behind a gap a table that nobody has seen may exist."""
    gap = migration(name="1", judged=False, gaps=(Gap(3, "it reads the database"),))
    index = migration("CREATE INDEX i ON orders (state)")
    first = migration("CREATE TABLE other (id integer)", name="1", judged=False)
    known = lint([first, index], schema=Schema(complete=True))
    behind = lint([gap, index], schema=Schema(complete=True))
    assert steps(known)[0].effect.fails is not None
    assert steps(behind)[0].effect.fails is None
    assert isinstance(steps(behind)[0].action, CreateIndex)


def test_the_first_migration_of_all() -> None:
    """What it changes and did not make was there before: the history did not begin empty."""
    index = migration("CREATE TABLE new (a int)", "CREATE INDEX i ON orders (state)")
    linted = lint([index], schema=Schema(complete=True))
    assert steps(linted)[0].effect.fails is None


def test_a_function_of_somebody_else() -> None:
    """A function in a schema that no history created may be volatile, who knows."""
    linted = after_history("ALTER TABLE orders ADD COLUMN k text DEFAULT tools.key()")
    (step,) = steps(linted)
    assert [each.cause for each in step.effect.missing] == [Cause.VOLATILE_DEFAULT]
    assert "volatile-default" in {each.rule for each in linted.unknowns}


def test_a_history_that_begins_behind_its_tables() -> None:
    """Revisions that stand on tables nobody made did not begin with an empty database."""
    empty = migration(name="1")
    change = migration("ALTER TABLE orders ADD COLUMN a text", name="2")
    refer = migration("CREATE TABLE own (id int REFERENCES orders)", name="2")
    for second in (change, refer):
        later = migration("CREATE INDEX i ON users (name)", name="3")
        linted = lint([empty, second, later], schema=Schema(complete=True))
        assert "fails-on-known-schema" not in {each.rule for each in linted.findings}


def test_only_the_first_of_many_errors_is_told() -> None:
    """What follows the use of a table that is not there stands on a schema nobody knows."""
    first = migration("CREATE TABLE own (id int)", name="1")
    wrong = migration("ALTER TABLE ordres ADD a int", "ALTER TABLE ordres ADD b int", name="2")
    linted = lint([first, wrong], schema=Schema(complete=True))
    found = [each for each in linted.findings if each.rule == "fails-on-known-schema"]
    assert [each.title for each in found] == ["it fails: relation ordres does not exist"]


def test_an_error_behind_a_part_that_cannot_be_read() -> None:
    """What is known to exist may have been dropped there."""
    first = migration("CREATE TABLE own (id int)", name="1", judged=False)
    gap = migration(name="2", judged=False, gaps=(Gap(3, "it reads the database"),))
    linted = lint(
        [first, gap, migration("CREATE TABLE own (id int)", name="3")],
        schema=Schema(complete=True),
    )
    assert "fails-on-known-schema" not in {each.rule for each in linted.findings}
    assert "fails-on-known-schema" in {each.rule for each in linted.unknowns}


@pytest.mark.parametrize(("line", "proven"), [(3, False), (5, False), (6, True)])
def test_an_error_behind_a_part_of_its_own_revision(line: int, proven: bool) -> None:
    """What stands above it, and only the server can follow, may have added what it lacks."""
    first = migration("CREATE TABLE own (id int)", name="1", judged=False)
    second = Migration(
        name="2",
        file="2.py",
        up=(Statement("ALTER TABLE own DROP a", "2.py", 5),),
        gaps=(Gap(line, "it reads the database"),),
    )
    linted = lint([first, second], schema=Schema(complete=True))
    assert ("fails-on-known-schema" in {each.rule for each in linted.findings}) is proven
    assert ("fails-on-known-schema" in {each.rule for each in linted.unknowns}) is not proven


@pytest.mark.parametrize(
    "change", ["SET LOGGED", "SET TABLESPACE pg_default", "SET ACCESS METHOD heap"]
)
def test_what_may_be_so_already(change: str) -> None:
    """Of a table nobody has shown it is not said that it is copied into what it may be already."""
    linted = lint([migration(f"ALTER TABLE orders {change}")])
    assert not linted.findings
    (unknown,) = linted.unknowns
    assert unknown.rule == "table-rewritten-by-command"
    assert "whether the table is so already" in unknown.reason


def test_foreign_keys_are_proven_again() -> None:
    """A new type of a key is compared with all rows that refer to it; one that keeps rows not."""
    history = migration(
        "CREATE TABLE users (id integer PRIMARY KEY, name varchar(9) UNIQUE)",
        "CREATE TABLE notes (a integer REFERENCES users, b text REFERENCES users (name))",
        name="1",
        judged=False,
    )
    for column, type_, expected in (("id", "bigint", ["notes"]), ("name", "varchar(10)", [])):
        change = migration(f"ALTER TABLE users ALTER COLUMN {column} TYPE {type_}")
        linted = lint([history, change], schema=Schema(complete=True))
        (step,) = linted.outcomes[0].verdicts[0].steps
        read = [each.relation.name for each in step.effect.tasks if each.work is Work.SCAN]
        assert read == expected


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (
            ("CREATE TEMP TABLE tmp (a int) ON COMMIT DROP", "CREATE INDEX tmp_ix ON tmp (a)"),
            ("CREATE TEMP TABLE tmp (a int) ON COMMIT DROP", "CREATE INDEX tmp_ix ON tmp (a)"),
        ),
        (("CREATE TEMP VIEW v AS SELECT state FROM orders",), ("DROP TABLE orders",)),
        (
            ("CREATE TEMP VIEW v AS SELECT state FROM orders",),
            ("ALTER TABLE orders DROP COLUMN state",),
        ),
        (
            ("CREATE TEMP TABLE orders (id int)",),
            ("ALTER TABLE orders DROP COLUMN state",),
        ),
        (("CREATE TEMP TABLE tmp (a int)",), ("ALTER TABLE tmp ADD COLUMN b int",)),
        (("CREATE TEMP TABLE tmp (a int)",), ("CREATE INDEX i ON tmp (a)",)),
        (("CREATE TEMP TABLE tmp (a int)",), ("DROP TABLE tmp",)),
        (("CREATE TEMP VIEW v AS SELECT 1",), ("DROP VIEW v",)),
    ],
)
@pytest.mark.parametrize("judged", [True, False])
def test_what_an_earlier_migration_made_as_temporary(
    first: tuple[str, ...], second: tuple[str, ...], judged: bool
) -> None:
    """It may be there or not, as one upgrade runs both or two do: nothing is proven by it."""
    history = migration(*_HISTORY, name="1", judged=False)
    before = migration(*first, name="2", judged=judged)
    linted = lint([history, before, migration(*second, name="3")], schema=Schema(complete=True))
    assert "fails-on-known-schema" not in rules(linted)


def test_what_was_temporary_leaves_the_rest_as_it_was() -> None:
    """A history that changes what a session before made began with an empty database."""
    before = [migration(*_HISTORY, name="1", judged=False)]
    before += [migration("CREATE TEMP TABLE tmp (a int)", name="2", judged=False)]
    change = ("ALTER TABLE tmp ADD COLUMN b int", "CREATE INDEX i ON tmp (b)")
    before += [migration(*change, name="3", judged=False)]
    last = migration("ALTER TABLE nowhere ADD COLUMN c int", name="4")
    assert "fails-on-known-schema" in rules(lint([*before, last], schema=Schema(complete=True)))


def test_where_a_table_was_put() -> None:
    """A table that is in a tablespace already is not copied into it, and back it is."""
    made = "CREATE TABLE far (id int) TABLESPACE fast"
    history = migration(made, "CREATE TABLE near (id int)", name="1", judged=False)
    copied = {}
    for table in ("far", "near"):
        for place in ("fast", "pg_default"):
            change = migration(f"ALTER TABLE {table} SET TABLESPACE {place}")
            linted = lint([history, change], schema=Schema(complete=True))
            copied[table, place] = "table-rewritten-by-command" in rules(linted)
            assert not linted.unknowns
    assert [each for each, done in copied.items() if done] == [
        ("far", "pg_default"),
        ("near", "fast"),
    ]


def test_an_index_that_nobody_saw() -> None:
    """Where a part of the history is hidden, a table may have been given its first index there."""
    made = "CREATE TABLE copied AS SELECT id FROM orders"
    for hidden, unknown in (("SELECT 1", False), ("DO $$ BEGIN EXECUTE a || b; END $$", True)):
        history = migration(*_HISTORY, made, hidden, name="1", judged=False)
        linted = lint([history, migration("REINDEX TABLE copied")], schema=Schema(complete=True))
        assert "reindex-not-concurrent" not in rules(linted)
        assert any("has an index" in each.reason for each in linted.unknowns) is unknown
        beside = lint(
            [history, migration("REINDEX TABLE CONCURRENTLY copied")], schema=Schema(complete=True)
        )
        assert not any("writes wait" in each.reason for each in beside.unknowns)


def test_a_gap_in_a_function_that_stands_below() -> None:
    """It runs where it is called: what its line is says nothing."""
    first = migration("CREATE TABLE own (id int)", name="1", judged=False)
    drop = (Statement("SELECT 1", "2.py", 4), Statement("ALTER TABLE own DROP a", "2.py", 5))
    for after, proven in ((1, False), (2, True)):
        gap = Gap(50, "it reads the database", after)
        second = Migration(name="2", file="2.py", up=drop, gaps=(gap,))
        linted = lint([first, second], schema=Schema(complete=True))
        assert ("fails-on-known-schema" in rules(linted)) is proven


@pytest.mark.parametrize("drop", ["DROP DOMAIN money", "DROP DOMAIN money CASCADE"])
def test_a_domain_called_by_the_name_of_its_base(drop: str) -> None:
    """It does not stand on itself."""
    made = "CREATE DOMAIN money AS money"
    assert not after_history(made, drop, made).findings


KEY = "CREATE TABLE tags (id bigint PRIMARY KEY, of bigint REFERENCES orders (id))"


@pytest.mark.parametrize(
    ("later", "noted"),
    [
        (("CREATE INDEX ON tags (of)",), False),
        (("ALTER TABLE tags ADD n int", "CREATE INDEX CONCURRENTLY i ON tags (of, id)"), False),
        (("CREATE INDEX ON tags (of) WHERE id > 5",), True),
        (("CREATE INDEX ON tags (id)",), True),
        (("CREATE INDEX i ON tags (of)", "DROP INDEX i"), True),
        (("DELETE FROM orders", "CREATE INDEX i ON tags (of)"), True),
        (("DELETE FROM tags", "CREATE INDEX i ON tags (of)"), False),
        (("ALTER TABLE tags RENAME TO labels",), True),
        ((), True),
    ],
)
def test_a_foreign_key_that_a_later_revision_gives_an_index(
    later: tuple[str, ...], noted: bool
) -> None:
    """Of all that is judged together; what stands alone is judged as it is."""
    history = migration(*_HISTORY, name="0", judged=False)
    after = [migration(sql, name=str(number + 2)) for number, sql in enumerate(later)]
    linted = lint([history, migration(KEY, name="1"), *after], schema=Schema(complete=True))
    assert ("foreign-key-without-index" in {f.rule for f in linted.outcomes[0].findings}) is noted


def test_of_two_foreign_keys_the_one_that_is_left() -> None:
    """The note names no more than what has no index in the end."""
    keys = [f"{name} bigint REFERENCES orders" for name in "abc"]
    added = f"ALTER TABLE tags ADD {keys[0]}, ADD {keys[1]}, ADD {keys[2]}"
    for table in ((f"CREATE TABLE tags ({', '.join(keys)})",), ("CREATE TABLE tags ()", added)):
        made = [migration(*_HISTORY, name="0", judged=False), migration(*table, name="1")]
        linted = lint([*made, migration("CREATE INDEX ON tags (a)")], schema=Schema(complete=True))
        titles = [f.title for f in linted.findings if f.rule == "foreign-key-without-index"]
        one, each = ["(b), (c)"], ["(b)", "(c)"]
        assert titles == [
            f"tags: no index on foreign key {key}" for key in (each if len(table) > 1 else one)
        ]
