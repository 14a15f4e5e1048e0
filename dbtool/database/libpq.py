"""What libpq reads besides the connection string: service files, password files, PG* variables."""

import configparser
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dbtool.database.target import SOCKET_DIRECTORIES, Target
from dbtool.errors import UsageError

VARIABLES = {
    "host": "PGHOST",
    "port": "PGPORT",
    "user": "PGUSER",
    "dbname": "PGDATABASE",
    "sslmode": "PGSSLMODE",
    "sslrootcert": "PGSSLROOTCERT",
    "sslcert": "PGSSLCERT",
    "sslkey": "PGSSLKEY",
    "sslcrl": "PGSSLCRL",
    "sslnegotiation": "PGSSLNEGOTIATION",
    "channel_binding": "PGCHANNELBINDING",
    "options": "PGOPTIONS",
    "connect_timeout": "PGCONNECT_TIMEOUT",
    "target_session_attrs": "PGTARGETSESSIONATTRS",
    "passfile": "PGPASSFILE",
    "service": "PGSERVICE",
}
"""The variable that stands in for each parameter a connection string leaves out."""

NAMING = frozenset({*VARIABLES.values(), "PGHOSTADDR", "PGPASSWORD"})
"""Every variable that has a say in where libpq connects, and as whom."""


def from_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The connection parameters that PG* variables name; the password is not among them."""
    return {
        parameter: value
        for parameter, variable in VARIABLES.items()
        if (value := environ.get(variable, ""))
    }


def default_host(port: int) -> str:
    """The directory that holds a server's socket for this port, else localhost."""
    for directory in SOCKET_DIRECTORIES:
        if Path(directory, f".s.PGSQL.{port}").exists():
            return directory
    return "localhost"


def default_user() -> str:
    """The name of the operating-system user."""
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "postgres"


def read_service(name: str, environ: Mapping[str, str]) -> dict[str, str]:
    """The parameters of one service; the user's file comes before the system's."""
    files = _service_files(environ)
    for path in files:
        parser = configparser.RawConfigParser(comment_prefixes=("#",), delimiters=("=",))
        try:
            parser.read_string(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            continue
        except (OSError, UnicodeDecodeError, configparser.Error) as error:
            raise UsageError(
                f'cannot read the service file "{path}"', detail=type(error).__name__
            ) from None
        if parser.has_section(name):
            return dict(parser.items(name))
    raise UsageError(
        f'service "{name}" is not defined',
        detail="Looked in " + ", ".join(str(path) for path in files) + ".",
        hint="Add it to the service file, or name the file in PGSERVICEFILE.",
    )


def _service_files(environ: Mapping[str, str]) -> tuple[Path, ...]:
    chosen = environ.get("PGSERVICEFILE")
    own = Path(chosen) if chosen else _home() / ".pg_service.conf"
    system = environ.get("PGSYSCONFDIR", "/etc/postgresql-common")
    return own, Path(system, "pg_service.conf")


def _home() -> Path:
    """The home directory; for a user who has none, a name under which nothing is found."""
    return Path(os.path.expanduser("~"))  # noqa: PTH111


@dataclass(frozen=True, slots=True)
class Password:
    """What a password file holds for a database, and why it was not used where it was not."""

    password: str | None = field(default=None, repr=False, metadata={"json": False})
    file: Path | None = None
    ignored: str = ""


def read_password_file(target: Target) -> Password:
    """Look the database up in its password file: the `passfile` parameter, else ~/.pgpass."""
    chosen = target.parameter("passfile")
    file = Path(chosen) if chosen else _home() / ".pgpass"
    try:
        mode = file.stat().st_mode
        if mode & 0o077:
            why = f"{file} is ignored, as libpq does: others may read it (chmod 600 {file})"
            return Password(file=file, ignored=why)
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return Password()
    return _first_match(lines, target, file)


def _first_match(lines: list[str], target: Target, file: Path) -> Password:
    hosts = {target.host, "localhost"} if target.is_socket else {target.host}
    wanted = (hosts, {str(target.port)}, {target.database}, {target.user})
    for line in lines:
        if line.startswith("#"):
            continue
        *parts, password = _fields(line)
        if len(parts) == len(wanted) and all(
            part == "*" or part in fitting for part, fitting in zip(parts, wanted, strict=True)
        ):
            return Password(password, file)
    return Password()


def _fields(line: str) -> list[str]:
    """Split at colons; a backslash keeps the character behind it."""
    parts = [""]
    escaped = False
    for char in line:
        if escaped or char not in "\\:":
            parts[-1] += char
            escaped = False
        elif char == "\\":
            escaped = True
        else:
            parts.append("")
    return parts
