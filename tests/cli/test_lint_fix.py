"""`dbtool lint --fix` as it is typed: what it writes, what it leaves alone, and what it refuses."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from dbtool.cli import fixing
from dbtool.cli.judging import Found, Judgement
from dbtool.errors import OperationError, UsageError
from dbtool.lint.fixing import Change, Plan
from tests.conftest import Dbtool
from tests.migrate.projects import Small, small

TABLES = """
op.execute("CREATE TABLE users (id bigint PRIMARY KEY)")
op.execute("CREATE TABLE orders (id bigint PRIMARY KEY, note text, code text, total int)")
"""
HEADER = '''"""Something."""
from alembic import op

revision = "bbb2"
down_revision = "aaa1"


'''
BUILD = """\
def upgrade() -> None:
\t# before
\top.create_index("ix", "orders", ["note"])  # ä
\top.create_unique_constraint("uq", "orders", ["code"])


def downgrade() -> None:
\top.drop_constraint("uq", "orders")
\top.drop_index(op.f("ix"))
"""
BUILT = """\
def upgrade() -> None:
\t# before
\twith op.get_context().autocommit_block():
\t    op.create_index("ix", "orders", ["note"], postgresql_concurrently=True)  # ä
\twith op.get_context().autocommit_block():
\t    op.create_index("uq", "orders", ["code"], unique=True, postgresql_concurrently=True)
\top.execute("ALTER TABLE orders ADD CONSTRAINT uq UNIQUE USING INDEX uq")


def downgrade() -> None:
\top.drop_constraint("uq", "orders")
\twith op.get_context().autocommit_block():
\t    op.drop_index(op.f("ix"), postgresql_concurrently=True)
"""
BY_HAND = """\
NAME = "ix_named"


def helper(column: str) -> None:
    op.create_index("ix_" + column, "orders", [column])


def upgrade() -> None:
    helper("note")
    for column in ("note", "code"):
        op.create_index(f"ix2_{column}", "orders", [column])
    if NAME:
        op.create_index("ix3", "orders", ["code"])
    op.create_index(NAME, "orders", ["total"])
    op.create_index("ix4", "orders", ["total"]); op.create_index("ix5", "orders", ["note"])
    op.alter_column(
        "orders",
        "note",  # as it was meant
        nullable=False,
    )
    with op.batch_alter_table("orders") as batch:
        batch.create_check_constraint("ck", "total > 1")
    op.execute("ALTER TABLE orders ADD CHECK (total > 2), ADD CHECK (total > 3)")
    made = op.create_index("ix6", "orders", ["total"])
    op.create_index("ix7", "orders", ["total"], postgresql_concurrently=False)
    # dbtool: allow index-not-concurrent -- nobody writes to it
    op.create_index("ix8", "orders", ["total"])


def downgrade() -> None:
    raise NotImplementedError
"""
REASONS = [
    "it is called in the function helper",
    "it is called in a loop",
    "it is called in a loop",
    "it is called in a block",
    "its arguments are computed",
    "it shares its line with something else",
    "it shares its line with something else",
    "a comment inside the call would be lost",
    "it is called in a block",
    "the statement does several things at once",
    "the statement does several things at once",
    "it is no call by itself",
    "it says itself that it is not to run concurrently",
]
SCHEMA = """
CREATE TABLE users (id bigint PRIMARY KEY);
CREATE TABLE orders (id bigint PRIMARY KEY, user_id bigint, note text, code text);
CREATE INDEX old ON orders (code);
"""
SCRIPT = """\
-- of this week
CREATE INDEX ix ON orders (note) WITH (fillfactor = 70); -- quick
ALTER TABLE orders ADD CONSTRAINT fk FOREIGN KEY (user_id)
    REFERENCES users (id);
ALTER TABLE orders ALTER note SET NOT NULL; DROP INDEX old;
ALTER TABLE orders ADD "Total" numeric(9, 2) DEFAULT 1 CHECK ("Total" > 0);
BEGIN;
CREATE INDEX two ON orders (code);
COMMIT;
"""
MENDED = """\
-- of this week
CREATE INDEX CONCURRENTLY ix ON orders (note) WITH (fillfactor = 70); -- quick
ALTER TABLE orders ADD CONSTRAINT fk FOREIGN KEY (user_id)
    REFERENCES users (id) NOT VALID;
ALTER TABLE orders VALIDATE CONSTRAINT fk;
ALTER TABLE orders ADD CONSTRAINT orders_note_not_null_proof CHECK (note IS NOT NULL) NOT VALID;
ALTER TABLE orders VALIDATE CONSTRAINT orders_note_not_null_proof;
ALTER TABLE orders ALTER COLUMN note SET NOT NULL;
ALTER TABLE orders DROP CONSTRAINT orders_note_not_null_proof; DROP INDEX CONCURRENTLY old;
ALTER TABLE orders ADD COLUMN "Total" numeric(9,2) DEFAULT 1;
ALTER TABLE orders ADD CONSTRAINT "orders_Total_check" CHECK ("Total" > 0) NOT VALID;
ALTER TABLE orders VALIDATE CONSTRAINT "orders_Total_check";
BEGIN;
CREATE INDEX two ON orders (code);
COMMIT;
"""


@pytest.fixture
def project(tmp_path: Path) -> Small:
    """A project with two tables."""
    made = small(tmp_path / "project", revisions=0)
    made.revision("aaa1", None, TABLES)
    return made


def revision(project: Small, body: str) -> Path:
    """Write the second revision as it stands."""
    path = project.root / "migrations/versions/bbb2.py"
    path.write_text(HEADER + body, encoding="utf-8")
    return path


def test_all_else_stays_as_it_is(dbtool: Dbtool, project: Small) -> None:
    """Tabs, line ends, the byte order mark and comments are nobody's business; nor a second run."""
    path = revision(project, BUILD)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    ran = dbtool("lint", "--fix", "bbb2", cwd=project.root)
    assert ran.code == 0, ran
    first = "1 revision, as named: 2 findings fixed in 1 file; left: nothing found"
    assert ran.out.splitlines()[0] == first
    assert "\n--- a/migrations/versions/bbb2.py\n" in ran.out
    written = b"\xef\xbb\xbf" + (HEADER + BUILT).encode().replace(b"\n", b"\r\n")
    assert path.read_bytes() == written
    ran = dbtool("lint", "--fix", "bbb2", cwd=project.root)
    first = "1 revision, as named: nothing to fix by itself; nothing found"
    assert (ran.code, ran.out.splitlines()[0]) == (0, first)
    assert path.read_bytes() == written


def test_what_is_not_mechanical(dbtool: Dbtool, project: Small) -> None:
    """It is left as it is, and why is told."""
    path = revision(project, BY_HAND)
    before = path.read_bytes()
    ran = dbtool("lint", "--fix", "--json", "--select", "default", "bbb2", cwd=project.root)
    plan = json.loads(ran.out)["data"]["plan"]
    told = ("lock-held-during-work", "redundant-index")
    reasons = [each["reason"] for each in plan["refused"] if each["rule"] not in told]
    assert (ran.code, plan["fixed"], reasons) == (1, [], REASONS)
    assert path.read_bytes() == before


def test_what_relies_on_its_transaction(dbtool: Dbtool, project: Small) -> None:
    """SET LOCAL is lost where the transaction is parted."""
    body = 'def upgrade():\n    op.execute("SET LOCAL lock_timeout = 1")\n    '
    revision(project, f'{body}op.create_index("ix", "orders", ["note"])\n')
    ran = dbtool("lint", "--fix", "bbb2", cwd=project.root)
    assert "SET LOCAL would end with the transaction that is parted" in ran.out


def test_a_way_back_that_cannot_be_rewritten(dbtool: Dbtool, project: Small) -> None:
    """It stays as it is, and the way up is rewritten all the same."""
    back = 'def downgrade():\n    op.drop_index("ix"); op.execute("SELECT 1")\n'
    up = 'def upgrade():\n    op.create_index("ix", "orders", ["note"])\n\n\n'
    path = revision(project, up + back)
    assert dbtool("lint", "--fix", "bbb2", cwd=project.root).code == 0
    assert path.read_text(encoding="utf-8").endswith(
        '["note"], postgresql_concurrently=True)\n\n\n' + back
    )


def test_a_text_over_several_lines(dbtool: Dbtool, project: Small) -> None:
    """Lines are set in anew, and a constant must not be."""
    sql = "ALTER TABLE orders ADD CONSTRAINT c CHECK (note <> 'a\\nb')"
    path = revision(project, f'def upgrade():\n    op.execute("{sql}")\n')
    ran = dbtool("lint", "--fix", "bbb2", cwd=project.root)
    assert "a text in it goes over several lines" in ran.out
    assert sql in path.read_text(encoding="utf-8")


def test_imports_that_are_missing(dbtool: Dbtool, project: Small) -> None:
    """What is written can run: it has the imports it needs."""
    sql = "ALTER TABLE orders ADD COLUMN n int DEFAULT 3 CHECK (n > 1)"
    path = revision(project, f'def upgrade():\n    op.execute("{sql}")\n')
    assert dbtool("lint", "--fix", "bbb2", cwd=project.root).code == 0
    text = path.read_text(encoding="utf-8")
    assert "from alembic import op\nimport sqlalchemy as sa\n\nrevision" in text
    assert 'sa.Column("n", sa.Integer(), server_default=sa.text("3"))' in text


def test_a_dry_run(dbtool: Dbtool, project: Small) -> None:
    """The difference is shown, nothing is written, and what is found fails as without."""
    path = revision(project, BUILD)
    ran = dbtool("lint", "--fix", "--dry-run", "bbb2", cwd=project.root)
    first = "1 revision, as named: 2 findings would be fixed in 1 file; as it is: 2 errors"
    assert (ran.code, ran.out.splitlines()[0]) == (1, first)
    assert '+\t    op.drop_index(op.f("ix"), postgresql_concurrently=True)\n' in ran.out
    assert path.read_text(encoding="utf-8") == HEADER + BUILD


@pytest.mark.usefixtures("git_installed")
def test_nothing_known_to_be_new(dbtool: Dbtool, project: Small) -> None:
    """Without git nobody knows what is applied: what is to be rewritten has to be named."""
    path = revision(project, BUILD)
    ran = dbtool("lint", "--fix", cwd=project.root)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == (
        "error: which revisions are not applied anywhere is not known, so none is rewritten\n"
        "detail: These would be judged: all revisions (this is no git repository).\n"
        "hint: Name those to rewrite: dbtool lint --fix REVISION, or a range a:b.\n"
    )
    assert path.read_text(encoding="utf-8") == HEADER + BUILD


def test_a_script(dbtool: Dbtool, tmp_path: Path) -> None:
    """Statements of a script change in place, but in a transaction of its own."""
    (tmp_path / "schema.sql").write_text(SCHEMA)
    path = tmp_path / "change.sql"
    path.write_bytes(b"\xef\xbb\xbf" + SCRIPT.encode())
    words = ("lint", "--fix", "--schema", "schema.sql")
    ran = dbtool(*words, "change.sql", cwd=tmp_path)
    assert path.read_bytes() == b"\xef\xbb\xbf" + MENDED.encode()
    first = "change.sql: 5 findings fixed in 1 file; left: 1 error, 1 note"
    assert (ran.code, ran.out.splitlines()[0]) == (1, first)
    assert "change.sql:14: index-not-concurrent\n    it stands in a transaction" in ran.out


def test_a_filter(dbtool: Dbtool, tmp_path: Path) -> None:
    """From stdin to stdout goes the SQL alone; what is left is told beside it."""
    (tmp_path / "schema.sql").write_text(SCHEMA)
    words = ("lint", "--fix", "--schema", "schema.sql", "-")
    ran = dbtool(*words, cwd=tmp_path, stdin=SCRIPT)
    assert (ran.code, ran.out) == (1, MENDED)
    assert "info: error: stdin:14: orders: writes wait while index two is built\n" in ran.err
    ran = dbtool(*words, "--json", "-o", "found.json", cwd=tmp_path, stdin=SCRIPT)
    assert (ran.code, ran.out) == (1, MENDED)
    assert len(json.loads((tmp_path / "found.json").read_text())["findings"]) == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--dry-run",), "--dry-run is for --fix: without it nothing is written"),
        (("--fix", "--dry-run", "-"), "--fix of stdin prints the SQL and takes no --dry-run"),
        (("--fix", "--json", "-"), "--fix of stdin prints the SQL, so that the report has to go"),
        (("--fix", "--export-stats", "f"), "--fix is for what is judged"),
    ],
)
def test_refused(dbtool: Dbtool, tmp_path: Path, words: tuple[str, ...], message: str) -> None:
    """Options that contradict each other are a mistake."""
    ran = dbtool("lint", *words, cwd=tmp_path, stdin="SELECT 1")
    assert ran.code == 2
    assert message in (ran.out or ran.err)


def test_a_file_that_changed_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody's work is overwritten."""
    monkeypatch.chdir(tmp_path)
    Path("a.sql").write_text("SELECT 2;")
    with pytest.raises(OperationError) as told:
        fixing._write([Change("a.sql", "SELECT 1;", "SELECT 3;")])
    assert told.value.message == '"a.sql" changed since it was read'
    assert told.value.hint == "Run dbtool lint --fix again."
    assert Path("a.sql").read_text() == "SELECT 2;"


def test_what_cannot_be_judged_is_put_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the new files cannot be read the old ones come back."""
    monkeypatch.chdir(tmp_path)
    Path("a.sql").write_text("SELECT 3;")

    def judged(_: Mapping[str, str]) -> Judgement:
        assert Path("a.sql").read_text() == "SELECT 3;"
        raise UsageError("env.py fails")

    plan = Plan((Change("a.sql", "SELECT 1;", "SELECT 3;"),))
    with pytest.raises(OperationError) as told:
        fixing._again(judged, plan, {})
    assert told.value.detail == "env.py fails"
    assert Path("a.sql").read_text() == "SELECT 1;"


def test_the_first_look_at_a_changing_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that changes while it is judged is not rewritten by what was judged."""
    from dbtool.lint.linted import Linted, Outcome
    from dbtool.statement import Migration

    monkeypatch.chdir(tmp_path)
    Path("a.py").write_text("pass")
    found = Found((Migration(name="a", file="a.py", text="old"),), "1 revision")
    with pytest.raises(OperationError, match=r'"a.py" changed while it was judged'):
        fixing._sources(Judgement(found, Linted((Outcome("a", "a.py", ()),))))
