"""Settings that are plainly right are read as pydantic reads them, or not at all."""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import astuple
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dbtool.errors import UsageError
from dbtool.settings.keys import KEYS, LINT, EnvironmentKeys, table_of, variables_of
from dbtool.settings.model import validated
from dbtool.settings.plain import NotPlain, plain
from dbtool.settings.provenance import Place, in_force, of_table, of_variables
from dbtool.severity import FailOn

DIGITS = (
    "0",
    "007",
    "17.0",
    " 3",
    "3\n",
    "1_0",
    "1e3",
    "+5",
    "-1",
    "0.10",
    "1٣",
    "nan",
    "inf",
    "3600",
)
WORDS = "note", "NOTE", "true", ",", "a, b", "env:X", "$X", "", "é", "\udcff", "a\0b"
JSON = '["m:Base", "n"]', " []", "[1]", "[[]]", '["a"', "[a, b]", "[null]", "[NaN]"
TEXTS = st.sampled_from(WORDS + DIGITS) | st.text(st.characters(exclude_categories=()), max_size=5)
NUMBERS = st.integers(-1, 20) | st.floats(0, 20) | st.decimals(0, 20, places=3).map(str)
SCALARS = TEXTS | NUMBERS | st.integers() | st.floats() | st.booleans() | st.just(date(2026, 1, 1))
LISTS = st.lists(TEXTS, max_size=3)
FLAGS = dict.fromkeys(("production", "development"), st.booleans())
KNOWN = {"url": TEXTS, "rescue_url": TEXTS, **FLAGS}
TABLES = st.fixed_dictionaries({}, optional=KNOWN)
ENVIRONMENTS = st.dictionaries(TEXTS, TABLES, max_size=2)
WRONG_TABLES = st.dictionaries(st.sampled_from([*KNOWN, "prod"]), SCALARS, max_size=2) | SCALARS
ANYTHING = (
    SCALARS | st.lists(SCALARS, max_size=2) | st.dictionaries(TEXTS, WRONG_TABLES, max_size=1)
)
OWN: Mapping[object, st.SearchStrategy[Any]] = {
    Decimal: NUMBERS | st.sampled_from(DIGITS),
    dict[str, EnvironmentKeys] | None: ENVIRONMENTS,
    FailOn: st.sampled_from([*FailOn, *map(str, FailOn), *map(str.upper, FailOn)]),
    int | None: st.integers(14, 19)
    | st.floats(14, 19)
    | st.integers(14, 19).map(str)
    | st.sampled_from(DIGITS),
    tuple[str, ...]: LISTS | TEXTS | LISTS.map(json.dumps) | st.sampled_from(JSON),
    Path | None: TEXTS | st.just(Path("a/b.ini")),
}


def values_of(key: str) -> st.SearchStrategy[Any]:
    """What may stand under a key: mostly of its kind, sometimes anything."""
    own = OWN.get(KEYS[key].type, TEXTS)
    return st.one_of(own, own, own, ANYTHING)


@st.composite
def places_of(draw: st.DrawFn, key: str) -> tuple[Place, ...]:
    """Up to three places, tables and variables, that set a key; only one table holds tables."""
    table = table_of(key)
    written = key.removeprefix(f"{table}_") if table else key
    in_table = values_of(key).map(lambda value: of_table("a table", {written: value}, table))
    texts = dict.fromkeys(variables_of(key), values_of(key).map(str))
    carried = st.fixed_dictionaries({}, optional=texts).map(of_variables)
    most = 1 if key == "env" else 3
    return tuple(draw(st.lists(in_table | carried, min_size=1, max_size=most)))


@settings(max_examples=300)
@given(st.sampled_from(list(KEYS)).flatmap(places_of))
def test_what_is_plain_is_what_pydantic_reads(places: tuple[Place, ...]) -> None:
    """The same values in the same places are the same settings, to the last digit."""
    with suppress(NotPlain):
        read = plain(in_force(places))
        assert repr(astuple(read)) == repr(astuple(validated(places)))


ORDINARY = {
    "url": "postgresql+asyncpg://ann:pässword@db.example:5432/shop?ssl=require",
    "rescue_url": "env:RESCUE",
    "models": ["shop.models:Base", "shop.more:Base"],
    "models_ignore": ["naive-datetime"],
    "engine": "shop.db:engine",
    "alembic_config": "db/alembic.ini",
    "fail_on": "warning",
    "seeds": "db/seeds",
    "connect_timeout": 5,
    "lock_timeout": 0.5,
    "wait_lock": 0,
    "max_blocking": 12.25,
    "lint_select": ["default"],
    "lint_ignore": "table-dropped, column-dropped",
    "lint_since": "0a1b2c",
    "lint_pg": 16,
    "lint_measure": True,
    "env": {"live": {"url": "env:LIVE", "production": True}, "dev": {"development": True}},
}


def test_ordinary_settings_are_plain() -> None:
    """Every key as people write it, in the tables and in variables, is read without pydantic."""
    own = {key: value for key, value in ORDINARY.items() if not table_of(key)}
    lint = {key.removeprefix("lint_"): value for key, value in ORDINARY.items() if table_of(key)}
    places = of_table("a table", own), of_table("another", lint, LINT)
    read = plain(in_force(places))
    assert read == validated(places)
    assert all(getattr(read, key) != KEYS[key].default for key in KEYS)
    texts = {
        key: value
        for key, value in ORDINARY.items()
        if isinstance(value, str | int | float) and not isinstance(value, bool)
    }
    carried = (of_variables({variables_of(key)[0]: str(each) for key, each in texts.items()}),)
    assert plain(in_force(carried)) == validated(carried)


@pytest.mark.parametrize("key", list(KEYS))
def test_what_is_wrong_is_not_plain(key: str) -> None:
    """What pydantic refuses is left to it, so that the refusal stays the one it words."""
    tables = {"url": 1}, {"prod": True}, {"production": 1}, {"development": "yes"}, "dev"
    wrongs = [date(2026, 1, 1), [1], -1, float("nan"), True, *({"x": each} for each in tables)]
    if KEYS[key].type is bool:
        wrongs.remove(True)
    for wrong in wrongs if KEYS[key].type is Decimal else [*wrongs, 16.5]:
        place = Place({key: wrong}, {key: ("somewhere",)})
        with pytest.raises(NotPlain):
            plain(place.values)
        with pytest.raises(UsageError, match="somewhere"):
            validated((place,))


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ('["a:Base", "b"]', ("a:Base", "b")),
        (' [ "a,b" ]\n', ("a,b",)),
        ("[]", ()),
        ("a:Base, b", ("a:Base", "b")),
    ],
)
def test_a_list_in_a_variable(text: str, read: tuple[str, ...]) -> None:
    """JSON is read as such, as pydantic's own settings write lists; else commas separate."""
    place = of_variables({"DBTOOL_MODELS": text})
    assert plain(in_force((place,))).models == validated((place,)).models == read


def test_a_json_list_of_others_than_texts() -> None:
    """What stands in it is refused, and where."""
    with pytest.raises(UsageError, match=r"DBTOOL_MODELS: models\.1 must be a text"):
        validated((of_variables({"DBTOOL_MODELS": '["a", 1]'}),))
