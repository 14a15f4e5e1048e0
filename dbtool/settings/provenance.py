"""The places that may set a setting, who set what, and what is wrong with it."""

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError
from pydantic_settings import DotEnvSettingsSource, EnvSettingsSource, InitSettingsSource

from dbtool.errors import UsageError
from dbtool.settings.environments import section
from dbtool.settings.keys import EnvironmentKeys, Keys, shown, table_of, variables_of
from dbtool.severity import FailOn

DOTENV = ".env"
_NOT_SETTINGS = frozenset({"DBTOOL_ENV", "DBTOOL_PG_BIN", "DBTOOL_TEST_PG"})
"""Variables of dbtool that are no settings of a project."""
_MUST_BE = {
    "bool_type": "true or false",
    "decimal_parsing": "a number of seconds",
    "decimal_type": "a number of seconds",
    "dict_type": "a table of environments",
    "enum": f"one of {', '.join(FailOn)}",
    "finite_number": "a number of seconds",
    "greater_than": "a number of seconds",
    "greater_than_equal": "a number of seconds",
    "less_than": "a number of seconds",
    "model_type": "a table",
    "tuple_type": "a text or a list of texts",
}
"""What a value should have been, by pydantic's name for the mistake; any other is a text."""

_OF_KEY = {"lint_pg": "a major version of PostgreSQL: 15, 16, 17 or 18"}


class Place(InitSettingsSource):
    """A place where values stand under the names of the keys; an empty one sets nothing.

    In a `table` of its own the keys stand without the table's name before them.
    """

    def __init__(self, name: str, values: Mapping[str, Any], table: str = "") -> None:
        before = f"{table}_" if table else ""
        known = [key.removeprefix(before) for key in Keys.model_fields if table_of(key) == table]
        for key in values:
            if key not in known:
                raise _unknown_key(key, name, known)
        self.name = name
        self.values = {
            f"{before}{key}": value for key, value in values.items() if value not in (None, "", [])
        }
        super().__init__(Keys, {variables_of(key)[0]: self.values[key] for key in self.values})


Source = Place | EnvSettingsSource


def places(key: str, sources: Iterable[Source]) -> Iterator[str]:
    """The places that set a key, the one in force first."""
    for source in sources:
        if isinstance(source, Place):
            yield from (source.name for each in source.values if each == key)
        else:
            prefix = f"{DOTENV} " if isinstance(source, DotEnvSettingsSource) else ""
            names = (name for name in variables_of(key) if source.env_vars.get(name))
            yield from (f"{prefix}{name}" for name in names)


def unknown_variables(names: Iterable[str]) -> list[str]:
    """DBTOOL_* variables that nothing reads: most likely misspelt."""
    known = _NOT_SETTINGS.union(*map(variables_of, Keys.model_fields))
    return sorted(name for name in names if name.startswith("DBTOOL_") and name not in known)


def read(sources: tuple[Source, ...]) -> Keys:
    """The settings in force; raises UsageError where one is of the wrong kind."""
    try:
        return Keys(sources=sources)
    except ValidationError as error:
        raise _refusal(error, sources) from None


def _refusal(error: ValidationError, sources: tuple[Source, ...]) -> UsageError:
    mistake, *_ = error.errors(include_url=False, include_context=False, include_input=False)
    key, *below = map(str, mistake["loc"])
    place, path = next(places(key, sources)), (key, *below)
    if key == "env" and below:
        place, path = section(place, below[0]), (*below[1:],)
    if mistake["type"] == "extra_forbidden":
        return _unknown_key(path[0], place, EnvironmentKeys.model_fields)
    path = (shown(key), *below) if path[:1] == (key,) else path
    subject = ": ".join(filter(None, (place, ".".join(path))))
    wanted = _OF_KEY.get(key) or _MUST_BE.get(mistake["type"], "a text")
    return UsageError(f"{subject} must be {wanted}")


def _unknown_key(name: str, place: str, known: Iterable[str]) -> UsageError:
    near = get_close_matches(name.replace("-", "_"), known, n=1)
    return UsageError(
        f'{place} has an unknown key "{name}"',
        hint=f'Did you mean "{near[0]}"?' if near else f"Known keys: {', '.join(known)}.",
    )
