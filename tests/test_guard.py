"""Which database is production, proven on real servers, tunnels and poolers; and what may run."""

import asyncio
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from dbtool.database.connect import connect
from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.errors import UsageError
from dbtool.guard import (
    Action,
    Classified,
    Consent,
    Need,
    Permission,
    Standing,
    classify,
    environment_of,
    expect,
    need,
    permit,
)
from dbtool.scratch.server import Server, throwaway
from dbtool.scratch.workspace import Workspace
from dbtool.settings.environments import Environment
from dbtool.settings.values import Settings, load
from tests.conftest import MAJOR
from tests.pgbouncer import pgbouncer
from tests.proxy import proxy

NOT_PROVEN = "its server is not proven to be a process of this machine"


def classified(target: Target, environment: Environment | None = None) -> Classified:
    """Connect and classify."""

    async def run() -> Classified:
        connection = await connect(target)
        try:
            return await classify(connection, target, environment)
        finally:
            await connection.close()

    return asyncio.run(run())


@pytest.fixture(scope="module")
def on_tcp() -> Iterator[Server]:
    """A server that listens on 127.0.0.1 as well."""
    with throwaway(MAJOR, port=0) as running:
        yield running


def named(target: Target) -> Target:
    """A target as a user would name it: not marked as a server of ours."""
    return replace(target, source="--url")


def test_a_server_on_a_unix_socket_is_proven_local(database: Target) -> None:
    """The kernel names the postmaster at the other end."""
    found = classified(named(database))
    assert found.standing is Standing.DEVELOPMENT
    assert found.reason.startswith("its server is process ")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_server_on_tcp_is_proven_local(on_tcp: Server, host: str) -> None:
    """The title of a local backend shows the port of our end."""
    found = classified(replace(named(on_tcp.target()), host=host))
    assert found.standing is Standing.DEVELOPMENT


def test_a_role_whose_sessions_are_those_of_another(on_tcp: Server) -> None:
    """It may not see when its own session began: then nothing is proven, and nothing fails."""
    with SyncConnection(on_tcp.target()) as connection:
        connection.execute(
            "CREATE ROLE works; CREATE ROLE logs_in LOGIN PASSWORD 'secret' IN ROLE works;"
            " ALTER ROLE logs_in SET role = 'works'"
        )
    target = replace(named(on_tcp.target()), user="logs_in", password="secret")
    found = classified(target)
    assert (found.standing, found.reason) == (Standing.UNKNOWN, NOT_PROVEN)


FORWARDER = """
import socket, sys, threading
def pump(a, b):
    while data := a.recv(65536):
        b.sendall(data)
    b.shutdown(socket.SHUT_WR)
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
while True:
    near, _ = listener.accept()
    far = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
    for pair in ((near, far), (far, near)):
        threading.Thread(target=pump, args=pair, daemon=True).start()
"""


@contextmanager
def forwarder(port: int) -> Iterator[int]:
    """A process that forwards a port, as ssh -L does."""
    command = [sys.executable, "-c", FORWARDER, str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.kill()


def test_a_tunnel_is_never_local(on_tcp: Server) -> None:
    """A forwarded port ends on this machine, and its server need not."""
    with forwarder(on_tcp.target().port) as port:
        found = classified(replace(named(on_tcp.target()), port=port))
    assert (found.standing, found.reason) == (Standing.UNKNOWN, NOT_PROVEN)


def test_a_tunnel_to_a_unix_socket_is_never_local(database: Target) -> None:
    """Nor when the forwarder talks to the server through its socket."""
    with proxy(named(database)) as between:
        found = classified(between.target)
    assert (found.standing, found.reason) == (Standing.UNKNOWN, NOT_PROVEN)


def test_a_pooler_is_never_local(server: Server) -> None:
    """PgBouncer on this machine says nothing about where its servers are."""
    with pgbouncer(named(server.target())) as pooler:
        for target in (pooler.target, pooler.on_socket):
            found = classified(target)
            assert (found.standing, found.reason) == (Standing.UNKNOWN, NOT_PROVEN)


def test_a_server_elsewhere_whose_process_number_is_taken_here(
    on_tcp: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another local backend of that number is not ours: its title shows another port."""
    from dbtool import locality

    async def run() -> tuple[Classified, Classified]:
        target = named(on_tcp.target())
        other, ours = await connect(target), await connect(target)
        number = other.get_server_pid()
        before = await classify(ours, target, None)
        real = locality.read_process
        monkeypatch.setattr(locality, "read_process", lambda _: real(number))
        after = await classify(ours, target, None)
        await other.close()
        await ours.close()
        return before, after

    before, after = asyncio.run(run())
    assert before.standing is Standing.DEVELOPMENT
    assert (after.standing, after.reason) == (Standing.UNKNOWN, NOT_PROVEN)


def test_a_process_that_is_no_server(on_tcp: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """A number that belongs to something else here, or to nothing, proves nothing."""
    from dbtool import locality

    real = locality.read_process
    for stand_in in (lambda _: real(1), lambda _: None):
        monkeypatch.setattr(locality, "read_process", stand_in)
        found = classified(named(on_tcp.target()))
        assert found.reason == "its server is none of the processes seen on this machine"


ENVIRONMENT = Environment("x", "postgresql://h/d", source="pyproject.toml [tool.dbtool.env.x]")
PRODUCTION = replace(ENVIRONMENT, production=True)
DEVELOPMENT = replace(ENVIRONMENT, development=True)


def test_production_is_what_is_marked_so_even_on_this_machine(database: Target) -> None:
    """The mark goes before every proof."""
    expected = Classified(
        Standing.PRODUCTION, "pyproject.toml [tool.dbtool.env.x] is marked production"
    )
    assert classified(named(database), PRODUCTION) == expected
    assert classified(database, PRODUCTION) == expected


def test_development_is_what_is_marked_so(on_tcp: Server) -> None:
    """The mark spares the question where nothing can be proven."""
    with forwarder(on_tcp.target().port) as port:
        target = replace(named(on_tcp.target()), port=port)
        assert classified(target, DEVELOPMENT) == Classified(
            Standing.DEVELOPMENT, "pyproject.toml [tool.dbtool.env.x] is marked development"
        )


MARK = "pyproject.toml [tool.dbtool.env.live]"


def settings_of(root: Path, live: Target, mark: str = "production") -> Settings:
    """Settings that mark one database."""
    (root / "pyproject.toml").write_text(
        f'[tool.dbtool.env.live]\nurl = "{live.sqlalchemy_url()}"\n{mark} = true\n'
    )
    return load("postgresql:///elsewhere", None, None, start=root)


@pytest.mark.parametrize("host", ["db.example.org", "10.1.2.3"])
def test_production_by_another_name_of_this_machine(
    database: Target, tmp_path: Path, host: str
) -> None:
    """On its own host a server is reached by its socket: that alone must not make it harmless."""
    here = named(database)
    settings = settings_of(tmp_path, replace(here, host=host))
    found = classified(here, environment_of(settings, here))
    assert found.standing is Standing.UNKNOWN
    alike = f"{MARK}, marked production, has the same port and database name"
    assert found.reason.endswith(f" of this machine, and {alike}")
    assert found.settings_line.startswith("[tool.dbtool] env.dev = ")
    assert expect(here, environment_of(settings, here)).reason == alike


def test_production_behind_its_pooler(database: Target, tmp_path: Path) -> None:
    """The port of a pooler is not the one its server has."""
    here = replace(named(database), port=5432)
    settings = settings_of(tmp_path, replace(here, host="db.example.org", port=6432))
    assert environment_of(settings, here).may_be == MARK


def test_another_database_than_production(database: Target, tmp_path: Path) -> None:
    """A server of this machine is for development where no mark resembles it."""
    here = named(database)
    for other in (replace(here, database="other"), replace(here, port=5999)):
        settings = settings_of(tmp_path, replace(other, host="db.example.org"))
        assert classified(here, environment_of(settings, here)).standing is Standing.DEVELOPMENT
    settings = settings_of(tmp_path, replace(here, host="db.example.org"), "development")
    assert classified(here, environment_of(settings, here)).standing is Standing.DEVELOPMENT


def test_the_projects_own_server_beside_production(tmp_path: Path) -> None:
    """The server of `dbtool local` is known whatever production is called."""
    home = Workspace(tmp_path).home
    home.mkdir(parents=True)
    own = Target(str(home), 5432, "ann", "shop", source="DATABASE_URL")
    settings = settings_of(tmp_path, Target("db.example.org", 5432, "ann", "shop"))
    assert environment_of(settings, own).may_be == ""


def test_a_server_of_our_own_is_development(server: Server) -> None:
    """dbtool started it, so it is known without asking."""
    assert expect(server.target(), None) == Classified(
        Standing.DEVELOPMENT, "dbtool started this server itself"
    )


@pytest.mark.parametrize(
    ("target", "environment", "line"),
    [
        (
            Target("db", 5433, "ann", "shop", "secret"),
            None,
            '[tool.dbtool] env.dev = { url = "postgresql://ann@db:5433/shop", development = true }',
        ),
        (
            Target("/run/pg", 5432, "ann", "shop"),
            None,
            '[tool.dbtool] env.dev = { url = "postgresql://ann@/shop?host=/run/pg&port=5432",'
            " development = true }",
        ),
        (
            Target("db", 5433, "ann", "shop"),
            ENVIRONMENT,
            "pyproject.toml [tool.dbtool.env.x] development = true",
        ),
        (
            Target("db", 5433, "ann", "shop"),
            Environment("", own_file=True),
            'env.dev = { url = "postgresql://ann@db:5433/shop", development = true }',
        ),
    ],
)
def test_the_settings_line_that_would_classify_it(
    target: Target, environment: Environment | None, line: str
) -> None:
    """Unknown comes with the one line that ends it, and without the password."""
    assert expect(target, environment) == Classified(Standing.UNKNOWN, "no setting marks it", line)


def test_the_table() -> None:
    """What each action needs, row by row: development, elsewhere."""
    table = {
        action.name: (need(action, Standing.DEVELOPMENT).name, need(action, Standing.UNKNOWN).name)
        for action in Action
    }
    assert table == {
        "READ": ("NOTHING", "NOTHING"),
        "UPGRADE": ("NOTHING", "YES"),
        "EXPLAIN_READ": ("NOTHING", "NOTHING"),
        "EXPLAIN_WRITE": ("YES", "NAME"),
        "TRACE": ("NOTHING", "NAME"),
        "TRACE_COMMITS": ("YES", "NAME"),
        "KILL": ("YES", "YES"),
        "DOWNGRADE": ("YES", "NAME"),
        "STAMP": ("NOTHING", "YES"),
        "FORGET": ("NOTHING", "NAME"),
        "GENERATE_EMPTY": ("NOTHING", "NAME_AS_FLAG"),
        "GENERATE": ("YES", "NAME_AS_FLAG"),
        "TRUNCATE": ("YES", "NAME_AS_FLAG"),
        "GENERATE_SAMPLE": ("NOTHING", "NAME"),
        "REFERENCE": ("NOTHING", "YES"),
    }
    for action in Action:
        assert need(action, Standing.UNKNOWN) is need(action, Standing.PRODUCTION)


@dataclass
class Answers:
    """A person who answers the same every time and remembers what was asked."""

    answer: bool
    asked: list[str] = field(default_factory=list)

    def confirm(self, question: str) -> bool:
        """A yes or no question."""
        self.asked.append(question)
        return self.answer

    def type_name(self, question: str, name: str) -> bool:
        """Whether the name was typed."""
        self.asked.append(f"{question} [{name}]")
        return self.answer


HERE = Classified(Standing.DEVELOPMENT, "its server is process 1 of this machine")
THERE = Classified(Standing.UNKNOWN, NOT_PROVEN, "env.dev = {…}")
LIVE = Classified(Standing.PRODUCTION, "[tool.dbtool.env.live] is marked production")


@pytest.mark.parametrize(
    ("action", "standing", "question"),
    [
        (Action.DOWNGRADE, HERE, 'Downgrade "shop"?'),
        (
            Action.FORGET,
            LIVE,
            '"shop" is production: [tool.dbtool.env.live] is marked production.\n'
            'Forget the revisions recorded in "shop"? Type its name [shop]',
        ),
        (
            Action.UPGRADE,
            THERE,
            f'"shop" may be production: {NOT_PROVEN}.\n'
            "If it is for development, say so in the settings: env.dev = {…}\n"
            'Upgrade "shop"?',
        ),
        (
            Action.DOWNGRADE,
            LIVE,
            '"shop" is production: [tool.dbtool.env.live] is marked production.\n'
            'Downgrade "shop"? Type its name [shop]',
        ),
    ],
)
def test_the_question(action: Action, standing: Classified, question: str) -> None:
    """It says what the database is and why; no means that nothing happens."""
    willing = Answers(True)
    permit(action, standing, "shop", Consent(), willing)
    assert willing.asked == [question]
    with pytest.raises(UsageError, match="not confirmed; nothing was done"):
        permit(action, standing, "shop", Consent(), Answers(False))


@pytest.mark.parametrize("standing", [HERE, THERE, LIVE])
@pytest.mark.parametrize("action", list(Action))
def test_the_name_as_a_flag_is_enough_for_everything(action: Action, standing: Classified) -> None:
    """`--confirm-database` with the right name asks nothing, with a wrong one does nothing."""
    nobody = Answers(False)
    permit(action, standing, "shop", Consent(confirm_database="shop"), nobody)
    assert nobody.asked == []
    if need(action, standing.standing).name != "NOTHING":
        with pytest.raises(UsageError, match='--confirm-database says "ship"'):
            permit(action, standing, "shop", Consent(True, "ship"), nobody)


@pytest.mark.parametrize("standing", [HERE, THERE, LIVE])
@pytest.mark.parametrize("action", list(Action))
def test_yes_is_enough_where_a_yes_is_asked(action: Action, standing: Classified) -> None:
    """`--yes` answers a yes; a name still has to be typed, or given as a flag."""
    asked = need(action, standing.standing).name
    person = Answers(True)
    if asked == "NAME_AS_FLAG":
        with pytest.raises(UsageError, match=r'^refused to .* "shop"$') as raised:
            permit(action, standing, "shop", Consent(yes=True), person)
        assert raised.value.hint == "If you mean it: --confirm-database shop"
    else:
        permit(action, standing, "shop", Consent(yes=True), person)
    assert len(person.asked) == (asked == "NAME")


def test_our_own_port_is_compared_whole(on_tcp: Server) -> None:
    """A port that merely ends like ours does not match."""
    from dbtool.locality import Process, _is_ours

    listening = socket.create_server(("127.0.0.1", 0))
    ours = socket.create_connection(listening.getsockname())
    port = ours.getsockname()[1]
    titles = {
        f"postgres: u d 127.0.0.1({port}) idle": True,
        f"postgres: u d 127.0.0.1({port})": True,
        f"postgres: u d 127.0.0.1(1{port}) idle": False,
        f"postgres: u d 27.0.0.1({port}) idle": False,
        "postgres: u d [local] idle": False,
    }
    found = {title: _is_ours(ours, Process("postgres", title, 1, 0.0)) for title in titles}
    ours.close()
    listening.close()
    assert found == titles


def test_a_permission_given_by_nobody_covers_nothing() -> None:
    """Without consent somebody is asked, and where nobody is there the question is the reason."""
    allowed = Permission()
    assert not allowed.covers(Need.YES)
    with pytest.raises(UsageError, match="this needs a yes, and nobody is there") as caught:
        permit(Action.UPGRADE, LIVE, "shop", allowed.consent, allowed.ask)
    assert caught.value.detail.endswith('Upgrade "shop"?')
    with pytest.raises(UsageError, match='needs the name "shop" typed, and nobody'):
        permit(Action.DOWNGRADE, LIVE, "shop", allowed.consent, allowed.ask)
    assert allowed.environment(Target("db", 5432, "ann", "shop")) is None


@pytest.mark.parametrize(
    ("consent", "covered"),
    [
        (Consent(), set()),
        (Consent(yes=True), {Need.YES}),
        (Consent(confirm_database="shop"), {Need.YES, Need.NAME, Need.NAME_AS_FLAG}),
    ],
)
def test_what_consent_covers(consent: Consent, covered: set[Need]) -> None:
    """A yes stands for a yes only; the name of the database for everything."""
    needs = {Need.YES, Need.NAME, Need.NAME_AS_FLAG}
    assert {each for each in needs if Permission(consent).covers(each)} == covered


def test_generating_adds() -> None:
    """The question says what happens: nothing that is there is written over."""
    willing = Answers(True)
    permit(Action.GENERATE, HERE, "shop", Consent(), willing)
    assert willing.asked == ['Add generated rows to the data of "shop"?']
