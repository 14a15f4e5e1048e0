"""The connection parameters dbtool knows, by what it does with them."""

import re
from collections.abc import Mapping
from difflib import get_close_matches

from dbtool.errors import UsageError

FORMS = (
    "Give a URL such as postgresql://user@host:5432/database or "
    'postgresql+asyncpg://…, or keywords such as "host=… dbname=… user=…".'
)

KEPT = frozenset(
    {
        "channel_binding",  # asyncpg has none; Neon writes it into every URL
        "connect_timeout",
        "krbsrvname",
        "options",
        "passfile",
        "pgbouncer",
        "ssl_max_protocol_version",
        "ssl_min_protocol_version",
        "sslcert",
        "sslcrl",
        "sslkey",
        "sslnegotiation",
        "sslpassword",
        "sslrootcert",
        "target_session_attrs",
    }
)
"""What a target carries along besides its place and its login."""

_PLACE = frozenset({"dbname", "host", "hostaddr", "password", "port", "service", "sslmode", "user"})
_WITHOUT_EFFECT = frozenset(
    {
        "application_name",  # dbtool shows up as itself
        "async_fallback",
        "autocommit",
        "client_encoding",
        "command_timeout",
        "fallback_application_name",
        "gssdelegation",
        "gssencmode",
        "gsslib",
        "keepalives",
        "keepalives_count",
        "keepalives_idle",
        "keepalives_interval",
        "load_balance_hosts",
        "max_cacheable_statement_size",
        "max_cached_statement_lifetime",
        "prepare_threshold",
        "prepared_statement_cache_size",
        "prepared_statement_name_func",
        "sslcompression",
        "sslsni",
        "statement_cache_size",
        "tcp_user_timeout",
    }
)
_KNOWN = _PLACE | KEPT | _WITHOUT_EFFECT
_OF_OTHERS = frozenset(
    {
        "connection_limit",
        "idle_in_transaction_session_timeout",
        "lock_timeout",
        "max_overflow",
        "pool_size",
        "pool_timeout",
        "schema",
        "search_path",
        "socket_timeout",
        "sslaccept",
        "statement_timeout",
        "supa",
    }
)
"""What other tools and servers' settings put into a URL."""

_NOT_ENFORCED = {"require_auth": "", "requirepeer": "", "gssencmode": "require"}
"""Demands on security that nothing here would check, and the value that makes one."""

_ALIASES = {"database": "dbname", "username": "user", "timeout": "connect_timeout"}
_CHOICES = {
    "sslmode": ("disable", "allow", "prefer", "require", "verify-ca", "verify-full"),
    "sslnegotiation": ("postgres", "direct"),
}
_SECONDS = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_SSL_WORDS = dict.fromkeys(("true", "1", "on", "yes"), "require") | dict.fromkeys(
    ("false", "0", "off", "no"), "disable"
)


def wrong(source: str, detail: str, hint: str = FORMS) -> UsageError:
    """The error for a connection string; it never quotes the string."""
    return UsageError(f"the connection string of {source} is not valid", detail=detail, hint=hint)


def several_hosts(source: str) -> UsageError:
    """The error for a list of hosts."""
    detail = "It names several hosts, and dbtool works on exactly one server."
    return wrong(source, detail, "Name the one you mean.")


def check(given: Mapping[str, str], source: str) -> dict[str, str]:
    """The parameters under libpq's names; an unknown or unfit one is refused by name."""
    named = {_ALIASES.get(key, key): value for key, value in given.items() if value}
    if word := named.pop("ssl", None):
        named.setdefault("sslmode", _SSL_WORDS.get(word.lower(), word))
    for key, value in named.items():
        _check_one(key, value, source)
    if float(named.get("connect_timeout", "1")) <= 0:
        # libpq's word for no limit: ours is then the one of the settings.
        del named["connect_timeout"]
    if "," in named.get("host", "") or "," in named.get("port", ""):
        raise several_hosts(source)
    if "hostaddr" in named and "host" in named:
        detail = "It has both host and hostaddr, which may be different servers."
        raise wrong(source, detail, "Keep one of them.")
    if "hostaddr" in named:
        named["host"] = named.pop("hostaddr")
    return named


def _check_one(key: str, value: str, source: str) -> None:
    if _NOT_ENFORCED.get(key) in ("", value):
        detail = f"It demands {key}={value}, which dbtool cannot check."
        raise wrong(source, detail, f"Remove {key} if you can do without.")
    if value not in (choices := _CHOICES.get(key, (value,))):
        detail = f'"{value}" is not an {key}.'
        raise wrong(source, detail, f"One of: {', '.join(choices)}.")
    if key == "connect_timeout" and not _SECONDS.fullmatch(value):
        raise wrong(source, f"Its {key} is not a number of seconds.", f"Correct {key}.")
    if key not in _KNOWN:
        raise _unknown(key, source)


def _unknown(key: str, source: str) -> UsageError:
    """A name is repeated only where it resembles one we know: it may be part of a password."""
    near = get_close_matches(key, _KNOWN | _OF_OTHERS, n=1)
    if not near:
        return wrong(source, "It has a parameter that neither libpq nor a driver knows.")
    detail = f'Neither libpq nor a driver knows its parameter "{key}".'
    if near[0] in _OF_OTHERS:
        return wrong(source, detail, "Remove it; a setting of the server goes into options=-c…")
    return wrong(source, detail, f'Did you mean "{near[0]}"?')
