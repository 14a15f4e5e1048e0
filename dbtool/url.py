"""Read a connection string in any form people have: SQLAlchemy URL, libpq URI, keywords, service.

What the string leaves out is filled as libpq and every driver fill it: the service it
names, then PGHOST, PGPORT, PGUSER, PGDATABASE and the other PG* variables, then the local
socket. PG* variables alone never name a database; the empty URL `postgresql://` asks for them.
"""

import os
import re
from collections.abc import Mapping
from difflib import get_close_matches
from urllib.parse import unquote

from dbtool import libpq
from dbtool.errors import UsageError
from dbtool.target import Target

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9_]*)(?:\+([A-Za-z0-9_]*))?://", re.ASCII)
_KEYWORDS = re.compile(r"\s*\w+\s*=")
_PAIR = re.compile(r"""\s*(\w+)\s*=\s*(?:'((?:[^'\\]|\\.)*)'|((?:[^'\s\\]|\\.)*))(?=\s|$)""", re.S)
_SSL_WORDS = {"true": "require", "1": "require", "on": "require", "yes": "require"} | {
    "false": "disable",
    "0": "disable",
    "off": "disable",
    "no": "disable",
}
_SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
_ALIASES = {"database": "dbname", "username": "user", "timeout": "connect_timeout"}

_KEPT = frozenset(
    [
        "sslrootcert",
        "sslcert",
        "sslkey",
        "sslcrl",
        "sslpassword",
        "sslnegotiation",
        "channel_binding",
        "options",
        "ssl_min_protocol_version",
        "ssl_max_protocol_version",
        "connect_timeout",
        "target_session_attrs",
        "passfile",
        "krbsrvname",
        "pgbouncer",
    ]
)
_WITHOUT_EFFECT = frozenset(
    [
        "application_name",
        "fallback_application_name",
        "client_encoding",
        "keepalives",
        "keepalives_idle",
        "keepalives_interval",
        "keepalives_count",
        "tcp_user_timeout",
        "gssencmode",
        "gsslib",
        "gssdelegation",
        "sslcompression",
        "sslsni",
        "sslcrldir",
        "load_balance_hosts",
        "command_timeout",
        "statement_cache_size",
        "prepared_statement_cache_size",
        "prepared_statement_name_func",
        "max_cached_statement_lifetime",
        "max_cacheable_statement_size",
        "prepare_threshold",
        "async_fallback",
        "autocommit",
    ]
)
_PLACE = frozenset(
    ["host", "hostaddr", "port", "user", "dbname", "password", "sslmode", "ssl", "service"]
)

_FORMS = (
    "Give a URL such as postgresql://user@host:5432/database or "
    'postgresql+asyncpg://…, or keywords such as "host=… dbname=… user=…".'
)


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
        raise _wrong(source, "It is neither a URL nor a list of keywords.")
    return _target(_complete(_checked(given, source), environ), source, driver, environ)


def _wrong(source: str, detail: str, hint: str = _FORMS) -> UsageError:
    return UsageError(f"the connection string of {source} is not valid", detail=detail, hint=hint)


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
        f'{source} names a "{name}" database',
        detail="dbtool works with PostgreSQL only.",
        hint=_FORMS,
    )


def _read_url(rest: str, source: str) -> dict[str, str]:
    login, rest = _cut_login(rest, source)
    before_query, _, query = rest.partition("?")
    place, _, path = before_query.partition("/")
    user, colon, password = login.partition(":")
    given = _read_place(place, source)
    if user:
        given["user"] = _decoded(user, source)
    if colon:
        given["password"] = _decoded(password, source)
    if path:
        given["dbname"] = _decoded(path, source)
    return given | _read_query(query, source)


def _cut_login(rest: str, source: str) -> tuple[str, str]:
    """The login, and what follows its `@`.

    SQLAlchemy accepts `/`, `?` and `#` unencoded in a password, so a slash ends the login
    only where host and port can be read before it.
    """
    if _is_place(re.split("[/?]", rest, maxsplit=1)[0]):
        return "", rest
    authority = rest.partition("/")[0]
    at = authority.rfind("@") if "@" in authority else rest.find("@")
    if at < 0:
        raise _wrong(source, "Its host and port cannot be read; special characters need %XX.")
    return rest[:at], rest[at + 1 :]


def _is_place(text: str) -> bool:
    return re.fullmatch(r"(\[[^\]@]*\]|[^:@]*)(:\d*)?(,[^@]*)?", text) is not None


def _read_place(place: str, source: str) -> dict[str, str]:
    if "," in place:
        raise _several_hosts(source)
    match = re.fullmatch(r"(?:\[([^\]]+)\]|([^:\[\]]*))(?::(\d*))?", place)
    if match is None:
        raise _wrong(source, "Its host and port cannot be read; special characters need %XX.")
    ipv6, host, port = match.groups()
    given = {"host": _decoded(ipv6 or host or "", source), "port": port or ""}
    return {key: value for key, value in given.items() if value}


def _several_hosts(source: str) -> UsageError:
    return _wrong(
        source,
        "It names several hosts, and dbtool works on exactly one server.",
        "Name the one you mean.",
    )


def _read_query(query: str, source: str) -> dict[str, str]:
    given: dict[str, str] = {}
    for pair in query.split("&") if query else ():
        key, equals, value = pair.partition("=")
        if not equals:
            raise _wrong(source, f'Its parameter "{_decoded(key, source)}" has no value.')
        key, value = _decoded(key, source), _decoded(value, source)
        if key == "host" and "host" in given:
            raise _several_hosts(source)
        if key == "host" and not value.startswith("/") and "," not in value:
            given |= _read_place(value, source)
        else:
            given[key] = value
    return given


def _decoded(text: str, source: str) -> str:
    try:
        decoded = unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise _wrong(source, "A %XX sequence in it is not UTF-8.") from None
    if "\0" in decoded:
        raise _wrong(source, "It contains a zero byte.")
    return decoded


def _read_keywords(text: str, source: str) -> dict[str, str]:
    given: dict[str, str] = {}
    position = 0
    while match := _PAIR.match(text, position):
        key, quoted, bare = match.groups()
        given[key] = re.sub(r"\\(.)", r"\1", quoted if quoted is not None else bare, flags=re.S)
        position = match.end()
    if text[position:].strip():
        raise _wrong(source, "Its list of keywords cannot be read; values with blanks need quotes.")
    return given


def _checked(given: Mapping[str, str], source: str) -> dict[str, str]:
    """Standard names, known parameters only, one host, a mode of TLS that exists."""
    named = {_ALIASES.get(key, key): value for key, value in given.items() if value}
    for key in named:
        if key not in _PLACE and key not in _KEPT and key not in _WITHOUT_EFFECT:
            raise _unknown_parameter(key, source)
    if "ssl" in named:
        word = named.pop("ssl")
        named.setdefault("sslmode", _SSL_WORDS.get(word.lower(), word))
    if "," in named.get("host", "") or "," in named.get("port", ""):
        raise _several_hosts(source)
    return named


def _unknown_parameter(key: str, source: str) -> UsageError:
    near = get_close_matches(key, _PLACE | _KEPT | _WITHOUT_EFFECT, n=1)
    hint = f'Did you mean "{near[0]}"?' if near else "Remove it; server settings go in options=-c…."
    return _wrong(source, f'Neither libpq nor a driver knows its parameter "{key}".', hint)


def _complete(given: dict[str, str], environ: Mapping[str, str]) -> dict[str, str]:
    """Fill what is left out: from the service, then from PG* variables."""
    from_variables = libpq.from_environment(environ)
    service = given.get("service") or from_variables.get("service")
    if service:
        found = _checked(libpq.read_service(service, environ), f'service "{service}"')
        given = {**found, **given}
    return {**from_variables, **given}


def _target(
    named: dict[str, str], source: str, driver: str | None, environ: Mapping[str, str]
) -> Target:
    port = _port(named.get("port", "5432"), source)
    user = named.get("user") or libpq.default_user()
    mode = named.get("sslmode")
    if mode is not None and mode not in _SSL_MODES:
        raise _wrong(source, f'"{mode}" is not an sslmode.', f"One of {', '.join(_SSL_MODES)}.")
    return Target(
        host=named.get("host") or named.get("hostaddr") or libpq.default_host(port),
        port=port,
        user=user,
        database=named.get("dbname", user),
        password=named.get("password", environ.get("PGPASSWORD") or None),
        sslmode=mode,
        parameters=tuple((key, named[key]) for key in sorted(_KEPT & named.keys())),
        source=source,
        driver=driver,
    )


def _port(text: str, source: str) -> int:
    if text.isascii() and text.isdigit() and 0 < int(text) < 65536:
        return int(text)
    raise _wrong(source, "Its port is not a number from 1 to 65535.", "Correct the port.")
