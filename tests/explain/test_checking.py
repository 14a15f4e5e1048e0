"""A directory of statements and the plans that were kept of them."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.errors import UsageError
from dbtool.explain.checking import Checked, Kit, check
from dbtool.explain.run import How
from dbtool.explain.view_changes import check_report
from dbtool.finding import Severity
from dbtool.guard import Permission
from dbtool.ports import Silent
from dbtool.render.screen import Screen
from dbtool.render.terminal import render
from dbtool.scratch.server import Server
from tests.conftest import Ran

_SETUP = """
CREATE TABLE t (id int PRIMARY KEY, k int, v text);
INSERT INTO t SELECT g, g / 10, repeat('x', 300) FROM generate_series(1, 5000) g;
CREATE INDEX by_k ON t (k);
VACUUM ANALYZE t
"""


@pytest.fixture
def target(server: Server) -> Iterator[Target]:
    """A database of one's own with an indexed table."""
    created = server.create_database("checked")
    with SyncConnection(created) as connection:
        for each in _SETUP.split(";"):
            connection.execute(each)
    yield created
    server.drop_database("checked")


@pytest.fixture
def queries(tmp_path: Path) -> Path:
    """A directory with two files of statements."""
    (tmp_path / "sub").mkdir()
    (tmp_path / "one.sql").write_text("SELECT * FROM t WHERE id = 5;\nSELECT v FROM t WHERE k = 3")
    (tmp_path / "sub" / "open.sql").write_text("SELECT * FROM t WHERE id = :id")
    return tmp_path


def checked(target: Target, directory: Path, *, accept: bool = False) -> Checked:
    """A check with nobody to ask."""
    kit = Kit(target, Permission(), Silent(), How())
    return check(directory, kit, accept=accept)


def test_the_life_of_a_baseline(target: Target, queries: Path) -> None:
    """Unknown at first, then accepted, then as it was, then worse in the right places."""
    first = checked(target, queries)
    assert first.changes == ()
    assert [each.rule for each in first.unknowns] == ["plan-not-kept"] * 2
    kept = checked(target, queries, accept=True)
    assert [Path(each).name for each in kept.accepted] == ["one.plan.json", "open.plan.json"]
    for _ in range(10):  # a machine that stalls makes one of the runs slow
        same = checked(target, queries)
        rules = {finding.rule for change in same.changes for finding in change.findings}
        assert rules <= {"slower-than-kept"}
        if not rules:
            break
    assert [(change.reshaped, change.findings) for change in same.changes] == [(False, ())] * 3
    assert same.unknowns == ()

    with SyncConnection(target) as connection:
        connection.execute("DROP INDEX by_k")
        connection.execute("ALTER TABLE t RENAME id TO ident")
    (queries / "one.sql").write_text(
        "SELECT * FROM t WHERE ident = 5;\nSELECT v FROM t WHERE k = 9"
    )
    worse = checked(target, queries)
    verdicts = {
        (Path(change.file).name, change.line): [
            finding.rule for finding in change.findings if finding.severity is Severity.ERROR
        ]
        for change in worse.changes
    }
    assert verdicts == {
        ("one.sql", 1): [],
        ("one.sql", 2): ["index-given-up", "more-blocks"],
        ("open.sql", 1): ["statement-fails"],
    }
    (edited,) = [note for note in worse.notes if "edited" in note]
    assert edited == f"{queries / 'one.sql'}:1: the statement was edited since"
    shown = render(check_report(worse), Screen(100, color=False, drawing=False))
    assert "2 statements got worse" in shown.partition("\n\n")[0].replace("\n", " ")


def test_what_is_refused_is_unknown(target: Target, queries: Path) -> None:
    """A statement that writes was never compared, and that is no regression."""
    checked(target, queries, accept=True)
    (queries / "one.sql").write_text("DELETE FROM t")
    found = checked(target, queries)
    (unknown,) = found.unknowns
    assert "refused to run the statement: it is a DELETE" in unknown.reason
    assert [Path(change.file).name for change in found.changes] == ["open.sql"]


def test_a_directory_without_statements(target: Target, tmp_path: Path) -> None:
    """Nothing to compare is a mistake, not a success."""
    with pytest.raises(UsageError, match=r"there are no \.sql files below"):
        checked(target, tmp_path)
    with pytest.raises(UsageError, match="is no directory"):
        checked(target, tmp_path / "none")


def test_on_the_command_line(target: Target, tmp_path: Path, dbtool: Callable[..., Ran]) -> None:
    """Saved, checked, worse: exit 1."""
    url = {"DATABASE_URL": target.sqlalchemy_url()}
    saved = dbtool(
        "explain", "SELECT v FROM t WHERE k = 3", "--save", "plans/k", cwd=tmp_path, env=url
    )
    assert saved.code == 4, saved.out  # there is no such directory
    (tmp_path / "plans").mkdir()
    saved = dbtool(
        "explain", "SELECT v FROM t WHERE k = 3", "--save", "plans/k", cwd=tmp_path, env=url
    )
    assert saved.code == 0, saved.err
    assert (tmp_path / "plans" / "k.sql").read_text() == "SELECT v FROM t WHERE k = 3;\n"
    with SyncConnection(target) as connection:
        connection.execute("DROP INDEX by_k")
    found = dbtool("explain", "--check", "plans", cwd=tmp_path, env=url)
    assert found.code == 1, found.err
    assert "t was read by an index and is now read whole" in found.out
    plan = ("--from-plan", "plans/k.plan.json", "--save", "again")
    refused = dbtool("explain", *plan, cwd=tmp_path)
    assert refused.code == 2
    assert refused.err.startswith("error: --save keeps the plan of a statement, and --from-plan")
    both = dbtool("explain", "--check", "plans", "-f", "plans/k.sql", cwd=tmp_path, env=url)
    assert both.code == 2
    assert both.err.startswith("error: --check takes a directory, and no -f\n"), both.err
