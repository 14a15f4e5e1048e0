"""The places that may set a setting, who set what, and which value is in force."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from dbtool.errors import UsageError
from dbtool.settings.keys import KEYS, LINT, Keys, listed, table_of, variables_of
from dbtool.settings.plain import NotPlain, plain
from dbtool.settings.project import OWN_FILE

DOTENV = ".env"
_NOT_SETTINGS = frozenset({"DBTOOL_ENV", "DBTOOL_PG_BIN", "DBTOOL_TEST_PG"})
"""Variables of dbtool that are no settings of a project."""


@dataclass(frozen=True, slots=True)
class Place:
    """A place where settings stand: the value of each key set there, and what to call it.

    A place of variables may hold several of one key; the first of them is in force.
    """

    values: Mapping[str, Any] = field(repr=False, metadata={"json": False})
    names: Mapping[str, tuple[str, ...]]


def of_table(name: str, found: Mapping[str, Any], table: str = "") -> Place:
    """A place where values stand under the names of the keys; an empty one sets nothing.

    In a `table` of its own the keys stand without the table's name before them.
    """
    before = f"{table}_" if table else ""
    known = [key.removeprefix(before) for key in KEYS if table_of(key) == table]
    for key in found:
        if key not in known:
            raise unknown_key(key, name, known if table else (*known, LINT))
    filled = {f"{before}{key}": each for key, each in found.items() if each not in (None, "", [])}
    return Place(_listed(filled), dict.fromkeys(filled, (name,)))


def of_variables(variables: Mapping[str, str | None], before: str = "") -> Place:
    """The settings that variables carry; `before` each name stands where they were found."""
    names = {key: tuple(filter(variables.get, variables_of(key))) for key in KEYS}
    names = {key: carrying for key, carrying in names.items() if carrying}
    values = {key: variables[first] for key, (first, *_) in names.items()}
    shown = {key: tuple(f"{before}{name}" for name in carrying) for key, carrying in names.items()}
    return Place(_listed(values), shown)


def _listed(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """The same values, with a list where one is wanted and a text stands."""
    lists = {key for key in values if KEYS[key].type == tuple[str, ...]}
    return {
        key: listed(value) if key in lists and isinstance(value, str) else value
        for key, value in values.items()
    }


def names_of(key: str, places: Iterable[Place]) -> tuple[str, ...]:
    """The places that set a key, the one in force first."""
    return tuple(name for place in places for name in place.names.get(key, ()))


def in_force(places: tuple[Place, ...]) -> dict[str, Any]:
    """The values that count: of each key the first."""
    return {key: value for place in reversed(places) for key, value in place.values.items()}


def unknown_variables(names: Iterable[str]) -> list[str]:
    """DBTOOL_* variables that nothing reads: most likely misspelt."""
    known = _NOT_SETTINGS.union(*map(variables_of, KEYS))
    return sorted(name for name in names if name.startswith("DBTOOL_") and name not in known)


def unknown_key(name: str, place: str, known: Iterable[str]) -> UsageError:
    """What to say of a key that is no setting."""
    from difflib import get_close_matches

    if (name, place) == ("tool", OWN_FILE):
        hint = f"Keys stand in {OWN_FILE} without the table [tool.dbtool] around them."
        return UsageError(f'{place} has an unknown key "{name}"', hint=hint)
    near = get_close_matches(name.replace("-", "_"), known, n=1)
    return UsageError(
        f'{place} has an unknown key "{name}"',
        hint=f'Did you mean "{near[0]}"?' if near else f"Known keys: {', '.join(known)}.",
    )


def read(places: tuple[Place, ...]) -> Keys:
    """The settings in force; raises UsageError where one is of the wrong kind.

    Pydantic is the judge, but loading it takes as long as a small command does: it is asked
    where a value is not plainly of the right kind.
    """
    with suppress(NotPlain):
        return plain(in_force(places))
    from dbtool.settings.model import validated

    return validated(places)
