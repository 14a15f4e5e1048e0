"""Names, places and firms of one locale, from Faker or mimesis where one of them is installed."""

import importlib
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from dbtool.errors import UsageError
from dbtool.seed import infer, pools, words
from dbtool.seed.live import LiveColumn
from dbtool.seed.rows import Generator
from dbtool.seed.subject import Choice, Subject
from dbtool.seed.values import Listed, Numbered, Pool, Sometimes, escaped

_MOST = 64
_TRIES = 512
_NUMBER = 10
"""The characters a separator and the row's number take."""
_LETTERS = str.maketrans(
    {"ß": "ss", "ł": "l", "ı": "i", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe"}
)
"""Letters that are more than a plain one with a mark."""
_NAMED = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z]{2,4})?")

Make = Callable[[], object]


@dataclass(frozen=True)
class Locale:
    """The words of one locale by what they are, and the library they are from."""

    name: str
    source: str
    values: Mapping[str, tuple[str, ...]]

    @property
    def shown(self) -> str:
        """The name with its source: another release of the library may have other words."""
        return f"{self.name} ({self.source})"

    def spoken(self, choice: Choice, column: LiveColumn, subject: Subject) -> Choice:
        """The choice with words of the locale, where it has some that the column's CHECKs take."""
        made = choice.generator
        inner = made.inner if isinstance(made, Sometimes) else made
        if not isinstance(inner, Pool | Listed | Numbered):
            return choice
        found = self._instead(inner, replace(column, max_length=subject.lengths(column)[1]))
        if not found:
            return choice
        local: Generator = replace(inner, values=found)
        if isinstance(made, Sometimes):
            local = replace(made, inner=local)
        if not infer.allowed(local, column, subject):
            return choice
        return choice._replace(generator=local, detail=self.name)

    def _instead(self, made: Pool | Listed | Numbered, column: LiveColumn) -> tuple[str, ...]:
        kind = made.kind
        if kind == "slug":
            kind = next((each for each in ("organisation", "city") if _is_of(made, each)), "")
            plain = tuple(dict.fromkeys(map(_plain, self._fitting(kind, made, column))))
            return plain if all(plain) else ()
        if kind == "country" and all(len(each) <= 3 for each in made.values):
            kind = "country code"
        return self._fitting(kind, made, column)

    def _fitting(
        self, kind: str, made: Pool | Listed | Numbered, column: LiveColumn
    ) -> tuple[str, ...]:
        """The words, as many characters of each as the column takes; none where too few do."""
        known = self.values.get(kind, ())
        if column.max_length is None:
            return known
        numbered = not isinstance(made, Pool)
        ending = max(map(len, made.endings)) if isinstance(made, Numbered) else 0
        room = column.max_length - ending - (_NUMBER if numbered else 0)
        if isinstance(made, Listed):
            return tuple(each for each in known if len(each) <= room)
        return tuple(each[:room].rstrip() for each in known) if room > 0 else ()


_POOLS: Mapping[str, Callable[[], tuple[str, ...]]] = {
    "organisation": pools.companies,
    "city": lambda: pools.place(1),
}


def _is_of(made: Pool | Listed | Numbered, kind: str) -> bool:
    """Whether what stands in addresses is made from these words."""
    whole = pools.slugs(_POOLS[kind]())
    pairs = zip(whole, made.values, strict=False)
    return len(whole) == len(made.values) and all(long.startswith(cut) for long, cut in pairs)


def locale(name: str, seed: int) -> Locale:
    """The words of a locale; raises UsageError where no library is installed that knows it."""
    if not _NAMED.fullmatch(name):
        raise UsageError(f'"{name}" is no locale', hint="Name one as de_DE, pt_BR or ja.")
    found = _of_faker(name, seed) or _of_mimesis(name, seed)
    if found is None:
        raise UsageError(
            f"--locale {name} needs Faker or mimesis",
            detail="None that has words of that language is installed beside dbtool.",
            hint=f"pip install {'mimesis' if _installed('faker') else 'faker'}",
        )
    return found


def _of_faker(name: str, seed: int) -> Locale | None:
    library = _installed("faker")
    if library is None:
        return None
    try:
        fake = library.Faker(name.replace("-", "_"))
    except (AttributeError, ImportError) as error:
        raise UsageError(
            f'Faker does not know the locale "{name}"', hint="Name one as de_DE, pt_BR or ja_JP."
        ) from error
    fake.seed_instance(seed)
    makers = {
        "first name": fake.first_name,
        "last name": fake.last_name,
        "city": fake.city,
        "street": fake.street_name,
        "organisation": fake.company,
        "postcode": fake.postcode,
    }
    # Where it has no words of the language, it takes those of America and does not say so.
    own = {kind: make for kind, make in makers.items() if _speaks(make, name)}
    if not own:
        return None
    country = (name.replace("-", "_").partition("_")[2].upper(), "")
    if "city" in own:
        country = _once(fake, "current_country_code"), _once(fake, "current_country")
    version = f"faker {getattr(library, 'VERSION', '')}".strip()
    return _made(name, version, own, country)


def _speaks(make: Make, name: str) -> bool:
    """Whether what makes words is of the language, by the module that Faker keeps it in."""
    module = type(getattr(make, "__self__", None)).__module__
    language = re.split("[-_]", name)[0].lower()
    if hasattr(getattr(make, "__self__", None), "large_companies"):
        return False  # Its firms are real ones.
    return not module.startswith("faker.") or module.split(".")[-1].startswith(f"{language}_")


def _of_mimesis(name: str, seed: int) -> Locale | None:
    library = _installed("mimesis")
    if library is None:
        return None
    plain = name.lower().replace("_", "-")
    known = [each.value for each in library.Locale]
    found = next((each for each in (plain, plain.partition("-")[0]) if each in known), None)
    if found is None:
        raise UsageError(
            f'mimesis does not know the locale "{name}"', hint=f"It knows {', '.join(known)}."
        )
    make = library.Generic(locale=library.Locale(found), seed=seed)
    makers = {
        "first name": make.person.first_name,
        "last name": make.person.last_name,
        "city": make.address.city,
        "street": make.address.street_name,
        # Its own firms are real ones.
        "organisation": lambda: f"{make.person.last_name()} {make.finance.company_type(abbr=True)}",
        "postcode": make.address.postal_code,
    }
    code = name.replace("-", "_").partition("_")[2].upper()
    version = f"mimesis {getattr(library, '__version__', '')}".strip()
    return _made(name, version, makers, (code, _once(make.address, "default_country")))


def _installed(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def _once(maker: object, name: str) -> str:
    """What one call makes; nothing where the locale has no such words."""
    try:
        return str(getattr(maker, name)())
    except (AttributeError, TypeError, ValueError, LookupError):
        return ""


def _made(name: str, source: str, makers: Mapping[str, Make], country: tuple[str, str]) -> Locale:
    values = {kind: _several(make) for kind, make in makers.items()}
    people = list(product(values.get("first name", ()), values.get("last name", ())))
    values["first name"] = tuple(first for first, _ in people)
    values["last name"] = tuple(last for _, last in people)
    values["person"] = tuple(f"{first} {last}" for first, last in people)
    logins = tuple(f"{_plain(first)}.{_plain(last)}" for first, last in people)
    # Names of other scripts leave nothing for an address.
    if logins and all(re.fullmatch(r"[a-z].*\..*[a-z]", each) for each in logins):
        values["e-mail"] = values["user name"] = logins
    code, shown = country
    values["country code"], values["country"] = (code,) * bool(code), (shown,) * bool(shown)
    place = next((each for each in words.PLACES if each[0] == code), None)
    if place is not None:
        values["currency"], values["time zone"] = (place[2],), (place[3],)
    return Locale(name, source, {kind: found for kind, found in values.items() if found})


def _several(make: Make) -> tuple[str, ...]:
    """Different words, in the order they come."""
    found: dict[str, None] = {}
    for _ in range(_TRIES):
        found[escaped(str(make()).strip())] = None
        if len(found) == _MOST:
            break
    return tuple(found)


def _plain(text: str) -> str:
    """Text as it stands in an address, in plain letters."""
    bare = unicodedata.normalize("NFKD", text.lower().translate(_LETTERS))
    return re.sub(r"[^a-z0-9.-]", "", pools.slug(bare.encode("ascii", "ignore").decode()))
