"""`revision --autogenerate`: what it asks, shows, writes and proves."""

import json
import re
from pathlib import Path

import pytest

from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from tests.conftest import Dbtool
from tests.migrate.conftest import plain
from tests.migrate.projects import Small, small

ENV = """
from alembic import context
from app.models import metadata
from sqlalchemy import engine_from_config

with engine_from_config(context.config.get_section("alembic")).connect() as connection:
    context.configure(connection=connection, target_metadata=metadata{options})
    with context.begin_transaction():
        context.run_migrations()
"""
ASYNC = """
import asyncio
from alembic import context
from app.models import metadata
from sqlalchemy.ext.asyncio import async_engine_from_config

def migrate(connection):
    context.configure(connection=connection, target_metadata=metadata)
    with context.begin_transaction():
        context.run_migrations()

async def main():
    engine = async_engine_from_config(context.config.get_section("alembic"), prefix="sqlalchemy.")
    async with engine.connect() as connection:
        await connection.run_sync(migrate)
    await engine.dispose()

asyncio.run(main())
"""
MODELS = """
from sqlalchemy import *
metadata = MetaData(naming_convention={
    "ix": "ix_%(table_name)s_%(column_0_name)s", "fk": "fk_%(table_name)s_%(column_0_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s", "pk": "%(table_name)s_pkey",
})
"""
BEFORE = """
op.create_table("users", sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("fullname", sa.Text, nullable=False), sa.Column("age", sa.Integer),
    sa.Column("email", sa.String(100)), sa.Column("mood", sa.Enum("sad", "ok", name="mood")))
op.create_table("orders", sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("user_id", sa.Integer))
"""
AFTER = """
Table("users", metadata, Column("id", Integer, primary_key=True),
    Column("full_name", Text, nullable=False), Column("email", String(100), nullable=False),
    Column("mood", Enum("sad", "ok", "happy", name="mood")))
Table("orders", metadata, Column("id", Integer, primary_key=True),
    Column("user_id", ForeignKey("users.id"), index=True))
"""
RENAME = ("--rename", "users.fullname:full_name")
ALLOW = ("--allow", "drop-column:users.age")
RUN = ("revision", "--autogenerate", "-q", "--rev-id", "n1", "-m", "change users")


def project(root: Path, env: str, before: str, after: str) -> Small:
    """A project of one revision whose models have gone further."""
    made = small(root / "project", env, revisions=0)
    made.revision("aaaa00000001", None, before)
    made.write("app/__init__.py", "")
    made.write("app/models.py", MODELS + after)
    return made


def versions(made: Small) -> list[str]:
    """The files of its revisions."""
    return sorted(each.name for each in (made.root / "migrations/versions").glob("*.py"))


REVIEW = """\
migrations/versions/n1_change_users.py written: 6 changes, proven up, down and up again

change                                         lock                    meanwhile             work             undone
rename column users.fullname to full_name      access exclusive        all wait a moment     none             yes
add value happy to enum mood                   none                    nobody waits          none             yes
change column users.email: NOT NULL            access exclusive        all wait a moment     reads every row  yes
drop column users.age                          access exclusive        all wait a moment     none             not its data
create index ix_orders_user_id on orders       share update exclusive  nobody waits          builds an index  yes
add foreign key constraint fk_orders_user_id   share row exclusive     writes wait a moment  reads every row  yes
"""  # noqa: E501
UPGRADE = """\
def upgrade():
    # rename column users.fullname to full_name
    op.alter_column('users', 'fullname', new_column_name='full_name')

    # add value happy to enum mood
    with op.get_context().autocommit_block():
        op.execute('ALTER TYPE "mood" ADD VALUE IF NOT EXISTS \\'happy\\' AFTER \\'ok\\'')

    # change column users.email: NOT NULL
    op.create_check_constraint(
        op.f("users_email_not_null_proof"),
        "users",
        "email IS NOT NULL",
        postgresql_not_valid=True,
    )
    with op.get_context().autocommit_block():
        op.execute("ALTER TABLE users VALIDATE CONSTRAINT users_email_not_null_proof")
    op.alter_column("users", "email", nullable=False)
    op.drop_constraint(op.f("users_email_not_null_proof"), "users", type_="check")

    # drop column users.age
    op.drop_column('users', 'age')

    # create index ix_orders_user_id on orders
    with op.get_context().autocommit_block():
        op.create_index(
            op.f('ix_orders_user_id'), 'orders', ['user_id'], unique=False,
            postgresql_concurrently=True,
        )

    # add foreign key constraint fk_orders_user_id on orders
    op.create_foreign_key(
        op.f('fk_orders_user_id'), 'orders', 'users', ['user_id'], ['id'],
        postgresql_not_valid=True,
    )
    with op.get_context().autocommit_block():
        op.execute("ALTER TABLE orders VALIDATE CONSTRAINT fk_orders_user_id")
"""


def test_whole_review(dbtool: Dbtool, tmp_path: Path) -> None:
    """An async env.py: what nobody can decide is named, then all is shown, and in the file."""
    made = project(tmp_path, ASYNC, BEFORE, AFTER)
    ran = dbtool(*RUN, cwd=made.root)
    assert (ran.code, ran.out, versions(made)) == (2, "", ["aaaa00000001.py"])
    assert ran.err.splitlines() == [
        "error: this needs 2 decisions, and nobody is there to ask",
        "detail: column users.fullname is gone and users.full_name is new: text, in the same"
        " place, with the same indexes and constraints.",
        "        column users.age would be dropped, and its data with it.",
        "hint: --rename users.fullname:full_name  if it was renamed, else --allow"
        " drop-column:users.fullname",
        "      --allow drop-column:users.age  if nobody needs it",
    ]
    ran = dbtool(*RUN, *RENAME, *ALLOW, cwd=made.root)
    assert ran.code == 0, ran
    told = ran.out.replace("fk_orders_user_id on orders ", "fk_orders_user_id ")
    assert re.sub(r" +", " ", told).startswith(re.sub(r" +", " ", REVIEW)), ran.out
    known = " ".join(ran.out.partition("worth knowing")[2].split())
    assert "note going back makes enum mood anew: the owner and the GRANTs of the old" in known
    text = (made.root / "migrations/versions/n1_change_users.py").read_text()
    assert text[text.index("def upgrade") : text.index("\n\ndef downgrade")] == UPGRADE, text


@pytest.mark.parametrize(("nullable", "step"), [(True, "upgrade"), (False, "lint n1")])
def test_the_next_step_is_no_upgrade_that_fails(
    dbtool: Dbtool, tmp_path: Path, nullable: bool, step: str
) -> None:
    """Where lint finds an error in the file, it is what says how to write it; of that file."""
    before = 'op.create_table("users", sa.Column("id", sa.Integer, primary_key=True))'
    after = 'Table("users", metadata, Column("id", Integer, primary_key=True), '
    after += f'Column("age", Integer, nullable={nullable}))'
    made = project(tmp_path, ENV.format(options=""), before, after)
    ran = dbtool(*RUN, cwd=made.root)
    assert (ran.code, ran.out.splitlines()[-1]) == (0, f"next: dbtool {step}"), ran


def test_what_is_asked_at_a_terminal(dbtool: Dbtool, tmp_path: Path) -> None:
    """A rename by a yes, a loss by its name, below the changes; another name writes nothing."""
    made = project(tmp_path, ENV.format(options=""), BEFORE, AFTER)
    words = (*(each for each in RUN if each != "-q"), "--no-proof")
    ran = dbtool(*words, cwd=made.root, tty=True, stdin="y\nusers.name\n")
    assert (ran.code, versions(made)) == (2, ["aaaa00000001.py"]), ran
    assert "Was it renamed? [y/N]" in ran.out
    assert "users.age is not to be dropped, so nothing was written" in ran.out
    assert "  create index ix_orders_user_id on orders: nobody waits, builds an" in ran.out


OPTIONS = """, include_schemas=True, include_object=kept, compare_type=alike,
        process_revision_directives=seen"""
HOOKS = """
from alembic.operations import ops

def kept(item, name, kind, reflected, other):
    return not (kind == "table" and name == "left_out")

def alike(context, inspected, column, old, new):
    return False if column.name == "label" and old.length == 100 else None

def seen(context, revision, directives):
    print([type(each).__name__ for each in directives[0].upgrade_ops.ops])
    for one in (directives[0].upgrade_ops, directives[0].downgrade_ops):
        one.ops = [each for each in one.ops if getattr(each, "table_name", "") != "unwanted"]
"""
HEROES = """
from app.kinds import Money
from sqlmodel import Field, SQLModel
metadata = SQLModel.metadata

class Hero(SQLModel, table=True):
    __table_args__ = {"schema": "tales"}
    id: int | None = Field(default=None, primary_key=True)
    name: str

Table("old", metadata, Column("id", Integer, primary_key=True), Column("label", String(200)),
      Column("price", Money()),
      Column("more", JSON().with_variant(postgresql.JSONB(), "postgresql")))
Table("unwanted", metadata, Column("id", Integer, primary_key=True))
"""
OLD = """
op.create_table("old", sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("label", sa.String(100)))
op.execute("CREATE TABLE left_out (id int)")
"""


def test_what_env_py_asks_for(dbtool: Dbtool, tmp_path: Path) -> None:
    """Filters, compare_type, hooks, schemas and SQLModel's types, in one file that is proven."""
    env = HOOKS + ENV.format(options=OPTIONS)
    models = "from sqlalchemy.dialects import postgresql\n" + HEROES
    made = project(tmp_path, env, OLD, models)
    made.write("app/kinds.py", "from sqlalchemy import *\nclass Money(Numeric):\n    pass\n")
    ran = dbtool(*RUN, cwd=made.root)
    assert ran.code == 0, ran
    assert "4 changes, proven up, down and up again" in ran.out
    assert (
        "['ExecuteSQLOp', 'CreateTableOp', 'CreateTableOp', 'ModifyTableOps', 'ModifyTableOps']"
        in ran.err
    )
    assert "left out by env.py's process_revision_directives: create table unwanted" in ran.out
    assert "import app.kinds, sqlmodel.sql.sqltypes was added" in ran.out
    text = (made.root / "migrations/versions/n1_change_users.py").read_text()
    assert text.count("import sqlmodel.sql.sqltypes\n") == 1
    assert "from sqlalchemy.dialects import postgresql\n" in text
    upgrade, _, downgrade = text.partition("def downgrade")
    assert """op.execute('CREATE SCHEMA "tales"')""" in upgrade
    assert """op.execute('DROP SCHEMA "tales"')""" in downgrade
    assert "left_out" not in text
    assert "'label'" not in text


def test_a_database_is_looked_at(
    dbtool: Dbtool, tmp_path: Path, database: Target, connection: SyncConnection
) -> None:
    """Its rows are counted, and what no revision explains is told apart and not written."""
    made = project(tmp_path, ENV.format(options=""), BEFORE, AFTER)
    against = ("--against", plain(database))
    ran = dbtool(*RUN, *against, cwd=made.root)
    assert ran.code == 4, ran
    assert "is not up to date, so it cannot be compared" in ran.err
    assert dbtool("upgrade", "-q", "--url", plain(database), "-y", cwd=made.root).code == 0
    connection.execute(
        "CREATE INDEX by_hand ON users (age); ALTER TABLE orders ALTER user_id SET NOT NULL;"
        "INSERT INTO users (fullname) SELECT 'x' FROM generate_series(1, 50); ANALYZE users"
    )
    dry = ("--dry-run", "--no-proof", "--plain", "--json")
    ran = dbtool(*RUN, *against, *RENAME, *dry, cwd=made.root)
    assert (ran.code, versions(made)) == (0, ["aaaa00000001.py"]), ran
    data = json.loads(ran.out)["data"]
    assert "dbtool-draft" not in ran.out
    assert data["needs"] == ["--allow drop-column:users.age"]
    (text,) = data["files"].values()
    assert "op.alter_column('users', 'email',\n               nullable=False)" in text
    by = {each["title"]: each for each in data["operations"]}
    assert by["drop column users.age"]["undone"] == "not its data"
    assert by["create index ix_orders_user_id on orders"]["others"].startswith("writes wait until")
    assert [(each["kind"], each["name"], each["how"]) for each in data["proposal"]["drift"]] == [
        ("column", "orders.user_id", "changed"),
        ("index", "users.by_hand", "added"),
    ]
    assert {each["drops"]: each["rows"] for each in data["operations"] if each["drops"]} == {
        "drop-column:users.age": 50
    }
    assert "by_hand" not in str(data["files"])


def test_models_nobody_imported(dbtool: Dbtool, tmp_path: Path) -> None:
    """An empty metadata would drop everything: that is no change, but a mistake."""
    made = project(tmp_path, ENV.format(options=""), BEFORE, "")
    ran = dbtool(*RUN, cwd=made.root)
    assert ran.code == 2, ran
    assert ran.err.splitlines()[:2] == [
        "error: the models env.py gives Alembic have no tables at all",
        "detail: The history makes 2 of them: each would be dropped.",
    ]


MATRIX = """
import sys
sys.path.insert(0, {root!r})
from tests.migrate.matrix import DIFFERENT
from tests.migrate.test_diff import metadata as made
sides = [{{name: pair[at] for name, pair in DIFFERENT.items()}} for at in (0, 1)]
BEFORE, metadata = (made(sides[at], "_0", made(sides[1 - at], "_1")) for at in (0, 1))
"""
CREATE = """
from app.models import BEFORE
for schema in {t.schema for t in BEFORE.tables.values()} - {None}:
    op.execute(f'CREATE SCHEMA "{schema}"')
BEFORE.create_all(op.get_bind())
"""


def test_every_difference_is_written_and_undone(dbtool: Dbtool, tmp_path: Path) -> None:
    """All kinds there and back, in the safe form: it applies, nothing is left, and the way back
    leads to the letter where it began."""
    made = project(tmp_path, ENV.format(options=", include_schemas=True"), CREATE, "")
    root = str(Path(__file__).parents[2])
    made.write("app/models.py", MATRIX.format(root=root))
    ran = dbtool(*RUN, "--dry-run", "--json", cwd=made.root)
    assert ran.code == 0, ran.err
    data = json.loads(ran.out)["data"]
    assert len(data["operations"]) > 200
    assert data["proof"] == "proven up, down and up again", data["trip"]
    undone = {each["title"]: each["undone"] for each in data["operations"]}
    assert "no" not in undone.values()
    told = {
        "change column float_0.x: type double precision to real": "not its data",
        "change column float_1.x: type real to double precision": "narrows values",
        "change column type_wider_0.x: type integer to bigint": "fails where values do not fit",
        "change column type_wider_1.x: type bigint to integer": "yes",
        "change column schema_table_1.one.id: type bigint to integer": "yes",
    }
    assert {each: undone[each] for each in told} == told


def test_a_file_is_not_written(dbtool: Dbtool, tmp_path: Path) -> None:
    """Where lint finds that much, and where nothing says which of several heads is meant."""
    made = project(tmp_path, ENV.format(options=""), BEFORE, AFTER)
    words = (*RUN, *RENAME, *ALLOW, "--no-proof", "--fail-on", "warning")
    ran = dbtool(*words, cwd=made.root)
    assert (ran.code, versions(made)) == (1, ["aaaa00000001.py"]), ran
    assert "stopped before it was written by --fail-on warning" in ran.out.replace("\n", " ")
    assert "migrations/versions/n1_change_users.py:2" in ran.out
    for number in (2, 3):
        made.revision(f"bbbb0000000{number}", "aaaa00000001")
    ran = dbtool(*words, cwd=made.root)
    assert ran.code == 2
    assert ran.err.startswith('error: "head" is not one revision: there are 2 heads\n')


def test_nothing_differs(dbtool: Dbtool, tmp_path: Path) -> None:
    """No file is written then, unless an empty one is asked for."""
    models = 'Table("t", metadata, Column("id", Integer, nullable=False))'
    made = project(
        tmp_path, ENV.format(options=""), 'op.execute("CREATE TABLE t (id int)")', models
    )
    made.revision("aaaa00000002", "aaaa00000001", "op.alter_column('t', 'id', nullable=False)")
    ran = dbtool(*RUN, cwd=made.root)
    headline = "no file written: models and the history do not differ"
    assert (ran.code, ran.out.splitlines()[0]) == (0, headline)
    ran = dbtool(*RUN[:3], "--rev-id", "n2", "--allow-empty", "--no-proof", cwd=made.root)
    assert (ran.code, versions(made)[2:]) == (0, ["n2_.py"]), ran
    assert "the file has no message" in ran.out


def test_flags_are_for_autogenerate(dbtool: Dbtool, tmp_path: Path) -> None:
    """A flag that would be ignored is refused."""
    made = project(tmp_path, ENV.format(options=""), BEFORE, AFTER)
    for words in (("--no-proof",), ("--fail-on", "note")):
        ran = dbtool("revision", "-m", "x", *words, cwd=made.root)
        assert (ran.code, ran.err) == (2, f"error: {words[0]} is for --autogenerate\n")


def test_history_that_does_not_build(
    dbtool: Dbtool, tmp_path: Path, database: Target, connection: SyncConnection
) -> None:
    """A history that began after create_all: the schema of a database is copied instead."""
    made = project(tmp_path, ENV.format(options=""), 'op.add_column("users", sa.Column("age"))', "")
    made.write("app/models.py", MODELS + 'Table("users", metadata, Column("id", BigInteger))')
    ran = dbtool(*RUN, cwd=made.root)
    assert ran.code == 4
    assert ran.err.startswith("error: the history does not build from an empty database: revision")
    end = "hint: Mend it. Or name a database that stands at the head: --against URL; its schema is"
    assert f"{end} compared then.\n" in ran.err
    connection.execute("CREATE TABLE users (id int)")
    assert dbtool("stamp", "head", "--url", plain(database), "-y", cwd=made.root).code == 0
    ran = dbtool(*RUN, "--against", plain(database), cwd=made.root)
    assert ran.code == 0, ran
    text = (made.root / "migrations/versions/n1_change_users.py").read_text()
    assert "op.alter_column('users', 'id', type_=sa.BigInteger())" in text


def test_env_that_fails_is_not_the_history(dbtool: Dbtool, tmp_path: Path) -> None:
    """Nothing is said of the history where env.py fails itself, before or behind the revisions."""
    for env in (ENV.format(options="") + "1 / 0\n", ENV.format(options=", url=1 / 0")):
        made = project(tmp_path, env, BEFORE, "")
        ran = dbtool(*RUN, cwd=made.root)
        assert ran.code == 4
        line = 1 + next(n for n, each in enumerate(env.splitlines()) if "1 / 0" in each)
        assert ran.err == (
            "error: env.py failed\n"
            f"detail: migrations/env.py, line {line}: ZeroDivisionError: division by zero\n"
        )


def test_template_that_is_not_there(dbtool: Dbtool, tmp_path: Path) -> None:
    """Many a package leaves it out; it is named as for an empty revision, with where one is."""
    made = project(tmp_path, ENV.format(options=""), BEFORE, AFTER)
    (made.root / "migrations/script.py.mako").unlink()
    ran = dbtool(*RUN, *RENAME, *ALLOW, cwd=made.root)
    assert ran.code == 4
    assert ran.err.startswith('error: cannot read "migrations/script.py.mako"\n')
    assert "hint: Restore it, or copy Alembic's own: /" in ran.err


def test_id_of_another_revision(dbtool: Dbtool, tmp_path: Path) -> None:
    """A second revision of one id is refused before a file is written, or another overwritten."""
    made = project(tmp_path, ENV.format(options=""), BEFORE, AFTER)
    made.write("migrations/script.py.mako", "revision = ${repr(up_revision)}")
    files = {each: each.read_text() for each in made.root.glob("migrations/versions/*.py")}
    [known] = {each.stem[:12] for each in files}
    name = next(iter(files)).relative_to(made.root)
    for words in (("revision", "--autogenerate", "-q"), ("revision",), ("merge", known)):
        ran = dbtool(*words, "--rev-id", known, "-m", "again", cwd=made.root)
        assert (ran.code, ran.err) == (
            2,
            f"error: revision {known} exists already\ndetail: It is {name}.\n"
            "hint: Give --rev-id another id, or leave it out.\n",
        ), words
    assert {each: each.read_text() for each in made.root.glob("migrations/versions/*.py")} == files


LIBRARY = """
from alembic.autogenerate import comparators
from sqlalchemy import text

@comparators.dispatch_for("schema")
def try_out(context, operations, schemas):
    before = context.connection.begin_nested()
    try:
        context.connection.execute(text("CREATE VIEW adults AS SELECT id FROM people"))
    finally:
        before.rollback()
"""
PEOPLE = 'Table("people", metadata, Column("id", Integer, primary_key=True))'


def test_what_a_library_cannot_try_out_yet(dbtool: Dbtool, tmp_path: Path) -> None:
    """A view on a table that only the draft creates keeps nothing else from being compared."""
    made = project(tmp_path, f"import alembic_utils\n{ENV.format(options='')}", "pass", PEOPLE)
    made.write("alembic_utils.py", LIBRARY)
    left = (
        'what alembic_utils keeps, which it tries out first: relation "people" does not exist'
        " (CREATE VIEW adults AS SELECT id FROM people)"
    )
    ran = dbtool("check", "--history", "--json", cwd=made.root)
    said = json.loads(ran.out)
    assert [each["title"] for each in said["findings"]] == [
        "table people is in the models, not in the history"
    ]
    assert [each["reason"] for each in said["unknown"]] == [f"not compared: {left}"]
    ran = dbtool(*RUN, "--no-proof", cwd=made.root)
    assert (ran.code, versions(made)) == (0, ["aaaa00000001.py", "n1_change_users.py"]), ran
    assert f"not compared: {left}" in ran.out
    ran = dbtool("revision", "--autogenerate", "-q", "--no-proof", cwd=made.root)
    assert ran.out.startswith("no file written: models and the history do not differ\n"), ran
    assert "not compared" not in ran.out


REQUIRED = """
op.execute('''CREATE DOMAIN filled AS int DEFAULT 1; CREATE DOMAIN small AS int;
              CREATE DOMAIN must AS int NOT NULL;
              CREATE TABLE users (id int PRIMARY KEY, age int NOT NULL, name text, sure must,
                                  kept int NOT NULL, code bigint NOT NULL, much text,
                                  level int NOT NULL DEFAULT 3, number int NOT NULL
                                  GENERATED ALWAYS AS IDENTITY, rank filled NOT NULL,
                                  place small NOT NULL, twice int NOT NULL
                                  GENERATED ALWAYS AS (1 + 1) STORED)''')
"""
FREED = """
Table("users", metadata, Column("id", Integer, primary_key=True), Column("kept", Integer),
      Column("code", Numeric), Column("much", Text, nullable=False))
"""
GOING = ("age", "sure", "name", "level", "number", "rank", "place", "twice")


def test_a_required_column_comes_back_only_without_rows(dbtool: Dbtool, tmp_path: Path) -> None:
    """What nothing gives a value is told to fail on the way back, in the review and the draft."""
    made = project(tmp_path, ENV.format(options=""), REQUIRED, FREED)
    allowed = [word for each in GOING for word in ("--allow", f"drop-column:users.{each}")]
    ran = dbtool(*RUN, *allowed, "--dry-run", "--no-proof", "--json", cwd=made.root)
    assert ran.code == 0, ran
    data = json.loads(ran.out)["data"]
    undone = {each["title"].rpartition(".")[2]: each["undone"] for each in data["operations"]}
    assert {each: undone[each] for each in GOING} == dict.fromkeys(GOING, "not its data") | {
        "age": "fails where rows are",
        "place": "fails where rows are",
        "sure": "fails where rows are",
    }
    freed = {
        each["title"]: each["undone"] for each in data["operations"] if "NULL" in each["title"]
    }
    assert freed == {
        "change column users.kept: NULL allowed": "fails where NULLs are",
        "change column users.code: type bigint to numeric, NULL allowed": "narrows values",
        "change column users.much: NOT NULL": "yes",
    }
    _, _, back = "".join(data["files"].values()).partition("def downgrade")
    said = re.findall(r"# fails where rows are: (\S+) is NOT NULL, and nothing gives it", back)
    assert sorted(said) == ["users.age", "users.place", "users.sure"]
    said = re.findall(r"# fails where NULLs are: (\S+) is NOT NULL again\n", back)
    assert sorted(said) == ["users.code", "users.kept"]


KEEPS = """
from alembic.operations import ops

def keeps(context, revision, directives):
    for one in (directives[0].upgrade_ops, directives[0].downgrade_ops):
        one.ops = [each for each in one.ops if not (
            isinstance(each, (ops.DropTableOp, ops.CreateTableOp)) and each.table_name != "gone")]
"""
CIRCLE = """
op.execute('''CREATE TABLE users (id int PRIMARY KEY, more text);
              CREATE TABLE one (id int PRIMARY KEY, b int);
              CREATE TABLE two (id int PRIMARY KEY, a int REFERENCES one, u int REFERENCES users);
              ALTER TABLE one ADD CONSTRAINT around FOREIGN KEY (b) REFERENCES two;
              CREATE TABLE gone (id int PRIMARY KEY, u int REFERENCES users)''')
"""


def test_a_table_that_a_hook_keeps_keeps_its_foreign_keys(dbtool: Dbtool, tmp_path: Path) -> None:
    """They would only go to make way for the table, or for a type that it refers to."""
    users = 'Table("users", metadata, Column("id", BigInteger, primary_key=True))'
    options = ", process_revision_directives=keeps"
    made = project(tmp_path, KEEPS + ENV.format(options=options), CIRCLE, users)
    allowed = ("--allow", "drop-column:users.more", "--allow", "drop-table:gone")
    ran = dbtool(*RUN, *allowed, "--chain", "--rev-id", "n1", cwd=made.root)
    assert ran.code == 0, ran
    assert "drop foreign key constraint two_a_fkey on two" in ran.out.partition("left out by")[2]
    assert "drop foreign key constraint two_u_fkey on two" in ran.out.partition("left out by")[2]
    for each in versions(made)[1:]:
        text = (made.root / "migrations/versions" / each).read_text()
        assert "'two_a_fkey'" not in text
        assert "'two_u_fkey'" not in text
        assert "op.drop_table('two')" not in text
    assert "proven up, down and up again" in ran.out
