"""What a setting or an index would change, without anything being changed."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from dbtool.cli.advising import Wishes as Options
from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.errors import UsageError
from dbtool.explain import tuning
from dbtool.explain.advice import wished
from dbtool.explain.advice.planner import Asked
from dbtool.explain.advice.planners import Place
from dbtool.explain.advice.result import Proof
from dbtool.explain.advice.run import advise
from dbtool.explain.advice.trial import Wishes, try_indexes
from dbtool.explain.advice.workload import costliest
from dbtool.explain.analysis import analyse
from dbtool.explain.examined import Examined
from dbtool.explain.matching import told_once
from dbtool.explain.rules import jit_overhead
from dbtool.explain.run import How, explain
from dbtool.explain.whatif import compare, notes
from dbtool.guard import Standing
from dbtool.scratch.ended import Ended
from dbtool.scratch.server import Server
from tests.explain.plans import node, plan

_FORGET = """
SELECT pg_stat_statements_reset(0, oid, 0) FROM pg_database WHERE datname = current_database()
"""
_QUERY = "SELECT * FROM t WHERE k = 7 ORDER BY id LIMIT 3"


@pytest.fixture(scope="module")
def target(server: Server) -> Iterator[Target]:
    """A table without an index; every test leaves it so."""
    created = server.create_database("what_if")
    with SyncConnection(created) as connection:
        connection.execute(
            "CREATE TABLE t WITH (autovacuum_enabled = off) AS"
            " SELECT g AS id, g % 900 AS k FROM generate_series(1, 20000) g;"
        )
        # How many pages VACUUM may mark depends on what has reached the disk: none are marked.
        connection.execute("ANALYZE t")
    yield created
    server.drop_database("what_if")


def indexes(target: Target) -> int:
    """How many indexes the table has."""
    with SyncConnection(target) as connection:
        count = connection.fetchval("SELECT count(*) FROM pg_index WHERE indrelid = 't'::regclass")
    return int(count)


def test_settings_hold_for_the_statement_alone(target: Target) -> None:
    """The plan changes, and is compared node by node with the one before."""
    before = explain(target, "SELECT count(*) FROM t GROUP BY k")
    how = How(settings=(("enable_hashagg", "off"),))
    after = explain(target, "SELECT count(*) FROM t GROUP BY k", how=how)
    found = compare(before.statements, after.statements, ("enable_hashagg = off",))
    (outcome,) = found.outcomes
    assert outcome.cost[1] > outcome.cost[0]
    assert outcome.ms[1] is not None
    assert outcome.changes == ("HashAggregate → GroupAggregate", "+ Sort")
    again = explain(target, "SELECT count(*) FROM t GROUP BY k")
    assert again.statements[0].plan.settings == {}


@pytest.mark.parametrize(
    ("wanted", "message", "hint"),
    [
        ("wrk_mem=1MB", "this server has no setting wrk_mem", "Did you mean work_mem?"),
        ("work_mem=1QB", 'invalid value for parameter "work_mem": "1QB"', "Valid units"),
        ("shared_buffers=1GB", "shared_buffers cannot be set for one statement", ""),
        (
            "transaction_read_only=off",
            "--set takes settings that a plan depends on, and transaction_read_only is none",
            "",
        ),
        (
            "statement_timeout=0",
            "--set takes settings that a plan depends on, and statement_timeout is none",
            "",
        ),
        ("role=postgres", "this server has no setting role", ""),
    ],
)
def test_settings_that_cannot_be_tried(
    target: Target, wanted: str, message: str, hint: str
) -> None:
    """Unknown, none of a plan's, or the server's: and none that would undo the guard."""
    with pytest.raises(UsageError) as caught:
        tuning.check(target, tuning.parse([wanted]))
    assert caught.value.message == message
    assert caught.value.hint.startswith(hint)


def test_a_setting_has_a_value() -> None:
    """What has none is told with an example."""
    with pytest.raises(UsageError, match='"work_mem" is not NAME=VALUE'):
        tuning.parse(["work_mem"])


@pytest.mark.parametrize(
    ("ddl", "message"),
    [
        ("DROP TABLE t", "--index takes one CREATE INDEX"),
        ("CREATE INDEX ON t (a); DROP TABLE t", "--index takes one CREATE INDEX"),
        ("CREATE INDEX ON t a", '--index is not readable: syntax error at or near "a"'),
        ("CREATE INDEX ON tt (k)", "the statement reads no table tt"),
        ("CREATE INDEX ON t (kk)", "the table t has no column kk"),
        ("CREATE INDEX ON t (k) INCLUDE (nothing)", "the table t has no column nothing"),
    ],
)
def test_indexes_that_cannot_be_tried(target: Target, ddl: str, message: str) -> None:
    """Each is told by what is wrong with it, before any server is started for it."""
    with pytest.raises(UsageError) as caught:
        try_indexes(Place(target), [Asked(_QUERY)], Wishes((ddl,)))
    assert caught.value.message == message
    assert indexes(target) == 0


def test_an_index_is_tried_without_being_there(target: Target) -> None:
    """The planner of a throwaway server is shown it; a setting goes with it."""
    wishes = Wishes(("CREATE INDEX wished ON t (k, id)",), (("enable_bitmapscan", "off"),))
    found = try_indexes(Place(target), [Asked(_QUERY)], wishes)
    (plan,) = found.plans
    assert "throwaway PostgreSQL" in found.planner
    assert [node.text("Index Name") for node in plan.nodes if node.relation] == ["wished"]
    assert plan.root.total_cost < 30
    assert indexes(target) == 0


def test_advice_is_measured_and_leaves_other_tables_alone(target: Target) -> None:
    """One that somebody has locked holds nothing up, and one that only the view names is there."""
    with SyncConnection(target) as connection:
        connection.execute("CREATE TABLE locked (id int)")
        connection.execute("CREATE TABLE other (id int PRIMARY KEY)")
        connection.execute("CREATE VIEW seen AS SELECT t.* FROM t LEFT JOIN other USING (id)")
        connection.execute("BEGIN; LOCK TABLE locked")
        place = Place(target, Standing.DEVELOPMENT)
        found = advise(place, [Asked("SELECT * FROM seen WHERE k = 7")], built=True)
        connection.execute("ROLLBACK; DROP VIEW seen; DROP TABLE other, locked")
    assert "throwaway" in found.planner
    (proposal,) = found.proposals
    (gain,) = proposal.gains
    assert (proposal.shown, proposal.proof) == ("t (k)", Proof.MEASURED)
    assert gain.before_ms is not None
    assert gain.after_ms is not None
    assert indexes(target) == 0


def test_an_index_is_built_and_taken_back_in_development(target: Target) -> None:
    """The statement runs with it, and afterwards it never was."""
    wishes = Wishes(("CREATE INDEX ON t (k, id)",), measure=True)
    place = Place(target, Standing.DEVELOPMENT)
    (plan,) = try_indexes(place, [Asked(_QUERY)], wishes).plans
    assert plan.execution_ms is not None
    assert any(node.text("Index Name") == "ix_t_k_id" for node in plan.nodes)
    assert indexes(target) == 0


@pytest.mark.parametrize("standing", [Standing.PRODUCTION, Standing.UNKNOWN, None])
def test_nothing_is_built_elsewhere(target: Target, standing: Standing | None) -> None:
    """Nobody could write meanwhile."""
    place = Place(target, standing)
    with pytest.raises(UsageError, match="which is for development servers"):
        try_indexes(place, [Asked(_QUERY)], Wishes(("CREATE INDEX ON t (k)",), measure=True))
    with pytest.raises(UsageError, match="which is for development servers"):
        advise(place, [Asked(_QUERY)], built=True)


def test_without_a_planner_nothing_is_claimed(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no server programs are, the guess is labelled, with what would validate it."""
    monkeypatch.setattr("dbtool.explain.advice.replica.installed", tuple)
    (proposal,) = (found := advise(Place(target), [Asked(_QUERY)])).proposals
    assert proposal.proof is Proof.NONE
    assert proposal.gains == ()
    assert "CREATE EXTENSION hypopg" in found.validate


def test_the_workload_comes_from_the_server(target: Target) -> None:
    """Statements that read no table of users are left out; without the extension, the steps."""
    place = Place(target)
    with pytest.raises(UsageError) as caught:
        costliest(place, 5)
    assert caught.value.hint.startswith("CREATE EXTENSION pg_stat_statements;")
    with SyncConnection(target) as connection:
        connection.execute("CREATE EXTENSION pg_stat_statements")
        # What the tests before have asked may have cost more than these few.
        connection.execute(_FORGET)
        for k in range(3):
            connection.fetch("SELECT id FROM t WHERE k = $1", k)
        connection.fetch("SELECT 1")
        found = costliest(place, 5)
        connection.execute("DROP EXTENSION pg_stat_statements")
    (one,) = [each for each in found.asked if each.text.startswith("SELECT id FROM t WHERE k")]
    assert (one.weight, one.parameters) == (3.0, 1)
    assert not any("pg_" in each.sql for each in found.costly)


@pytest.fixture
def remembered(target: Target) -> Iterator[SyncConnection]:
    """A session where statements are remembered, those of before forgotten."""
    with SyncConnection(target) as connection:
        connection.execute("CREATE EXTENSION pg_stat_statements")
        connection.execute(_FORGET)
        yield connection
        connection.execute("DROP EXTENSION pg_stat_statements")


def test_statements_on_the_catalog_push_none_of_users_out(
    target: Target, remembered: SyncConnection
) -> None:
    """However many of them took longer: one statement is wanted, and found behind them."""
    for columns in range(1, 61):
        sql = f"SELECT pg_sleep(0.005){', relname' * columns} FROM pg_class LIMIT 1"
        remembered.fetch(sql)
    remembered.fetch("SELECT id FROM t WHERE k = $1", 1)
    found = costliest(Place(target), 1)
    assert [each.text for each in found.asked] == ["SELECT id FROM t WHERE k = $1"]
    (one,) = found.costly
    assert one.share < 1.0


def test_what_was_not_looked_at_is_told(
    target: Target, remembered: SyncConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The search ends somewhere, and where it does fewer than wanted may be found."""
    monkeypatch.setattr("dbtool.explain.advice.workload._PAGE", 2)
    monkeypatch.setattr("dbtool.explain.advice.workload._MOST", 4)
    for columns in range(1, 9):
        remembered.fetch(f"SELECT 1{', relname' * columns} FROM pg_class LIMIT 1")
    found = costliest(Place(target), 1)
    assert found.costly == ()
    assert found.left_out[-1] == "only the costliest 4 statements were looked at"


def test_a_statement_that_the_role_may_not_plan_ends_no_search(
    target: Target, remembered: SyncConnection
) -> None:
    """Others may read what this one may not even look up; the rest is advised on."""
    remembered.execute("""
        CREATE SCHEMA closed; CREATE TABLE closed.to_some (id int);
        CREATE ROLE workload_reader LOGIN; GRANT pg_read_all_stats TO workload_reader;
        GRANT SELECT ON t TO workload_reader
    """)
    remembered.fetch("SELECT id FROM closed.to_some")
    remembered.fetch("SELECT id FROM t WHERE k = $1", 1)
    try:
        found = costliest(Place(replace(target, user="workload_reader")), 5)
    finally:
        remembered.execute("""
            DROP SCHEMA closed CASCADE; DROP OWNED BY workload_reader; DROP ROLE workload_reader
        """)
    assert [each.text for each in found.asked] == ["SELECT id FROM t WHERE k = $1"]


def test_near_names() -> None:
    """A name that is nearly one of the table's is offered."""
    with pytest.raises(UsageError, match="not readable") as caught:
        wished.parse("CREATE INDX ON t (a)")
    assert caught.value.detail == "It says: CREATE INDX ON t (a)"


@pytest.mark.parametrize(
    ("wishes", "message"),
    [
        ({"advise": True, "settings": ("a=b",)}, "--advise finds indexes"),
        ({"top": 3}, "--top goes with --advise"),
        ({"revision": True}, "--revision goes with --advise"),
        ({"measure": True}, "--measure goes with --advise or --index"),
        ({"advise": True, "top": 3}, "--top takes the statements from the server"),
    ],
)
def test_options_that_do_not_go_together(wishes: dict[str, Any], message: str) -> None:
    """Each is refused before anything is connected to."""
    with pytest.raises(UsageError, match=message):
        Options(**wishes).check({"a statement": "SELECT 1", "--from-plan": None}, check=False)


def test_partitions_that_change_alike_are_told_once() -> None:
    """A table may have hundreds of them; two or three are named."""
    parts = [f"Parallel Seq Scan on p_{n} → Index Scan using i_{n} on p_{n}" for n in range(9)]
    assert list(told_once(("+ Sort", *parts, *parts[:2]))) == [
        "+ Sort",
        f"{parts[0]}, and 10 more like it",
    ]
    assert list(told_once(("+ Sort", "- Hash", *parts[:2]))) == ["+ Sort", "- Hash", *parts[:2]]
    became = [each.replace("→", "became") for each in parts]
    assert list(told_once(became)) == [f"{became[0]}, and 8 more like it"]


def test_what_compiling_took_is_told_where_the_cost_of_a_setting_caused_it() -> None:
    """It is no property of the plan that was asked for."""
    slow = plan(node("Result", ms=900.0), Execution_Time=1000.0)
    compiled = plan(
        node("Result", ms=900.0),
        Execution_Time=1000.0,
        JIT={"Functions": 9, "Timing": {"Total": 900.0}},
    )
    told = []
    for after in (slow, compiled):
        found = tuple(jit_overhead.check(analyse(after)))
        pair = (Examined("", 1, slow), Examined("", 1, after, findings=found))
        told.append(notes(compare(pair[:1], pair[1:], ("enable_seqscan = off",))))
    assert told == [
        (),
        (
            "compiling took 900 ms, 90 % of the execution then: with --set jit=off as well the"
            " plan shows by itself",
        ),
    ]


_ENDS = """
CREATE FUNCTION ends_server() RETURNS bool LANGUAGE plpgsql AS $f$
BEGIN
    EXECUTE $$COPY (SELECT 1) TO PROGRAM 'kill -9 $(head -n 1 postmaster.pid)'$$;
    PERFORM pg_sleep(600);
    RETURN true;
END $f$;
CREATE FUNCTION is_kept() RETURNS bool IMMUTABLE LANGUAGE plpgsql AS $f$
BEGIN
    RETURN current_database() <> 'replica' OR public.ends_server();
END $f$;
CREATE TABLE kept (id int, k int);
"""
"""A condition that is computed where an index is created, and ends a throwaway server there."""


@pytest.fixture
def ending(server: Server) -> Iterator[Target]:
    """A database whose copy in a throwaway server can be made to end that server."""
    created = server.create_database("ends_its_copy")
    with SyncConnection(created) as connection:
        connection.execute(_ENDS)
    yield created
    server.drop_database("ends_its_copy")


@pytest.mark.parametrize(
    ("there", "index"),
    [
        ("CREATE INDEX ON kept (id) WHERE is_kept()", "CREATE INDEX ON kept (k)"),
        ("SELECT 1", "CREATE INDEX ON kept (k) WHERE is_kept()"),
    ],
    ids=["while-set-up", "while-shown-the-index"],
)
def test_a_throwaway_server_that_ended_is_told_as_that(
    ending: Target, there: str, index: str
) -> None:
    """Nothing is said of the index, nor of whether a planner can be had."""
    with SyncConnection(ending) as connection:
        connection.execute(there)
    asked = (Asked("SELECT * FROM kept WHERE k = 7"),)
    with pytest.raises(Ended, match=r"the throwaway PostgreSQL \d+ ended while it was used"):
        try_indexes(Place(ending), asked, Wishes((index,)))


def test_advice_is_a_guess_where_the_throwaway_server_ended(ending: Target) -> None:
    """It comes with its reason, and nobody's planner is said to have seen it."""
    with SyncConnection(ending) as connection:
        connection.execute("CREATE INDEX ON kept (id) WHERE is_kept()")
        connection.execute("INSERT INTO kept SELECT g, g FROM generate_series(1, 20000) g")
        connection.execute("ANALYZE kept")
    found = advise(Place(ending), (Asked("SELECT * FROM kept WHERE k = 7"),))
    assert {each.proof for each in found.proposals} == {Proof.NONE}
    assert "ended while it was used" in found.validate
