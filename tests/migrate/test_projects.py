"""Projects that are not ours: dbtool does what Alembic does, and only where it was pointed.

Every project believes a decoy server to be its database. dbtool is told another one.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from dbtool.database.target import Target
from dbtool.scratch.server import Server, throwaway
from tests.conftest import MAJOR, Dbtool
from tests.projects.build import Built, Shape, build, plain_url
from tests.projects.runner import Ran, Runner
from tests.projects.shapes import LONG, OTHERS, PROJECTS
from tests.projects.snapshot import databases, execute, sessions, snapshot
from tests.projects.trip import Trip, with_alembic, with_dbtool

SHAPES = {shape.name: shape for shape in (*PROJECTS, *OTHERS)}
WHOLE = {
    *("template_async", "tenants", "tenant_loop", "second_connection", "async_settings"),
    *("worker_thread", "hard_coded", "two_engines", "per_migration", "cmd_opts", "noisy"),
    *("locations_in_env", "branches", "create_all_first", "app_in_revisions"),
}
"""The projects that differ in more than where something stands: they take every step each time."""
EMPTY = ("schema public",)
RAW_DRIVER = {"raw_driver"}
OFFLINE_FAILS = {"app_in_revisions", "second_connection"}
_numbers = count(1)


@pytest.fixture(scope="module")
def decoy_server() -> Iterator[Server]:
    """Another server, reached over TCP, that nothing may touch."""
    with throwaway(MAJOR, port=0) as started:
        yield started


@pytest.fixture(scope="module")
def decoy(decoy_server: Server) -> Target:
    """The database the projects believe to be theirs."""
    return decoy_server.create_database("shop")


@dataclass(frozen=True, slots=True)
class Trips:
    """One project, travelled twice."""

    shape: Shape
    alembic: Trip
    dbtool: Trip


def journeys() -> Iterator[Any]:
    """Each project with its usual journey, and the others with the whole one."""
    for shape in PROJECTS:
        whole = shape.name in WHOLE
        yield pytest.param((shape, whole), id=shape.name)
        if not whole:
            every = pytest.mark.slow
            yield pytest.param((shape, True), id=f"{shape.name}, whole", marks=every)
    yield pytest.param((LONG, True), id="long_history, 200", marks=pytest.mark.slow)


@pytest.fixture(scope="module", params=list(journeys()))
def trips(
    request: pytest.FixtureRequest,
    runner: Runner,
    server: Server,
    decoy: Target,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Trips]:
    """The project's journey with plain Alembic and with dbtool."""
    shape, whole = request.param
    root = tmp_path_factory.mktemp(shape.name)
    names = [f"projects_{next(_numbers)}" for _ in range(2)]
    plain, named = map(server.create_database, names)
    yield Trips(
        shape,
        with_alembic(runner, shape, root / "alembic", plain, whole),
        with_dbtool(runner, shape, root / "dbtool", (named, decoy), whole),
    )
    for name in names:
        server.drop_database(name)


def test_same_effect(trips: Trips) -> None:
    """After each step the database is what plain Alembic makes of it."""
    for name, ours in trips.dbtool.steps.items():
        theirs = trips.alembic.steps[name]
        assert ours.after == theirs.after, f"after {name}: {ours.ran}"


def test_same_outcome(trips: Trips) -> None:
    """Each step succeeds where plain Alembic succeeds, and fails as an operation where it fails."""
    for name in trips.dbtool.steps:
        ours, theirs = trips.dbtool.steps[name].ran, trips.alembic.steps[name].ran
        if name != "check":
            assert (ours.code == 0) == (theirs.code == 0), ours
            assert ours.code in (0, 2, 4), ours


def test_same_answers(trips: Trips) -> None:
    """`heads`, `history` and `current` name the revisions that plain Alembic names."""
    for name in {"heads", "history", "current"} & trips.dbtool.steps.keys():
        if trips.shape.name == "locations_in_env" and name != "current":
            continue
        assert trips.dbtool.listed(name) == trips.alembic.listed(name), name


def test_same_verdict(trips: Trips) -> None:
    """`check` finds drift where Alembic finds it; where Alembic crashes it still answers."""
    ours, theirs = trips.dbtool.steps["check"].ran, trips.alembic.steps["check"].ran
    drifted = "New upgrade operations detected" in theirs.out + theirs.err
    assert ours.code == int(drifted), ours


def test_sql_is_sql(trips: Trips) -> None:
    """`--sql` prints Alembic's SQL and nothing of what the project says meanwhile."""
    if "sql" not in trips.dbtool.steps:
        return
    ours, theirs = trips.dbtool.steps["sql"].ran, trips.alembic.steps["sql"].ran
    if trips.shape.name in OFFLINE_FAILS:
        assert (ours.code, ours.out) == (4, "")
        return
    assert statements(ours.out) == statements(theirs.out)


def statements(text: str) -> list[str]:
    """The lines of a script, without what the noisy project adds."""
    lines = text.replace("NOISE without a line end", "").splitlines()
    return [line for line in lines if line.strip() and not line.startswith("NOISE")]


def test_stdout_is_ours(trips: Trips) -> None:
    """What env.py, revisions and the application print never lands in the report."""
    for name, step in trips.dbtool.steps.items():
        assert "NOISE" not in step.ran.out, name
        if "--json" in step.ran.command:
            envelope = json.loads(step.ran.out)
            assert (
                envelope["command"]
                == step.ran.command.split()[-2 if name != "upgrade again" else -3]
            )


def test_project_is_left_alone(trips: Trips) -> None:
    """No file of the project is changed, added or removed."""
    assert trips.dbtool.changed == ()


def test_decoy_is_not_touched(trips: Trips) -> None:
    """No session reaches the server the project believes in, only the one that was named."""
    assert trips.dbtool.decoy == EMPTY
    if trips.shape.name not in RAW_DRIVER:
        assert trips.dbtool.decoy_sessions == 0


@dataclass(frozen=True, slots=True)
class Scene:
    """A project that believes in the decoy, a database for dbtool, and how to run it there."""

    runner: Runner
    project: Built
    database: Target
    decoy: Target

    def dbtool(self, *words: str) -> Ran:
        """Run dbtool, pointed at the database."""
        arguments = ("--url", plain_url(self.database), *self.project.shape.arguments, *words)
        return self.runner(
            "dbtool", *arguments, cwd=self.project.directory, env=self.project.environment
        )


Stage = Callable[..., Scene]


@pytest.fixture
def stage(runner: Runner, database: Target, decoy: Target, tmp_path: Path) -> Stage:
    """Sets a project up by its name; `own` replaces the decoy."""

    def set_up(name: str, own: Target | None = None) -> Scene:
        project = build(SHAPES[name], tmp_path / name, own or decoy)
        return Scene(runner, project, database, own or decoy)

    return set_up


@pytest.mark.parametrize("name", ["creator", "async_creator", "listening_creator"])
def test_connection_made_elsewhere_is_refused(stage: Stage, name: str) -> None:
    """An engine whose own function connects to another server never gets to a statement."""
    scene = stage(name)
    ran = scene.dbtool("upgrade", "head")
    assert ran.code == 4, ran
    assert "creator" in ran.err
    assert snapshot(scene.database) == EMPTY
    assert snapshot(scene.decoy) == EMPTY


@pytest.mark.parametrize("name", ["creator", "async_creator"])
def test_connection_made_to_the_named_database_is_used(
    stage: Stage, database: Target, name: str
) -> None:
    """An engine whose own function connects to the database that was named works as it is."""
    scene = stage(name, own=database)
    ran = scene.dbtool("upgrade", "head")
    assert ran.code == 0, ran
    assert any("c07b5a81e9d4" in line for line in snapshot(database))


@pytest.mark.parametrize("name", ["hard_coded", "creator", "async_creator", "named_section"])
def test_other_database_of_the_same_server(
    stage: Stage, server: Server, database: Target, name: str
) -> None:
    """A database on the same server is another place too."""
    neighbour = server.create_database(f"{database.database}_neighbour")
    try:
        scene = stage(name, own=neighbour)
        ran = scene.dbtool("upgrade", "head")
        assert snapshot(neighbour) == EMPTY
        migrated = any("c07b5a81e9d4" in line for line in snapshot(database))
        assert migrated == (ran.code == 0), ran
        assert migrated == (name not in ("creator", "async_creator"))
    finally:
        server.drop_database(neighbour.database)


def test_second_database_is_refused(stage: Stage) -> None:
    """A second engine never reaches its database, nothing is changed, and the way is named."""
    scene = stage("two_databases")
    reports = plain_url(scene.decoy.with_database("reports"))
    environment = {**scene.project.environment, "REPORTS_DATABASE_URL": reports}
    named = ("--url", plain_url(scene.database))
    ran = scene.runner("dbtool", "upgrade", *named, cwd=scene.project.directory, env=environment)
    said = " ".join(ran.err.split())
    assert (ran.code, snapshot(scene.database), snapshot(scene.decoy)) == (4, EMPTY, EMPTY), ran
    assert "the project connects to two databases, and one is named" in said
    assert "(databases = engine1, engine2 below [alembic])" in said


def test_two_databases_of_the_template_are_not_merged_into_one(stage: Stage, decoy: Target) -> None:
    """The multidb template has two databases; one that was named cannot stand for both."""
    scene = stage("template_multidb")
    seen = sessions(decoy)
    ran = scene.dbtool("upgrade", "head")
    assert ran.code in (2, 4), ran
    assert snapshot(scene.database) == EMPTY
    assert sessions(decoy) == seen
    assert snapshot(decoy) == EMPTY


def test_database_that_env_would_create(stage: Stage, server: Server, decoy: Target) -> None:
    """An env.py that creates its database first creates none on the server that was named."""
    scene = stage("creates_database")
    seen = sessions(decoy)
    names = databases(scene.database)
    ran = scene.dbtool("upgrade", "head")
    assert databases(scene.database) == names, ran
    assert sessions(decoy) == seen
    assert any("c07b5a81e9d4" in line for line in snapshot(scene.database)) == (ran.code == 0)


@pytest.mark.parametrize("name", ["async_settings", "noisy", "worker_thread"])
def test_as_a_user_starts_it(stage: Stage, dbtool: Dbtool, name: str) -> None:
    """The installed command in a cold process does the same as the warm one of these tests."""
    scene = stage(name)
    seen = sessions(scene.decoy)
    named = ("--url", plain_url(scene.database))
    environment = scene.project.environment
    ran = dbtool("upgrade", *named, "--json", cwd=scene.project.directory, env=environment)
    assert ran.code == 0, ran
    after = json.loads(ran.out)["data"]["after"]
    assert any(after[0] in line for line in snapshot(scene.database))
    assert sessions(scene.decoy) == seen


def test_database_url_of_the_process(stage: Stage, database: Target, decoy: Target) -> None:
    """DATABASE_URL names the database for dbtool, whatever the project's own settings say."""
    scene = stage("async_settings")
    seen = sessions(decoy)
    environment = {**scene.project.environment, "DATABASE_URL": plain_url(database)}
    ran = scene.runner("dbtool", "upgrade", cwd=scene.project.directory, env=environment)
    assert ran.code == 0, ran
    assert any("5e71c3a8d2bb" in line for line in snapshot(database))
    assert sessions(decoy) == seen


def test_several_heads_are_listed(stage: Stage) -> None:
    """`upgrade head` with several heads changes nothing and names them with their labels."""
    scene = stage("branches")
    ran = scene.dbtool("upgrade", "head")
    assert ran.code == 2, ran
    for text in ("10aa00000002", "expand", "20bb00000001", "contract", "30cc00000001", "reports"):
        assert text in ran.err
    assert snapshot(scene.database) == EMPTY


def test_mandatory_argument_is_missing(stage: Stage, tmp_path: Path) -> None:
    """What env.py says about a missing -x is the message."""
    scene = stage("tenants")
    ran = scene.runner(
        "dbtool", "--url", plain_url(scene.database), "upgrade", cwd=scene.project.directory
    )
    assert ran.code in (2, 4), ran
    assert "say which tenant: alembic -x tenant=NAME" in ran.err
    assert "Traceback" not in ran.err
    assert snapshot(scene.database) == EMPTY


def test_history_that_does_not_build_from_empty(stage: Stage) -> None:
    """A first revision that expects tables is explained, with `stamp` as the way out."""
    scene = stage("create_all_first")
    ran = scene.dbtool("upgrade", "head")
    assert ran.code == 4, ran
    assert "0001" in ran.err
    assert "invoices" in ran.err
    assert "dbtool stamp" in ran.err
    assert snapshot(scene.database) == EMPTY


def test_models_that_env_does_not_import(stage: Stage) -> None:
    """Every table listed as removed is a question to the user, and the settings can answer it."""
    scene = stage("models_missing")
    assert scene.dbtool("upgrade", "head").code == 0
    asked = scene.dbtool("check")
    assert asked.code == 1, asked
    assert "import" in asked.out + asked.err
    assert "models" in asked.out + asked.err
    (scene.project.root / "dbtool.toml").write_text('models = ["app.models:Base"]\n')
    told = scene.dbtool("check")
    assert told.code == 1, told
    assert "balance" in told.out


def test_deliberate_downgrade_failure(stage: Stage) -> None:
    """A downgrade that raises on purpose says why, and the state stays as it was."""
    scene = stage("irreversible")
    assert scene.dbtool("upgrade", "head").code == 0
    before = snapshot(scene.database)
    ran = scene.dbtool("downgrade", "-1", "--yes")
    assert ran.code == 4, ran
    assert "f00df00df00d" in ran.err
    assert "the original spelling of the addresses is gone" in ran.err
    assert snapshot(scene.database) == before


def test_driver_that_is_not_installed(stage: Stage) -> None:
    """An env.py that names psycopg2 where it is missing is told so in one line."""
    scene = stage("old_driver")
    ran = scene.dbtool("upgrade", "head")
    assert ran.code in (2, 4), ran
    assert "psycopg2" in ran.err
    assert "Traceback" not in ran.err
    assert snapshot(scene.database) == EMPTY


def test_existing_rows_survive_the_way_back(stage: Stage) -> None:
    """One step down and up keeps the rows of tables it does not touch."""
    scene = stage("worker_thread")
    assert scene.dbtool("upgrade", "head").code == 0
    execute(scene.database, "INSERT INTO customers (email) VALUES ('a@example.org')")
    before = snapshot(scene.database)
    assert scene.dbtool("downgrade", "-1", "--yes").code == 0
    assert scene.dbtool("upgrade", "head").code == 0
    assert snapshot(scene.database) == before
