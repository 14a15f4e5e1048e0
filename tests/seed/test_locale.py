"""Names and places of a locale come from the library that is installed, the rest stays."""

import sys
from dataclasses import replace
from itertools import count
from types import SimpleNamespace

import pytest
from sqlalchemy import CheckConstraint, Column, Integer, MetaData, Table, Text

from dbtool.database.target import Target
from dbtool.errors import UsageError
from dbtool.metadata import Models
from dbtool.seed.locale import locale
from dbtool.seed.plan import Request
from dbtool.seed.run import seed
from tests.seed.conftest import planned, texts, with_connection


class Faker:
    """As much of the library as is asked for."""

    def __init__(self, name: str) -> None:
        if name != "de_DE":
            raise AttributeError(f"Invalid configuration for faker locale `{name}`")

    def seed_instance(self, seed: int) -> None:
        """Begin anew."""
        numbers = count(seed)
        self.first_name = lambda: ("Jörg", "Änne")[next(numbers) % 2]
        self.last_name = lambda: ("Weiß", "Groß")[next(numbers) // 2 % 2]

    city = staticmethod(lambda: "Köln")
    street_name = staticmethod(lambda: "Domstraße")
    company = staticmethod(lambda: "Weiß & Söhne GmbH")
    postcode = staticmethod(lambda: "50667")
    current_country_code = staticmethod(lambda: "DE")
    current_country = staticmethod(lambda: "Deutschland")


@pytest.fixture
def faker(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library is installed."""
    monkeypatch.setitem(sys.modules, "faker", SimpleNamespace(Faker=Faker, VERSION="1.2"))


@pytest.mark.usefixtures("faker")
def test_rows_of_a_locale(migrated: Target, example: Models) -> None:
    """People and their places are of the locale, addresses stay plain and reserved."""
    plain = Request(rows=12, tables=("users", "profiles"))
    german = Request(rows=12, tables=plain.tables, locale=locale("de-DE", 1))
    made, usual = planned(migrated, example, german), planned(migrated, example, plain)
    found = texts(made)
    assert {each.split()[0] for each in found["users.name"]} <= {"Jörg", "Änne"}
    assert set(found["users.country"]) == {"DE"}
    assert set(found["profiles.time_zone"]) == {"Europe/Berlin"}
    logins = {each.split("@")[0].rstrip("0123456789") for each in found["users.email"]}
    assert logins <= {f"{a}.{b}" for a in ("jorg", "anne") for b in ("weiss", "gross")}
    assert {each.split("@")[1][:8] for each in found["users.email"]} == {"example."}
    assert found["users.created_at"] == texts(usual)["users.created_at"]
    assert made.plan.locale == "de-DE (faker 1.2)"
    assert made.plan.fingerprint != usual.plan.fingerprint


@pytest.mark.usefixtures("faker")
def test_checks_come_before_the_locale(database: Target) -> None:
    """Words that a CHECK, or its length, does not take are left as they are without a locale."""
    metadata = MetaData()
    Table(
        "shops",
        metadata,
        Column("id", Integer, primary_key=True),
        Column("name", Text, CheckConstraint("name ~ '^[a-z0-9-]+$'"), nullable=False),
        Column("city", Text, CheckConstraint("city ~ '^[A-Z][A-Za-z ]+$'"), nullable=False),
        Column("town", Text, CheckConstraint("length(town) >= 5"), nullable=False),
        Column("street", Text, CheckConstraint("length(street) <= 14"), nullable=False),
        Column("last_name", Text, CheckConstraint("last_name <> 'x'"), nullable=False),
    )
    with_connection(database, metadata.create_all)
    models, asked = Models((metadata,), (), ()), Request(rows=50, locale=locale("de_DE", 1))
    usual = texts(planned(database, models, replace(asked, locale=None)))
    found = texts(planned(database, models, asked))
    for kept in ("name", "city", "town"):
        assert found[f"shops.{kept}"] == usual[f"shops.{kept}"]
    assert max(map(len, found["shops.street"])) <= 14
    assert set(found["shops.last_name"]) <= {"Weiß", "Groß"}
    assert seed(database, models, asked).tables[0].rows == 50


class Poor:
    """A library that has the words of another language for what it does not know."""

    def __init__(self, module: str) -> None:
        self.__class__ = type("Provider", (Poor,), {"__module__": module})

    def seed_instance(self, seed: int) -> None:
        """Begin anew."""

    def first_name(self) -> str:
        """The same in each language."""
        return "Łukasz"

    last_name = city = street_name = company = postcode = first_name


@pytest.mark.parametrize(
    ("module", "speaks"),
    [("faker.providers.person.en_US", False), ("faker.providers.person.pl_PL", True)],
)
def test_words_of_another_language(
    monkeypatch: pytest.MonkeyPatch, module: str, speaks: bool
) -> None:
    """A library without words of the language is none; addresses are in plain letters."""
    known = SimpleNamespace(Faker=lambda _: Poor(module), VERSION="1")
    monkeypatch.setitem(sys.modules, "faker", known)
    monkeypatch.setitem(sys.modules, "mimesis", None)
    if speaks:
        assert locale("pl_PL", 1).values["e-mail"] == ("lukasz.lukasz",)
        return
    with pytest.raises(UsageError) as caught:
        locale("pl_PL", 1)
    assert caught.value.hint == "pip install mimesis"


@pytest.mark.usefixtures("faker")
@pytest.mark.parametrize("name", ["xx_YY", "de_DE; --", ""])
def test_no_such_locale(name: str) -> None:
    """What no library knows is refused by its name."""
    with pytest.raises(UsageError, match="locale"):
        locale(name, 1)


def test_nothing_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a library the option says which to install."""
    monkeypatch.setitem(sys.modules, "faker", None)
    monkeypatch.setitem(sys.modules, "mimesis", None)
    with pytest.raises(UsageError) as caught:
        locale("de_DE", 1)
    assert caught.value.hint == "pip install faker"
