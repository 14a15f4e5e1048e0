"""`check --all`: every part in one report, and one exit code."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from dbtool.cli.gate import _ran
from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.errors import Interrupted
from dbtool.report import Report
from tests.conftest import Dbtool
from tests.migrate.conftest import plain
from tests.migrate.projects import Small, small

ENV = """
from alembic import context
from sqlalchemy import engine_from_config, pool
from app import Base

engine = engine_from_config(context.config.get_section("alembic"), poolclass=pool.NullPool)
with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=Base.metadata)
    with context.begin_transaction():
        context.run_migrations()
"""
MODELS = """
from sqlalchemy import ForeignKey, MetaData
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

class Base(DeclarativeBase):
    metadata = MetaData(naming_convention={"fk": "fk_%(table_name)s_%(column_0_name)s"})

class User(Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    boss: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
"""
BEHIND = """
CREATE TABLE users (id serial PRIMARY KEY, name text DEFAULT 'x');
CREATE INDEX by_hand ON users (id);
CREATE TABLE somebody_elses (id int);
CREATE TABLE alembic_version (version_num varchar(32) CONSTRAINT alembic_version_pkc PRIMARY KEY);
INSERT INTO alembic_version VALUES ('first');
"""
PARTS = ["heads", "models", "lint", "history", "database", "round trip"]


def project(root: Path) -> Small:
    """One table whose model says more than its revision, which cannot be undone."""
    made = small(root, ENV, revisions=0)
    made.write("app.py", MODELS)
    made.write("dbtool.toml", 'models = "app:Base"\n')
    made.revision(
        "first",
        None,
        "op.create_table('users', sa.Column('id', sa.Integer, primary_key=True),\n"
        "    sa.Column('name', sa.Text))",
    )
    return made


def on_a_branch(made: Small) -> None:
    """What comes now is not on the main branch."""
    if shutil.which("git") is None:
        pytest.skip("needs git")
    for words in (
        ["init", "-b", "main"],
        ["add", "-A"],
        ["commit", "-m", "x"],
        ["checkout", "-b", "b"],
    ):
        git = ["git", "-c", "user.name=x", "-c", "user.email=x@example.org", *words]
        subprocess.run(git, cwd=made.root, check=True, capture_output=True)


def test_the_gate_runs_every_part(dbtool: Dbtool, tmp_path: Path, database: Target) -> None:
    """One exit code for all of them; a database that is behind is to be what it records."""
    made = project(tmp_path)
    made.revision("second", "first", "op.create_index('by_boss', 'users', ['id'])")
    with SyncConnection(database) as connection:
        connection.execute(BEHIND)
    ran = dbtool("check", "--all", "--json", "--url", plain(database), cwd=made.root)
    said = json.loads(ran.out)
    assert ran.code == 1
    assert [each["name"] for each in said["data"]["parts"]] == PARTS
    assert {(each["rule"], each["severity"]) for each in said["findings"]} >= {
        ("drift", "error"),
        ("foreign-key-unindexed", "note"),
        ("downgrade-does-nothing", "warning"),
    }
    by_hand = [e for e in said["findings"] if e["rule"] == "changed-outside-revisions"]
    assert [(each["severity"], each["title"]) for each in by_hand] == [
        (
            "error",
            "column users.name is default 'x'::text in the database, default none by the history",
        ),
        ("warning", "index users.by_hand is in the database, and no revision makes it"),
    ]
    part = next(each for each in said["data"]["parts"] if each["name"] == "database")
    assert part["headline"] == "1 revision pending (second); what first made differs in 2 places"
    assert said["unknown"] == []


def test_one_of_them_at_a_time(dbtool: Dbtool, tmp_path: Path) -> None:
    """What --all does includes the others."""
    ran = dbtool("check", "--all", "--history", cwd=tmp_path)
    assert (ran.code, ran.out) == (2, "")


def test_a_server_that_is_away_hides_nothing(dbtool: Dbtool, tmp_path: Path) -> None:
    """What the other parts found is reported, and then why the command ends as it does."""
    made = project(tmp_path)
    ran = dbtool("check", "--all", "--url", f"postgresql://x@{tmp_path}/x", cwd=made.root)
    assert ran.code == 3, ran
    assert "downgrade-does-nothing" in ran.out
    assert "database: " in ran.out.partition("unknown")[2], ran.out
    assert ran.err.count("error: ") == 1, ran.err


RAISES = ENV.replace("context.run_migrations()", "raise RuntimeError('no settings in CI')")
"""An env.py that fails wherever it runs, in its line 10."""


def raising(root: Path) -> Small:
    """The project, with an env.py that raises, and one finding nevertheless."""
    made = project(root)
    made.write("migrations/env.py", RAISES)
    return made


def test_a_gate_that_cannot_look_lets_nothing_pass(dbtool: Dbtool, tmp_path: Path) -> None:
    """An env.py that raises fails it, whatever `--fail-on` says; the other parts are reported."""
    ran = dbtool("check", "--all", "--fail-on", "never", cwd=raising(tmp_path).root)
    assert ran.code == 4, ran
    assert "foreign-key-unindexed" in ran.out
    assert "failed: history, round trip" in ran.out.splitlines()[0]
    assert ran.err.count("error: ") == 1, ran.err
    assert "error: env.py failed\n" in ran.err
    assert "migrations/env.py, line 10: RuntimeError: no settings in CI" in ran.err


@pytest.mark.parametrize(
    ("begin", "said"),
    [
        ("raise RuntimeError('no settings in CI')", "line 1: RuntimeError: no settings in CI"),
        ("import sys; sys.exit('no tenant')", "the module ends the program: no tenant"),
        ("import nothing_like_it", "No module named 'nothing_like_it'"),
        ("from app import nothing_like_it", "cannot import name 'nothing_like_it'"),
        ("def (", "SyntaxError: invalid syntax"),
    ],
)
def test_code_that_raises_before_it_begins(
    dbtool: Dbtool, tmp_path: Path, begin: str, said: str
) -> None:
    """An env.py that comes to no connection fails its own parts, beside what the others found."""
    made = project(tmp_path)
    made.write("migrations/env.py", f"{begin}\n{ENV}")
    ran = dbtool("check", "--all", "--json", "-o", "gate.json", "--fail-on", "never", cwd=made.root)
    told = json.loads((made.root / "gate.json").read_text())
    assert (ran.code, ran.out, told["error"]["exit"]) == (4, "", 4), ran
    assert (told["error"]["message"], said in told["error"]["detail"]) == ("env.py failed", True)
    assert {e["name"] for e in told["data"]["parts"] if e["failed"]} == {"history", "round trip"}
    assert {e["rule"] for e in told["findings"]} == {"foreign-key-unindexed", "downgrade-missing"}


@pytest.mark.parametrize("form", ["markdown", "github", "junit", "sarif", "gitlab", "terminal"])
def test_every_format_has_what_the_other_parts_found(
    dbtool: Dbtool, tmp_path: Path, form: str
) -> None:
    """Whoever reads it sees the findings too, and the file is there."""
    made = project(tmp_path)
    made.write("migrations/env.py", f"raise RuntimeError('no settings in CI')\n{ENV}")
    ran = dbtool("check", "--all", "--format", form, "-o", "gate", cwd=made.root)
    assert (ran.code, ran.err.count("error: env.py failed")) == (4, 1), ran
    assert "foreign-key-unindexed" in (made.root / "gate").read_text()


def test_models_that_raise_fail_their_part(dbtool: Dbtool, tmp_path: Path) -> None:
    """So they do behind the settings; a name that is wrong there is the settings' own."""
    made = project(tmp_path)
    made.write("app.py", f"1 / 0\n{MODELS}")
    ran = dbtool("check", "--all", cwd=made.root)
    assert (ran.code, "downgrade-missing" in ran.out) == (4, True), ran
    assert "failed: models, history, round trip" in ran.out.splitlines()[0]
    assert "detail: app.py, line 1: ZeroDivisionError" in ran.err
    made.write("dbtool.toml", 'models = "ap:Base"\n')
    assert dbtool("check", "--all", cwd=made.root).code == 2


def test_models_that_need_a_server_fail_their_part(dbtool: Dbtool, tmp_path: Path) -> None:
    """A module that connects where it is imported cannot be, and nothing is ok."""
    made = project(tmp_path)
    url = f"postgresql+psycopg://x@/x?host={tmp_path}"
    connects = f"import sqlalchemy as sa\nsa.create_engine({url!r}).connect()\n"
    made.write("app.py", f"{connects}{MODELS}")
    ran = dbtool("check", "--all", "--fail-on", "never", cwd=made.root)
    assert (ran.code, "downgrade-missing" in ran.out) == (4, True), ran
    assert "failed: models" in ran.out.splitlines()[0]
    assert 'error: cannot import "app"\ndetail: app.py, line 2: OperationalError' in ran.err


def test_a_revision_that_cannot_be_imported_fails_the_gate(dbtool: Dbtool, tmp_path: Path) -> None:
    """It does not pass as unknown where its file says plainly where it belongs."""
    made = project(tmp_path)
    made.revision("second", "first", "pass")
    file = made.root / "migrations/versions/second.py"
    file.write_text(f"{file.read_text()}\n1 / 0\n")
    ran = dbtool("check", "--all", "--fail-on", "never", cwd=made.root)
    assert ran.code == 4, ran
    assert "error: migrations/versions/second.py cannot be imported" in ran.err


def test_a_database_ahead_of_the_files_stays_unknown(
    dbtool: Dbtool, tmp_path: Path, database: Target
) -> None:
    """A newer release may have been there; nothing of this change is wrong."""
    made = project(tmp_path)
    with SyncConnection(database) as connection:
        connection.execute(BEHIND.replace("'first'", "'of_the_next'"))
    words = ("check", "--all", "--fail-on", "never", "--url", plain(database))
    ran = dbtool(*words, cwd=made.root)
    assert ran.code == 0, ran
    assert "is at revision of_the_next, which is not among these files" in ran.out


def test_programs_read_one_document(dbtool: Dbtool, tmp_path: Path) -> None:
    """What was found, what stays unknown and what failed are one JSON value, in a file too."""
    made = raising(tmp_path)
    told = dbtool("check", "--all", "--json", cwd=made.root)
    filed = dbtool("check", "--all", "--json", "-o", "gate.json", cwd=made.root)
    assert (told.code, filed.code, filed.out) == (4, 4, "")
    for text in (told.out, (made.root / "gate.json").read_text()):
        said = json.loads(text)
        assert said["error"]["message"] == "env.py failed"
        assert "migrations/env.py, line 10" in said["error"]["detail"]
        assert said["error"]["exit"] == 4
        assert "foreign-key-unindexed" in {each["rule"] for each in said["findings"]}
        failed = [each["name"] for each in said["data"]["parts"] if each["failed"]]
        assert failed == ["history", "round trip"]
        assert len(said["unknown"]) == 2


def test_people_read_it_in_one_page(dbtool: Dbtool, tmp_path: Path) -> None:
    """A comment on a pull request, annotations and a list of tests have it all, once."""
    made = raising(tmp_path)
    options = ("check", "--all", "--format")
    page = dbtool(*options, "markdown", "-o", "gate.md", cwd=made.root)
    text = (made.root / "gate.md").read_text()
    assert (page.code, text.count("## dbtool check"), text.count("**error**: env.py")) == (4, 1, 1)
    assert "foreign-key-unindexed" in text
    beside = dbtool(*options, "github", cwd=made.root)
    lines = beside.out.splitlines()
    errors = [each for each in lines if each.startswith("::error") and "env.py failed" in each]
    assert (beside.code, len(errors)) == (4, 1), beside
    assert "file=migrations/env.py,line=10," in errors[0]
    assert any("foreign-key-unindexed" in each for each in lines)
    suite = dbtool(*options, "junit", cwd=made.root)
    assert suite.code == 4
    assert suite.out.count("<error ") == 1
    assert suite.out.count('errors="1"') == 2


def test_a_revision_that_raises_fails_the_gate(dbtool: Dbtool, tmp_path: Path) -> None:
    """Its file and line are named."""
    made = project(tmp_path)
    made.revision("second", "first", "raise ValueError('half done')")
    ran = dbtool("check", "--all", cwd=made.root)
    assert ran.code == 4, ran
    assert "ValueError: half done" in ran.err
    assert "second.py:" in ran.err


KILLS = "COPY (SELECT 1) TO PROGRAM 'kill -9 $(head -n 1 postmaster.pid)'"
"""Ends the server in whose data directory it runs, from inside."""


@pytest.mark.parametrize(
    "words",
    [
        ("check", "--all"),
        ("check", "--history"),
        ("check", "--roundtrip", "second"),
        ("lint", "--measure", "second"),
        ("upgrade", "head", "--sql", "--from-scratch"),
        ("revision", "--autogenerate", "-m", "third"),
    ],
    ids=" ".join,
)
def test_a_throwaway_server_that_was_killed_is_told_as_ours(
    dbtool: Dbtool, tmp_path: Path, words: tuple[str, ...]
) -> None:
    """Nothing is held against the revision it was running, and the user's server is not named."""
    made = project(tmp_path)
    made.revision("second", "first", f"op.execute({KILLS!r})\nop.execute('SELECT pg_sleep(600)')")
    ran = dbtool(*words, cwd=made.root)
    assert ran.code == 4, ran
    assert ran.err.count("error: ") == 1, ran.err
    message = re.search(r"^error: (.*)$", ran.err, re.MULTILINE)
    assert message is not None
    assert re.fullmatch(r"the throwaway PostgreSQL \d+ ended while it was used", message[1]), ran
    said = " ".join(ran.err.split())
    assert "touched no database of yours" in said
    assert "does not build" not in said


@pytest.mark.parametrize(
    "needs", ["CREATE EXTENSION never_made", "CREATE TABLE n (e never_made.kind)"]
)
def test_what_is_not_here_stays_unknown(dbtool: Dbtool, tmp_path: Path, needs: str) -> None:
    """A history that needs an extension, or what it brings, passes where nobody has it."""
    made = project(tmp_path)
    made.revision("second", "first", f"op.execute({needs!r})")
    made.revision("third", "second", "pass")
    ran = dbtool("check", "--all", "--json", "--fail-on", "never", cwd=made.root)
    said = json.loads(ran.out)
    assert ran.code == 0, ran
    assert "error" not in said
    assert {each["rule"] for each in said["unknown"]} == {"check"}


@pytest.mark.parametrize(
    "needs",
    [
        "UPDATE old_sessions SET token = NULL",
        "CREATE EXTENSION never_made",
        "SELECT pg_terminate_backend(pg_backend_pid())",
    ],
)
def test_a_revision_under_trial_is_not_blamed_for_what_is_not_here(
    dbtool: Dbtool, tmp_path: Path, needs: str
) -> None:
    """What it takes may be made elsewhere, and a server that is lost says nothing of it."""
    made = project(tmp_path)
    on_a_branch(made)
    made.revision("second", "first", "op.add_column('users', sa.Column('a', sa.Text))", "1 / 0")
    made.revision("third", "second", f"op.execute({needs!r})")
    made.revision("fourth", "third", "pass")
    ran = dbtool("check", "--all", "--json", cwd=made.root)
    said = json.loads(ran.out)
    assert "upgrade-fails" not in {each["rule"] for each in said["findings"]}
    assert "downgrade-fails" in {each["rule"] for each in said["findings"]}
    part = said["data"]["parts"][-1]
    outcomes = {each["revision"]: each["outcome"] for each in part["data"]["revisions"]}
    assert (part["name"], outcomes) == (
        "round trip",
        {"second": "downgrade fails", "third": "unknown"},
    )
    assert (part["data"]["untried"], part["failed"], "error" in said) == (["fourth"], False, False)
    reasons = [each["reason"] for each in said["unknown"] if each["rule"] == "round-trip"]
    assert reasons[0].startswith("third could not be tried here: ")
    assert ran.code == 1, ran  # for the downgrade of the one before


def test_a_branch_that_needs_what_is_not_here_passes(dbtool: Dbtool, tmp_path: Path) -> None:
    """Its own revision is unknown; one that is wrong in any place fails it."""
    made = project(tmp_path)
    on_a_branch(made)
    made.revision("second", "first", "op.execute('DELETE FROM old_sessions WHERE id = 1')", "pass")
    ran = dbtool("check", "--all", cwd=made.root)
    assert (ran.code, "second could not be tried here" in ran.out) == (0, True), ran
    made.revision("second", "first", "op.execute('SELEKT 1')", "pass")
    ran = dbtool("check", "--all", "--json", cwd=made.root)
    assert "upgrade-fails" in {each["rule"] for each in json.loads(ran.out)["findings"]}
    assert ran.code == 4, ran


def test_an_interrupt_ends_the_gate() -> None:
    """No part that somebody stopped is unknown, with the next one to follow."""

    def stopped() -> Report:
        raise Interrupted("interrupted")

    with pytest.raises(Interrupted):
        _ran("history", stopped)
