"""The settings as pydantic reads them, and what is said where one is of the wrong kind."""

from typing import Any

from pydantic import Field, ValidationError, create_model
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from dbtool.errors import UsageError
from dbtool.settings.environments import section
from dbtool.settings.keys import KEYS, EnvironmentKeys, Keys, shown
from dbtool.settings.provenance import Place, names_of, unknown_key
from dbtool.severity import FailOn

_MUST_BE = {
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "dataclass_type": "a table",
    "decimal_parsing": "a number of seconds",
    "decimal_type": "a number of seconds",
    "dict_type": "a table of environments",
    "enum": f"one of {', '.join(FailOn)}",
    "finite_number": "a number of seconds",
    "greater_than": "a number of seconds, more than {gt}",
    "greater_than_equal": "a number of seconds, at least {ge}",
    "less_than": "a number of seconds, less than {lt}",
    "tuple_type": "a text or a list of texts",
}
"""What a value should have been, by pydantic's name for the mistake; any other is a text."""

_OF_KEY = {"lint_pg": "a major version of PostgreSQL: 15, 16, 17 or 18"}


class _Places(BaseSettings):
    """Settings that stand in the places handed in: which they are depends on the project."""

    model_config = SettingsConfigDict(
        case_sensitive=True, hide_input_in_errors=True, validate_default=False
    )

    def __init__(self, places: tuple[Place, ...]) -> None:
        super().__init__(places=places)

    @classmethod
    def settings_customise_sources(
        cls, *_: Any, **built_in: Any
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Each place is a source; the first that sets a key wins."""
        places = built_in["init_settings"]()["places"]
        return tuple(InitSettingsSource(cls, dict(place.values)) for place in places)


def validated(places: tuple[Place, ...]) -> Keys:
    """The settings in force; raises UsageError where one is of the wrong kind."""
    declared: dict[str, Any] = {
        key: (each.type, Field(None, **each.metadata["limits"])) for key, each in KEYS.items()
    }
    model = create_model("Settings", __base__=_Places, **declared)
    try:
        read = model(places)
    except ValidationError as error:
        raise _refusal(error, places) from None
    return Keys(**{key: getattr(read, key) for key in read.model_fields_set})


def _refusal(error: ValidationError, places: tuple[Place, ...]) -> UsageError:
    mistake, *_ = error.errors(include_url=False, include_context=False)
    key, *below = map(str, mistake["loc"])
    (place, *_), path = names_of(key, places), (key, *below)
    if key == "env" and below:
        place, path = section(place, below[0]), (*below[1:],)
    if mistake["type"] == "unexpected_keyword_argument":
        return unknown_key(path[0], place, EnvironmentKeys.__dataclass_fields__)
    path = (shown(key), *below) if path[:1] == (key,) else path
    subject = ": ".join(filter(None, (place, ".".join(path))))
    wanted = _OF_KEY.get(key) or _MUST_BE.get(mistake["type"], "a text")
    wanted = wanted.format_map(KEYS[key].metadata.get("limits", {}))
    found = mistake["input"]
    blank = mistake["type"] == "enum" and isinstance(found, str) and found != found.strip()
    around = "There is a blank before or behind the value." if blank else ""
    return UsageError(f"{subject} must be {wanted}", detail=around)
