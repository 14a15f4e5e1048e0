"""`dbtool explain` as a user runs it."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from dbtool.cli import spelling
from dbtool.cli.command import Call
from dbtool.cli.shared import Options
from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.database.url import parse
from dbtool.scratch.server import Server
from tests.conftest import Dbtool
from tests.processes import eventually

_SETUP = """
CREATE TABLE orders (id int PRIMARY KEY, customer_id int NOT NULL, note text NOT NULL);
INSERT INTO orders SELECT g, g % 5000, 'note' FROM generate_series(1, 20000) g;
ANALYZE
"""


@pytest.fixture(scope="module")
def target(server: Server) -> Target:
    """A database with orders that have no index on their customer."""
    created = server.create_database("cli_explain")
    with SyncConnection(created) as connection:
        connection.execute(_SETUP)
    return created


@pytest.fixture
def url(target: Target) -> str:
    """Its URL."""
    return target.sqlalchemy_url()


DBTOOL = str(Path(sys.executable).with_name("dbtool"))
SLOW = "SELECT * FROM orders WHERE customer_id = 42"


def steady(text: str) -> str:
    """The text without what differs from run to run: times, and the width of their column."""
    text = re.sub(r"\d[\d,.]* ms\b", "0 ms", text)
    text = re.sub(r"\d+ from outside", "0 from outside", text)
    text = re.sub(r"(?m)^(1  Seq Scan on orders) +[\d.]+", r"\1  0.0", text)
    return re.sub(r"(?m)^(#  node) +", r"\1  ", text)


def test_a_slow_query_ends_with_its_index(dbtool: Dbtool, url: str) -> None:
    """The verdict first, then the plan, the finding, its fix and the next command."""
    ran = dbtool("explain", SLOW, "--url", url)
    assert (ran.code, ran.err) == (0, "")
    assert (
        steady(ran.out)
        == f"""\
0 ms: 100 % of the time goes into #1 Seq Scan on orders

#  node  self ms    %         rows  blocks
1  Seq Scan on orders  0.0  100  #####     4     109  [1]

planning  0 ms
blocks    109 (872kB), 0 from outside shared buffers

[1] warning (measured): orders: 20,000 rows read to keep 4
    rows-discarded at #1 Seq Scan on orders
    the scan took 0 ms, 100 % of the time; the condition is (orders.customer_id = 42)
    in the model: Index("ix_orders_customer_id", "customer_id")
    in the revision, inside op.get_context().autocommit_block(): \
op.create_index("ix_orders_customer_id", "orders", ["customer_id"], postgresql_concurrently=True)
    fix: an index that finds the rows
        CREATE INDEX CONCURRENTLY ix_orders_customer_id
            ON public.orders (customer_id);

next: dbtool explain --advise --url {shlex.quote(url)} '{SLOW}'

1 warning
"""
    )


def test_findings_fail_the_command_on_request(dbtool: Dbtool, url: str) -> None:
    """A pipeline may stop on warnings."""
    assert dbtool("explain", SLOW, "--url", url, "--fail-on", "warning").code == 1
    quick = "SELECT * FROM orders WHERE id = 42"
    assert dbtool("explain", quick, "--url", url, "--fail-on", "note").code == 0


def test_at_a_terminal_lines_fit_and_have_colour(dbtool: Dbtool, url: str) -> None:
    """Eighty columns suffice, apart from code that is to be pasted whole."""
    ran = dbtool("explain", SLOW, "--url", url, tty=True)
    assert "\x1b[" in ran.out
    plain = re.sub(r"\x1b\[[0-9;]*m", "", ran.out)
    shown, _, following = plain.partition("\nnext: ")
    read = [line for line in shown.splitlines() if "CREATE INDEX" not in line]
    assert max(map(len, read)) <= 80
    wide = [line for line in following.splitlines() if len(line) > 80]
    assert [len(shlex.split(line.removesuffix("\\"))) for line in wide] == [1] * len(wide)


def test_json_is_the_whole_plan(dbtool: Dbtool, url: str) -> None:
    """One object on stdout, with nodes, shares and findings."""
    ran = dbtool("explain", SLOW, "--url", url, "--json")
    found = json.loads(ran.out)
    (statement,) = found["data"]["statements"]
    assert found["command"] == "explain"
    assert statement["plan"]["nodes"][0]["props"]["Relation Name"] == "orders"
    assert statement["times"]["shares"][0]["wall_ms"] > 0
    assert found["findings"][0]["fix"]["code"].startswith("CREATE INDEX CONCURRENTLY")


def test_a_file_with_several_statements(dbtool: Dbtool, url: str, tmp_path: Path) -> None:
    """Each is explained in order; findings name the file and the line."""
    file = tmp_path / "q.sql"
    file.write_text(f"-- orders\n{SLOW};\n\\timing on\nSELECT 1;\n", encoding="utf-8")
    ran = dbtool("explain", "-f", file, "--url", url)
    assert "2 statements, " in ran.out
    assert f"rows-discarded at {file}:2, #1 Seq Scan on orders" in ran.out
    assert "info: left out: \\timing (line 3)" in ran.out
    assert ran.err == "explaining line 2\nexplaining line 4\n"


def test_stdin_and_parameters(dbtool: Dbtool, url: str) -> None:
    """A query piped in, its parameter given by name."""
    sql = "SELECT * FROM orders WHERE id = :id"
    ran = dbtool("explain", "--url", url, "--param", "id=7", stdin=sql)
    assert "Index Scan using orders_pkey on orders" in ran.out
    assert ran.code == 0


def test_only_the_plan(dbtool: Dbtool, url: str) -> None:
    """A statement that writes can be planned."""
    ran = dbtool("explain", "--no-analyze", "DELETE FROM orders WHERE id = 7", "--url", url)
    assert ran.code == 0
    assert ran.out.startswith("not run: the planner expects 0 rows at a cost of ")


def test_a_plan_from_a_file_needs_no_server(dbtool: Dbtool, tmp_path: Path) -> None:
    """No settings, no URL, nothing to connect to."""
    tree = {"Node Type": "Result", "Actual Rows": 1, "Actual Loops": 1, "Actual Total Time": 2.0}
    text = json.dumps([{"Plan": tree, "Execution Time": 2.5}])
    file = tmp_path / "plan.json"
    file.write_text(text, encoding="utf-8")
    for arguments, stdin in (((file,), None), (("-",), text)):
        ran = dbtool("explain", "--from-plan", *arguments, stdin=stdin)
        assert (ran.code, ran.err) == (0, "")
        assert ran.out.startswith("2.50 ms: 100 % of the time goes into #1 Result\n")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("SELECT * FROM order",), 2, 'error: syntax error at or near "order" (line 1, column 15)'),
        (("SELECT * FROM orderz",), 2, 'error: relation "orderz" does not exist'),
        (("SELECT nope FROM orders",), 2, 'error: column "nope" does not exist'),
        (("SELECT $1::int",), 2, "error: the statement has 1 parameter, none given"),
        (("",), 2, "error: there is no statement to explain"),
        (("", "--advise"), 2, "error: there is no statement to explain"),
        ((), 2, "error: there is no statement to explain"),
        (("DELETE FROM orders",), 2, "error: refused to run the statement: it is a DELETE"),
        (("CREATE TABLE n AS SELECT 1",), 2, "error: refused to run the statement: it is a CREATE"),
        (("SELECT nextval('s')", "-f", "x"), 2, "error: give one of a statement, -f, --p"),
        (("-f", "nope.sql"), 2, 'error: cannot read "nope.sql"'),
        (("--from-plan", "nope.json"), 2, 'error: cannot read "nope.json"'),
        (("SELECT 1", "--timeout", "0"), 2, "error: "),
    ],
)
def test_bad_input(
    dbtool: Dbtool, url: str, arguments: tuple[str, ...], code: int, message: str
) -> None:
    """Each mistake has its exit code and its message; stdout stays empty."""
    ran = dbtool("explain", *arguments, "--url", url)
    assert (ran.code, ran.out) == (code, "")
    assert ran.err.startswith(message)


@pytest.mark.parametrize(
    ("name", "meant", "option"),
    [
        ("slow.sql", "a file", "-f slow.sql"),
        ("queries/slow.sql:orders", "a file", "-f queries/slow.sql:orders"),
        ("slow.sql:orders", "a file", "-f slow.sql:orders"),
        ("shop.sql:monthly", "code", "--python shop.sql:monthly"),
        ("shop.reports:monthly", "code", "--python shop.reports:monthly"),
        ("reports.py:monthly", "code", "--python reports:monthly"),
    ],
)
def test_a_name_in_place_of_a_statement(
    dbtool: Dbtool, url: str, tmp_path: Path, name: str, meant: str, option: str
) -> None:
    """Lint takes files as arguments, so the option that takes them here is told."""
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "sql.py").touch()
    ran = dbtool("explain", name, "--url", url)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == (
        f'error: "{name}" is no statement but the name of {meant}\nhint: dbtool explain {option}\n'
    )


def test_what_ran_out_of_time_shows_what_was_planned(dbtool: Dbtool, url: str) -> None:
    """The plan is there before the run; JSON is one envelope, of the error."""
    for seconds in (1, 6):
        slow = ("SELECT pg_sleep(9) FROM orders LIMIT 1", "--timeout", str(seconds))
        words = ("explain", *slow, "--url", url)
        ran = dbtool(*words)
        # Planning has no more time either, and a machine that stalls may take all of it.
        if ran.out:
            break
    assert ran.code == 4
    assert ran.out.startswith(
        f"stopped after {seconds} s: the planner expects 1 row at a cost of 0\n"
    )
    assert "Seq Scan on orders" in ran.out
    assert ran.err == (
        f"error: the statement did not finish within {seconds} s\n"
        "detail: It was cancelled and rolled back. PostgreSQL shows no plan of half a run.\n"
        f"hint: The plan above is what the planner expected. --timeout {2 * seconds} gives it"
        " longer; --no-analyze only plans it, and with --advise looks for an index.\n"
    )
    assert json.loads(dbtool(*words, "--json").out)["error"]["exit"] == 4


def test_the_next_step_has_a_planner_try_the_index(
    dbtool: Dbtool, url: str, tmp_path: Path
) -> None:
    """As the same command, values and all; a revision for stdin, where there is a history."""
    named = {"DATABASE_URL": url}
    sql = "SELECT * FROM orders WHERE customer_id = :it"
    ran = dbtool("explain", sql, "-p", "it=42", env=named)
    assert ran.out.splitlines()[-3] == f"next: dbtool explain --advise --param it=42 '{sql}'"
    sql = "SELECT * FROM orders WHERE customer_id = '42'"
    ran = dbtool("explain", sql, env=named)
    assert ran.out.splitlines()[-3] == f'next: dbtool explain --advise "{sql}"'
    assert "next:" not in dbtool("explain", stdin=SLOW, env=named).out
    (tmp_path / "alembic.ini").write_text("[alembic]\n")
    piped = dbtool("explain", stdin=SLOW, env=named, cwd=tmp_path)
    assert "next: dbtool revision --autogenerate" in piped.out
    advised = dbtool("explain", "--advise", SLOW, env=named, cwd=tmp_path)
    assert advised.out.splitlines()[-3] == f"next: dbtool explain --advise --revision '{SLOW}'"


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("postgresql://a@h/d", "dbtool explain --advise --url postgresql://a@h/d 'SELECT 1'"),
        ("postgresql://a:s3cret@h/d", ""),
        ("host=h user=a password=s3cret", ""),
        ("postgresql://a@h/d?sslkey=/key&sslpassword=s3cret", ""),
    ],
)
def test_a_url_with_a_password_is_not_told(url: str, told: str) -> None:
    """Neither that of a role nor that of a client key gets into what CI logs."""
    asked = SimpleNamespace(options=Options(url=url), target=parse(url, "--url"))
    assert spelling._spelled(cast("Call", asked), ["SELECT 1"]) == told


def test_no_advice_is_worked_out_for_a_revision_nobody_can_write(dbtool: Dbtool) -> None:
    """The history is looked for before the server is."""
    url = "postgresql://postgres@127.0.0.1:1/x"
    ran = dbtool("explain", "--advise", "--revision", "SELECT 1", "--url", url)
    assert (ran.code, ran.err.splitlines()[0]) == (2, "error: no Alembic configuration was found")


def test_a_plan_that_is_none(dbtool: Dbtool) -> None:
    """What is piped in is told from a plan."""
    ran = dbtool("explain", "--from-plan", "-", stdin="Seq Scan on t, it said")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("error: stdin holds no plan\ndetail: it is none of the formats")


def test_without_a_server(dbtool: Dbtool) -> None:
    """Nothing listens there, and the error says so."""
    ran = dbtool("explain", "SELECT 1", "--url", "postgresql://postgres@127.0.0.1:1/x")
    assert ran.code == 3
    assert ran.err.startswith("error: no server listens at 127.0.0.1:1\n")


def test_without_a_database_named(dbtool: Dbtool) -> None:
    """The SQL is fine, the settings name no database."""
    ran = dbtool("explain", "SELECT 1")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("error: no database is named\n")


def test_expensive_statements_ask(dbtool: Dbtool, url: str) -> None:
    """Without a yes the plan is shown, with what makes it expensive, and exit 2 names the flags."""
    series = "generate_series(1, (SELECT 1))"
    sql = f"SELECT count(*) FROM orders, {series} a, {series} b"
    refused = dbtool("explain", sql, "--url", url)
    assert refused.code == 2
    assert refused.out.startswith("not run: the planner expects 1 row at a cost of ")
    assert re.search(
        "no condition joins .*a.* with .*orders|no condition joins .*orders.* with", refused.out
    )
    assert refused.err.splitlines()[0] == "error: refused to run the statement"
    assert "Its planner cost is " in refused.err
    assert "--yes runs it; --no-analyze only plans." in refused.err
    envelope = json.loads(dbtool("explain", sql, "--url", url, "--json").out)
    assert envelope["error"]["message"] == "refused to run the statement"
    assert envelope["error"]["hint"] == "--yes runs it; --no-analyze shows the plan."
    answered = dbtool("explain", sql, "--url", url, tty=True, stdin="n\n")
    assert answered.code == 2
    assert "refused to run the statement" in answered.out
    agreed = dbtool("explain", sql, "--url", url, "--yes")
    assert agreed.code == 0


def test_a_refusal_leaves_the_plan_in_its_file(dbtool: Dbtool, url: str, tmp_path: Path) -> None:
    """Both stand in the file, in the order in which they would be printed."""
    series = "generate_series(1, (SELECT 1))"
    sql = f"SELECT count(*) FROM orders, {series} a, {series} b"
    page = tmp_path / "plan.md"
    page.write_text("what was there before\n")
    for _ in range(2):
        words = ("--format", "markdown", "-o", page)
        ran = dbtool("explain", sql, "--url", url, *words)
        assert (ran.code, ran.out) == (2, "")
        plan, _, refusal = page.read_text().partition("\n## dbtool explain\n\n**error**: ")
        assert plan.startswith("## dbtool explain\n\nnot run: the planner expects 1 row")
        assert refusal.startswith("refused to run the statement\n")


def test_a_value_of_another_type(dbtool: Dbtool, url: str) -> None:
    """The parameter and the value are named, in the user's words, not in ours."""
    sql = "SELECT * FROM orders WHERE customer_id = $1"
    ran = dbtool("explain", sql, "-p", "abc", "--url", url)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.splitlines()[0] == "error: the value of parameter 1 does not fit: abc"
    assert "CAST" not in ran.err


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("SELECT 1 FROM orders o, orders p", "no condition joins o with p"),
        ("SELECT 1 FROM orders o JOIN orders p USING (id)", ""),
        ("SELECT 1 FROM orders o JOIN orders p ON o.id < p.id", ""),
    ],
)
def test_joins_without_a_condition(dbtool: Dbtool, url: str, sql: str, said: str) -> None:
    """They are named from the plan alone; a join of any condition is not."""
    out = dbtool("explain", sql, "--url", url, "--no-analyze").out
    assert [line for line in out.splitlines() if "no condition joins" in line] in (
        [[said], ["no condition joins p with o"]] if said else [[]]
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupting_cancels_on_the_server(target: Target, number: int) -> None:
    """The process ends with 130 at once, and so does its statement."""
    command = [DBTOOL, "explain", "SELECT pg_sleep(600)"]
    environment = {"PATH": os.environ["PATH"], "DATABASE_URL": target.sqlalchemy_url()}
    running = """
        SELECT count(*) FROM pg_stat_activity
        WHERE query LIKE '%sleep(600)%' AND state = 'active' AND datname = current_database()
    """
    with SyncConnection(target) as watcher:
        with subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            assert eventually(lambda: watcher.fetchval(running) > 1)
            process.send_signal(number)
            out, error = process.communicate(timeout=60)
        assert (process.returncode, out) == (130, "")
        assert error.startswith("error: interrupted\ndetail: The statement was cancelled")
        assert eventually(lambda: watcher.fetchval(running) == 1)  # the question itself


def test_two_at_once(target: Target, url: str) -> None:
    """Runs beside each other do not get in each other's way."""
    command = [DBTOOL, "explain", SLOW, "--url", url]
    both = [
        subprocess.Popen(command, env={"PATH": os.environ["PATH"]}, stdout=subprocess.DEVNULL)
        for _ in range(2)
    ]
    assert [process.wait(timeout=60) for process in both] == [0, 0]
