"""Read a connection string in any form people have: SQLAlchemy URL, libpq URI, keywords, service.

What the string leaves out is filled as libpq and every driver fill it: the service it
names, then PGHOST, PGPORT, PGUSER, PGDATABASE and the other PG* variables, then the local
socket. PG* variables alone never name a database; the empty URL `postgresql://` asks for them.
"""

import os
import re
from collections.abc import Mapping
from urllib.parse import unquote

from dbtool.database import libpq
from dbtool.database.parameters import FORMS, KEPT, check, several_hosts, wrong
from dbtool.database.target import Target
from dbtool.errors import UsageError

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9_]*)(?:\+([A-Za-z0-9_]*))?://", re.ASCII)
_KEYWORDS = re.compile(r"\s*\w+\s*=")
_PAIR = re.compile(r"""\s*(\w+)\s*=\s*(?:'((?:[^'\\]|\\.)*)'|((?:[^'\s\\]|\\.)*))(?=\s|$)""", re.S)
_AMBIGUOUS = "What it begins with can be read as user and password, or as host and port."
_ENCODE = "Write %2F for / and %3F for ? in a password, and %40 for @ in a name."
_SHOWN_VARIABLES = ("service", "host", "port", "user", "dbname")


def parse(text: str, source: str, environ: Mapping[str, str] | None = None) -> Target:
    """Read a connection string; `source` says where it stood, for messages.

    The PG* variables come from `environ`, by default the process environment.
    """
    environ = os.environ if environ is None else environ
    text = text.strip()
    driver = None
    if scheme := _SCHEME.match(text):
        driver = _check_scheme(scheme, source)
        given = _read_url(text[scheme.end() :], source)
    elif _KEYWORDS.match(text):
        given = _read_keywords(text, source)
    else:
        raise wrong(source, "It is neither a URL nor a list of keywords.")
    return _complete(check(given, source), source, driver, environ)


def _check_scheme(scheme: re.Match[str], source: str) -> str | None:
    name, driver = scheme.groups()
    if name.lower() in ("postgresql", "postgres"):
        return driver or None
    if name == "driver":
        raise UsageError(
            f"the connection string of {source} is the placeholder of Alembic's template",
            detail="It begins with driver:// and names no database.",
            hint="Replace it with the URL of your database, or give --url.",
        )
    raise UsageError(
        f'the connection string of {source} is for "{name}"',
        detail="dbtool works with PostgreSQL only.",
        hint=FORMS,
    )


def _read_url(rest: str, source: str) -> dict[str, str]:
    login, rest = _cut_login(rest, source)
    before_query, _, query = rest.partition("?")
    if "://" in before_query:
        raise wrong(source, "A second URL begins inside it; is a line break missing?")
    place, _, path = before_query.partition("/")
    user, _, password = login.partition(":")
    given = _read_place(place, source)
    parts = {"user": user, "password": password, "dbname": path}
    given |= {key: _decoded(part, source) for key, part in parts.items() if part}
    return given | _read_query(query, source)


def _cut_login(rest: str, source: str) -> tuple[str, str]:
    """The login, and what follows its `@`.

    SQLAlchemy accepts `/`, `?` and `#` unencoded in a password, so a slash ends the login
    only where host and port can be read before it. Where both readings are possible, libpq
    and SQLAlchemy lead to different servers, and nobody's guess would do.
    """
    place = re.split("[/?]", rest, maxsplit=1)[0]
    if _is_place(place):
        if re.search(r":\d+$", place) and "@" in rest[len(place) + 1 :].partition("?")[0]:
            raise wrong(source, _AMBIGUOUS, _ENCODE)
        return "", rest
    authority = rest.partition("/")[0]
    at = authority.rfind("@") if "@" in authority else rest.find("@")
    if at < 0:
        raise wrong(source, "Its host and port cannot be read; special characters need %XX.")
    return rest[:at], rest[at + 1 :]


def _is_place(text: str) -> bool:
    return re.fullmatch(r"(\[[^\]@]*\]|[^:@]*)(:\d*)?(,[^@]*)?", text) is not None


def _read_place(place: str, source: str) -> dict[str, str]:
    if "," in place:
        raise several_hosts(source)
    match = re.fullmatch(r"(?:\[([^\]]+)\]|([^:\[\]]*))(?::(\d*))?", place)
    if match is None:
        raise wrong(source, "Its host and port cannot be read; special characters need %XX.")
    ipv6, host, port = match.groups()
    given = {"host": _decoded(ipv6 or host or "", source), "port": port or ""}
    return {key: value for key, value in given.items() if value}


def _read_query(query: str, source: str) -> dict[str, str]:
    given: dict[str, str] = {}
    for pair in query.split("&") if query else ():
        raw_key, equals, raw_value = pair.partition("=")
        if not equals:
            raise wrong(source, "A parameter behind its ? has no value.")
        key, value = _decoded(raw_key, source), _decoded(raw_value, source)
        if key == "host" and "host" in given:
            raise several_hosts(source)
        if key == "host" and not value.startswith("/") and value.count(":") == 1:
            given |= _read_place(value, source)
        else:
            given[key] = value
    return given


def _decoded(text: str, source: str) -> str:
    try:
        decoded = unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise wrong(source, "A %XX sequence in it is not UTF-8.") from None
    if "\0" in decoded:
        raise wrong(source, "It contains a zero byte.")
    return decoded


def _read_keywords(text: str, source: str) -> dict[str, str]:
    given: dict[str, str] = {}
    position = 0
    while match := _PAIR.match(text, position):
        key, quoted, bare = match.groups()
        given[key] = re.sub(r"\\(.)", r"\1", quoted if quoted is not None else bare, flags=re.S)
        position = match.end()
    if text[position:].strip():
        raise wrong(source, "Its list of keywords cannot be read; values with blanks need quotes.")
    return given


def _complete(
    given: dict[str, str], source: str, driver: str | None, environ: Mapping[str, str]
) -> Target:
    """Fill what is left out: from the service, then from PG* variables, then as libpq does."""
    service = given.get("service") or environ.get("PGSERVICE")
    stated = given
    if service:
        found = check(libpq.read_service(service, environ), f'service "{service}"')
        stated = found | given
    variables = libpq.from_environment(environ).items()
    left_out = check({key: value for key, value in variables if key not in stated}, "PG* variables")
    named = left_out | stated
    filled = [libpq.VARIABLES[key] for key in _SHOWN_VARIABLES if key in left_out]
    password = named.get("password")
    if password is None and environ.get("PGPASSWORD"):
        password = environ["PGPASSWORD"]
        filled.append("PGPASSWORD")
    port = _port(named.get("port", "5432"), source)
    user = named.get("user") or libpq.default_user()
    return Target(
        host=named.get("host") or libpq.default_host(port),
        port=port,
        user=user,
        database=named.get("dbname", user),
        password=password,
        sslmode=named.get("sslmode"),
        parameters=tuple((key, named[key]) for key in sorted(KEPT & named.keys())),
        source=f"{source} with {', '.join(filled)}" if filled else source,
        driver=driver,
    )


def _port(text: str, source: str) -> int:
    if text.isascii() and text.isdigit() and 0 < int(text) < 65536:
        return int(text)
    raise wrong(source, "Its port is not a number from 1 to 65535.", "Correct the port.")
