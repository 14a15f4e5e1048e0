"""Connection strings in every form people have."""

import string
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote, unquote

import pytest
import sqlalchemy
from hypothesis import assume, example, given
from hypothesis import strategies as st
from sqlalchemy.engine import make_url

from dbtool.database.target import Target
from dbtool.database.url import parse
from dbtool.errors import UsageError
from dbtool.report import plain

EMPTY: dict[str, str] = {}


def read(text: str, **environ: str) -> Target:
    """Parse with an environment of PG* variables alone."""
    return parse(text, "--url", environ)


def test_every_form_of_one_database_is_the_same_target() -> None:
    """SQLAlchemy, libpq URI, keywords and vendor spellings of one place read alike."""
    expected = Target("db.example", 6000, "ann", "shop", "s3cret", source="--url")
    forms = (
        "postgresql://ann:s3cret@db.example:6000/shop",
        "postgres://ann:s3cret@db.example:6000/shop",
        "POSTGRESQL://ann:s3cret@db.example:6000/shop",
        "postgresql://db.example:6000/shop?user=ann&password=s3cret",
        "postgresql:///shop?host=db.example&port=6000&user=ann&password=s3cret",
        "postgresql://ann:s3cret@/shop?host=db.example:6000",
        "host=db.example port=6000 user=ann dbname=shop password=s3cret",
        " host = 'db.example' port=6000 user=ann  dbname=shop password='s3cret' ",
        "postgresql://ann:s3cret@db.example/shop?port=6000&application_name=web",
        "hostaddr=db.example port=6000 user=ann dbname=shop password=s3cret",
    )
    assert {form: read(form) for form in forms} == dict.fromkeys(forms, expected)


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg", "psycopg2", "pg8000"])
def test_a_sqlalchemy_driver_is_kept_apart(driver: str) -> None:
    """The driver is remembered and changes nothing else."""
    assert read(f"postgresql+{driver}://u@h/d") == Target(
        "h", 5432, "u", "d", source="--url", driver=driver
    )


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("postgresql://u@/d?host=/run/pg", "/run/pg", 5432),
        ("postgresql://u@/d?host=/run/pg&port=5433", "/run/pg", 5433),
        ("postgresql://u@%2Frun%2Fpg:5433/d", "/run/pg", 5433),
        ("host=/run/pg user=u dbname=d", "/run/pg", 5432),
        ("postgresql://u@[2001:db8::1]:5433/d", "2001:db8::1", 5433),
        ("postgresql://u@[::1]/d", "::1", 5432),
    ],
)
def test_sockets_and_ipv6(text: str, host: str, port: int) -> None:
    """A directory as host means a socket; brackets go around IPv6."""
    assert read(text) == Target(host, port, "u", "d", source="--url")


@pytest.mark.parametrize(
    ("text", "mode"),
    [
        ("postgresql://u@h/d?sslmode=verify-full", "verify-full"),
        ("postgresql://u@h/d?ssl=require", "require"),
        ("postgresql://u@h/d?ssl=True", "require"),
        ("postgresql://u@h/d?ssl=false", "disable"),
        ("host=h user=u dbname=d sslmode=prefer", "prefer"),
        ("postgresql://u@h/d", None),
    ],
)
def test_tls_is_asked_for_in_two_spellings(text: str, mode: str | None) -> None:
    """`sslmode` of libpq and `ssl` of asyncpg mean the same."""
    assert read(text) == Target("h", 5432, "u", "d", sslmode=mode, source="--url")


def test_neon_as_its_console_prints_it() -> None:
    """A pooled Neon URL keeps what matters and drops nothing silently."""
    text = (
        "postgresql://ann:pw@ep-a-1-pooler.eu.aws.neon.tech/shop"
        "?sslmode=require&channel_binding=require"
    )
    assert read(text) == Target(
        "ep-a-1-pooler.eu.aws.neon.tech",
        5432,
        "ann",
        "shop",
        "pw",
        "require",
        (("channel_binding", "require"),),
        "--url",
    )


@pytest.mark.parametrize(
    ("login", "password"),
    [
        ("u:p%40ss%2Fw%3Ard", "p@ss/w:rd"),
        ("u:p/w", "p/w"),
        ("u:p?w", "p?w"),
        ("u:p#w", "p#w"),
        ("u:p@w", "p@w"),
        ("u:a:b", "a:b"),
        ("u:p+w", "p+w"),
        ("u:", None),
    ],
)
def test_passwords_with_special_characters(login: str, password: str | None) -> None:
    """Percent-encoded as it should be, and raw where SQLAlchemy takes it raw."""
    assert read(f"postgresql://{login}@h:5433/d?sslmode=require") == Target(
        "h", 5433, "u", "d", password, "require", source="--url"
    )


@pytest.mark.parametrize("login", ["u:12/w", "u:12/3", "u:12?w=x", "u:12?host=x"])
def test_a_password_that_may_be_a_port(login: str) -> None:
    """SQLAlchemy reads a password there and libpq a host and its port: neither is taken."""
    with pytest.raises(UsageError) as raised:
        read(f"postgresql://{login}@h:5433/d?sslmode=require")
    assert (raised.value.message, raised.value.detail, raised.value.hint) == (
        "the connection string of --url is not valid",
        "What it begins with can be read as user and password, or as host and port.",
        "Write %2F for / and %3F for ? in a password, and %40 for @ in a name.",
    )


def test_an_at_sign_that_belongs_to_no_login() -> None:
    """In a parameter, or in a name behind a host without a port, it means itself."""
    assert read("postgresql://h:5433/d?user=u@x").user == "u@x"
    assert read("postgresql://u@h:5433/d@x").database == "d@x"
    assert read("postgresql://h/d@x").host == "h"


def test_quoted_keywords() -> None:
    """Quotes and backslashes in keywords mean what they mean in libpq."""
    assert read(r"host=h user='a b' dbname=d\ 1 password='it\'s \\ fine'") == Target(
        "h", 5432, "a b", "d 1", r"it's \ fine", source="--url"
    )


def test_variables_fill_what_is_left_out() -> None:
    """PG* variables stand in, are named in the source, and never override."""
    environ = {"PGHOST": "elsewhere", "PGPORT": "7000", "PGDATABASE": "db", "PGUSER": "ann"}
    assert read("postgresql://", **environ, PGPASSWORD="pw") == Target(
        "elsewhere",
        7000,
        "ann",
        "db",
        "pw",
        source="--url with PGHOST, PGPORT, PGUSER, PGDATABASE, PGPASSWORD",
    )
    environ |= {"PGHOST": "a,b", "PGPORT": "1,2"}
    assert read("postgresql://u:x@h:1/d", **environ, PGPASSWORD="pw", PGSSLMODE="require") == (
        Target("h", 1, "u", "d", "x", "require", source="--url")
    )


def test_the_socket_is_the_default(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without a host the socket directory of a running server is taken, else localhost."""
    monkeypatch.setattr("dbtool.database.libpq.SOCKET_DIRECTORIES", (str(tmp_path),))
    assert read("postgresql://u@/d").host == "localhost"
    (tmp_path / ".s.PGSQL.5432").touch()
    assert read("postgresql://u@/d").host == str(tmp_path)
    assert read("postgresql://u@:5433/d").host == "localhost"


def test_a_service_file(tmp_path: Path) -> None:
    """A service fills before PG* variables do; what the string says itself wins."""
    file = tmp_path / "services"
    file.write_text("[shop]\nhost=h\nport=7000\ndbname=d\nuser=u\npassword=100%\n# end\n")
    environ = {"PGSERVICEFILE": str(file), "PGHOST": "elsewhere"}
    expected = Target("h", 7000, "u", "d", "100%", source="--url")
    assert read("service=shop", **environ) == expected
    assert read("postgresql://?service=shop", **environ) == expected
    assert read("service=shop dbname=other", **environ) == expected.with_database("other")
    assert read("postgresql://", **environ, PGSERVICE="shop").source == "--url with PGSERVICE"


def test_a_missing_service_is_named(tmp_path: Path) -> None:
    """The error says which files were looked into."""
    with pytest.raises(UsageError) as raised:
        read("service=shop", PGSERVICEFILE=str(tmp_path / "a"), PGSYSCONFDIR=str(tmp_path))
    assert raised.value.message == 'service "shop" is not defined'
    assert raised.value.detail == f"Looked in {tmp_path}/a, {tmp_path}/pg_service.conf."


WRONG = "the connection string of --url is not valid"


@pytest.mark.parametrize(
    ("text", "message", "detail"),
    [
        ("shop", WRONG, "It is neither a URL nor a list of keywords."),
        (
            "mysql+aiomysql://u:pw@h/d",
            'the connection string of --url is for "mysql"',
            "dbtool works with PostgreSQL only.",
        ),
        (
            "sqlite:///a.db",
            'the connection string of --url is for "sqlite"',
            "dbtool works with PostgreSQL only.",
        ),
        (
            "driver://user:pass@localhost/dbname",
            "the connection string of --url is the placeholder of Alembic's template",
            "It begins with driver:// and names no database.",
        ),
        (
            "postgresql://a,b/d",
            WRONG,
            "It names several hosts, and dbtool works on exactly one server.",
        ),
        (
            "host=a,b dbname=d",
            WRONG,
            "It names several hosts, and dbtool works on exactly one server.",
        ),
        (
            "postgresql://u@/d?host=a:1&host=b:2",
            WRONG,
            "It names several hosts, and dbtool works on exactly one server.",
        ),
        (
            "postgresql://h:port/d",
            WRONG,
            "Its host and port cannot be read; special characters need %XX.",
        ),
        ("postgresql://h:70000/d", WRONG, "Its port is not a number from 1 to 65535."),
        ("postgresql://h/d?sslmode=yes", WRONG, '"yes" is not an sslmode.'),
        ("postgresql://h/d?sslnegotiation=tls", WRONG, '"tls" is not an sslnegotiation.'),
        (
            "postgresql://h/d?connect_timeout=3s",
            WRONG,
            "Its connect_timeout is not a number of seconds.",
        ),
        ("postgresql://h/d?timeout=nan", WRONG, "Its connect_timeout is not a number of seconds."),
        (
            "postgresql://h/d?sslmod=require",
            WRONG,
            'Neither libpq nor a driver knows its parameter "sslmod".',
        ),
        (
            "postgresql://h/d?schema=public",
            WRONG,
            'Neither libpq nor a driver knows its parameter "schema".',
        ),
        (
            "postgresql://h/d?xyzzy=1",
            WRONG,
            "It has a parameter that neither libpq nor a driver knows.",
        ),
        ("postgresql://h/d?sslmode", WRONG, "A parameter behind its ? has no value."),
        (
            "host=h hostaddr=10.0.0.1 dbname=d",
            WRONG,
            "It has both host and hostaddr, which may be different servers.",
        ),
        (
            "postgresql://h/d?require_auth=scram-sha-256",
            WRONG,
            "It demands require_auth=scram-sha-256, which dbtool cannot check.",
        ),
        ("postgresql://u:%FF@h/d", WRONG, "A %XX sequence in it is not UTF-8."),
        (
            "host=h password=a b",
            WRONG,
            "Its list of keywords cannot be read; values with blanks need quotes.",
        ),
    ],
)
def test_a_string_that_cannot_be_used(text: str, message: str, detail: str) -> None:
    """Each kind of unusable string has an error of its own, and none repeats the string."""
    with pytest.raises(UsageError) as raised:
        read(text)
    assert (raised.value.message, raised.value.detail) == (message, detail)
    assert raised.value.hint


def test_one_database_through_two_addresses() -> None:
    """A pooled and a direct address, and the names of the loopback, are one database.

    Another port of the loopback is not, a pooler's neither: a tunnel may begin there.
    """
    pooled = read("postgresql://u@ep-a-pooler.neon.tech/d")
    assert pooled.same_database(read("postgresql://other@EP-A.neon.tech/d"))
    assert read("postgresql://h:6432/d").same_database(read("postgresql://h/d"))
    assert read("postgresql://127.0.0.1/d").same_database(read("postgresql://localhost/d"))
    socket = read("postgresql:///d?host=/run/postgresql")
    assert socket.same_database(read("postgresql://localhost/d"))
    assert socket.same_database(read("postgresql:///d?host=/var/run/postgresql/"))
    assert not socket.same_database(read("postgresql:///d?host=/srv/postgresql"))
    assert not read("postgresql://localhost:6432/d").same_database(read("postgresql://localhost/d"))
    assert not pooled.same_database(read("postgresql://ep-a.neon.tech/other"))
    assert not pooled.same_database(read("postgresql://ep-b.neon.tech/d"))
    assert not pooled.same_database(read("postgresql://ep-a.neon.tech:5433/d"))


def test_what_a_child_process_is_told() -> None:
    """psql and pg_dump get the whole target through their environment, never as arguments.

    What else libpq would connect by is taken out: a service even goes before PGHOST.
    """
    inherited = {"HOME": "/h", "PGAPPNAME": "x", "PGSERVICE": "prod", "PGHOSTADDR": "192.0.2.1"}
    text = "postgresql://u:pw@h:5433/d?sslmode=verify-full&sslrootcert=/ca.crt&options=-cjit%3Doff"
    assert read(text).libpq_environment(inherited | {"PGTARGETSESSIONATTRS": "standby"}) == {
        "HOME": "/h",
        "PGAPPNAME": "x",
        "PGHOST": "h",
        "PGPORT": "5433",
        "PGUSER": "u",
        "PGDATABASE": "d",
        "PGPASSWORD": "pw",
        "PGSSLMODE": "verify-full",
        "PGSSLROOTCERT": "/ca.crt",
        "PGOPTIONS": "-cjit=off",
    }


@pytest.mark.parametrize(
    ("seconds", "kept"), [("10", "10"), ("0.5", "0.5"), ("0", None), ("-1", None)]
)
def test_no_limit_is_no_value(seconds: str, kept: str | None) -> None:
    """Where libpq is told to wait for ever, the limit of the settings holds."""
    assert read(f"postgresql://h/d?connect_timeout={seconds}").parameter("connect_timeout") == kept
    assert read("postgresql://h/d", PGCONNECT_TIMEOUT=seconds).parameter("connect_timeout") == kept


def test_the_url_for_other_drivers() -> None:
    """libpq's drivers take libpq's parameters; asyncpg has its own name for TLS."""
    target = read("postgresql://u:p%40@h/d?sslmode=verify-full&sslrootcert=/ca.crt")
    assert target.sqlalchemy_url("psycopg") == (
        "postgresql+psycopg://u:p%40@h:5432/d?sslmode=verify-full&sslrootcert=/ca.crt"
    )
    marked = read("postgresql://u@h/d?pgbouncer=true&connect_timeout=5")
    assert marked.sqlalchemy_url("psycopg") == "postgresql+psycopg://u@h:5432/d?connect_timeout=5"
    assert target.sqlalchemy_url() == (
        "postgresql+asyncpg://u:p%40@h:5432/d?ssl=verify-full"
        "&dsn=postgresql%3A//%3Fsslrootcert%3D%252Fca.crt"
    )


def password_file(directory: Path, text: str, mode: int = 0o600) -> str:
    """A password file, as the parameter that names it."""
    file = directory / "pgpass"
    file.write_text(text)
    file.chmod(mode)
    return f" passfile={file}"


def test_a_password_file(tmp_path: Path) -> None:
    """The first line that fits host, port, database and user holds the password."""
    passfile = password_file(
        tmp_path,
        "# comment\nh:5432:other:u:no\nh:*:d:u:ye\\:s\\\\\n*:*:*:*:any\nlocalhost:*:*:*:socket\n",
    )
    target = read("host=h user=u dbname=d" + passfile)
    assert (target.password, target.secret()) == (None, "ye:s\\")
    assert target.with_database("other").secret() == "no"
    assert read("host=h user=u dbname=d password=mine" + passfile).secret() == "mine"
    assert read("host=/tmp user=u dbname=d" + passfile).secret() == "any"
    passfile = password_file(tmp_path, "/run/pg:*:*:*:path\nlocalhost:*:*:*:local\n")
    assert read("host=/run/pg user=u dbname=d" + passfile).secret() == "path"
    assert read("host=/tmp user=u dbname=d" + passfile).secret() == "local"


def test_a_password_file_others_can_read_is_ignored(tmp_path: Path) -> None:
    """As libpq does it, with a reason for the error message."""
    from dbtool.database.libpq import read_password_file

    target = read("host=h user=u dbname=d" + password_file(tmp_path, "*:*:*:*:pw\n", 0o644))
    assert target.secret() is None
    assert read_password_file(target).ignored == (
        f"{tmp_path}/pgpass is ignored, as libpq does: others may read it "
        f"(chmod 600 {tmp_path}/pgpass)"
    )


def test_a_user_without_a_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """A container may run under a number that has neither; then there is no password file."""
    import pwd

    def unknown(_: int) -> None:
        raise KeyError

    monkeypatch.delenv("HOME")
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    assert read("host=h user=u dbname=d").secret() is None


NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=30)
HOSTS = st.one_of(
    st.from_regex(r"[a-z0-9]([a-z0-9.-]{0,20}[a-z0-9])?", fullmatch=True),
    st.ip_addresses(v=6).map(str),
    st.text(string.ascii_letters + string.digits + "/-_. ", max_size=20).map(lambda t: "/" + t),
)
PORTS = st.integers(1, 65535)
TARGETS = st.builds(
    Target,
    host=HOSTS,
    port=PORTS,
    user=NAMES,
    database=NAMES,
    password=NAMES,
    sslmode=st.sampled_from((None, "disable", "require", "verify-full")),
    source=st.just("--url"),
    driver=st.sampled_from(("asyncpg", "psycopg")),
)


@given(TARGETS)
def test_a_target_survives_its_own_url(target: Target) -> None:
    """What we write for an engine reads back the same, by us and by SQLAlchemy."""
    written = target.sqlalchemy_url(target.driver or "")
    # asyncpg would look for certificates where libpq ignores the mode.
    ignored = target.is_socket and target.sslmode and target.driver == "asyncpg"
    assert read(written) == (replace(target, sslmode="disable") if ignored else target)
    url = make_url(written)
    # SQLAlchemy 2.0 leaves the database part encoded; 2.1 decodes it.
    database = unquote(url.database or "") if sqlalchemy.__version__ < "2.1" else url.database
    assert (url.username, url.password, database) == (
        target.user,
        target.password,
        target.database,
    )


def keyword(value: str) -> str:
    """A value quoted as libpq wants it."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


@given(TARGETS)
def test_keywords_round_trip(target: Target) -> None:
    """Any value survives the quotes of the keyword form."""
    text = (
        f"host={keyword(target.host)} port={target.port} user={keyword(target.user)}"
        f" dbname={keyword(target.database)} password={keyword(target.password or '')}"
    )
    found = read(text)
    assert (found.host, found.port, found.user, found.database, found.password) == (
        target.host,
        target.port,
        target.user,
        target.database,
        target.password,
    )


SECRETS = st.text(
    st.characters(codec="utf-8", exclude_characters="\0", exclude_categories=("Z", "C")),
    min_size=5,
    max_size=24,
).map(lambda text: f"7{text}")
BROKEN = st.sampled_from(
    (
        "postgresql://ann:{raw}@db.example:5432/shop?sslmode=require",
        "postgresql://ann:{raw}@db.example:5432/shop?sslmod=require",
        "postgresql+asyncpg://ann:{quoted}@db.example:99999/shop",
        "postgresql://ann:{raw}@a,b/shop",
        "postgresql://ann:{raw}@db.example/shop?xyzzy=1",
        "postgresql://db.example/shop?user=ann&password={quoted}&ssl=maybe",
        "postgresql://db.example/shop?user=ann&password={raw}",
        "mysql://ann:{raw}@db.example/shop",
        "driver://ann:{raw}@db.example/shop",
        "ann:{raw}@db.example/shop",
        "postgresql//ann:{raw}@db.example/shop",
        "host=db.example user=ann password={raw} dbname=shop",
        "host=db.example password={raw} port=x",
        "host='db.example password={raw}",
        "{raw}",
    )
)


@given(form=BROKEN, secret=SECRETS)
@example(form="postgresql://ann:{raw}@db.example/shop", secret="12?sslmod=y")
@example(form="postgresql://db.example/shop?password={raw}", secret="aaa&zzzzzz=1")
def test_no_secret_is_ever_shown(form: str, secret: str) -> None:
    """Neither a target nor an error repeats a password, however it was spelt."""
    text = form.format(raw=secret, quoted=quote(secret, safe=""))
    try:
        target = read(text)
    except UsageError as error:
        shown = [error.message, error.detail, error.hint, str(error), repr(error)]
    else:
        assume(target.user == "ann" and target.host == "db.example")
        shown = [str(target), repr(target), target.shown, target.named, str(plain(target))]
    assert not [each for each in shown if secret in each or quote(secret, safe="") in each]


def test_two_lines_run_together() -> None:
    """A second URL inside the first is no database name, and its password is not shown."""
    text = "postgresql://u:p@hostDATABASE_URL=postgresql://shop:s3cret@other/db"
    with pytest.raises(UsageError) as caught:
        parse(text, ".env DATABASE_URL")
    said = f"{caught.value.message} {caught.value.detail} {caught.value.hint}"
    assert "A second URL begins inside it" in said
    assert "s3cret" not in said
