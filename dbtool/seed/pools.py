"""Prepared values, built when first asked for; their order is part of the generators' version."""

import json
from collections.abc import Sequence
from functools import cache
from itertools import product

from dbtool.seed import words
from dbtool.seed.values import escaped

_ACCENTS = str.maketrans({" ": "-", "'": "", ".": "", ",": ""})


def slug(text: str) -> str:
    """Text as it stands in an address."""
    return text.lower().translate(_ACCENTS)


@cache
def slugs(texts: tuple[str, ...]) -> tuple[str, ...]:
    """Texts as they stand in addresses."""
    return tuple(map(slug, texts))


@cache
def first_names() -> tuple[str, ...]:
    """First names, placed like those of `full_names`."""
    return tuple(first for first, _ in product(words.FIRST_NAMES, words.LAST_NAMES))


@cache
def last_names() -> tuple[str, ...]:
    """Last names, placed like those of `full_names`."""
    return tuple(last for _, last in product(words.FIRST_NAMES, words.LAST_NAMES))


@cache
def full_names() -> tuple[str, ...]:
    """Each first name with each last name."""
    return tuple(f"{first} {last}" for first, last in product(words.FIRST_NAMES, words.LAST_NAMES))


@cache
def logins() -> tuple[str, ...]:
    """What e-mail addresses and user names begin with, placed like `full_names`."""
    return tuple(slug(name).replace("-", ".") for name in full_names())


@cache
def goods() -> tuple[str, ...]:
    """Names of products."""
    made = product(words.GOODS, words.MATERIALS, words.ADJECTIVES)
    return tuple(f"{adjective} {material} {good}" for good, material, adjective in made)


@cache
def companies() -> tuple[str, ...]:
    """Names of organisations."""
    made = product(words.LAST_NAMES, words.COMPANY_ENDINGS)
    return tuple(f"{name} {ending}" for name, ending in made)


@cache
def headlines() -> tuple[str, ...]:
    """Titles of texts."""
    return tuple(f"{start} {topic}" for start, topic in product(words.HEADLINES, words.TOPICS))


@cache
def sentences() -> tuple[str, ...]:
    """Single sentences."""
    made = product(words.SUBJECTS, words.VERBS, words.OBJECTS)
    return tuple(f"{subject} {verb} {thing}." for subject, verb, thing in made)


@cache
def paragraphs(count: int = 3) -> tuple[str, ...]:
    """Several sentences each."""
    one = sentences()
    # Odd steps visit every sentence, so that no part of them repeats in each paragraph.
    steps = (1, 683, 1471, 2287, 3137)[:count]
    return tuple(
        " ".join(one[(index * step + 97 * step) % len(one)] for step in steps)
        for index in range(len(one))
    )


@cache
def place(field: int) -> tuple[str, ...]:
    """Country code, city, currency, time zone or country of each place."""
    return tuple(each[field] for each in words.PLACES)


def documents(values: Sequence[dict[str, object]]) -> tuple[str, ...]:
    """JSON documents as COPY text."""
    return tuple(escaped(json.dumps(each, ensure_ascii=False)) for each in values)


@cache
def preferences() -> tuple[str, ...]:
    """What users set."""
    made = product(("dark", "light", "system"), words.LOCALES, (True, False))
    return documents(
        [{"theme": theme, "language": lang, "notifications": on} for theme, lang, on in made]
    )


@cache
def attributes() -> tuple[str, ...]:
    """What products are like."""
    made = product(words.COLORS, words.MATERIALS, (0.4, 1.2, 3.5, 8.0))
    return documents(
        [{"color": color, "material": what.lower(), "weight_kg": kg} for color, what, kg in made]
    )


@cache
def addresses() -> tuple[str, ...]:
    """Postal addresses, placed like the places."""
    return documents(
        [
            {
                "street": f"{words.STREETS[number % len(words.STREETS)]} {number + 1}",
                "postcode": f"{10_000 + 137 * number}",
                "city": place[1],
                "country": place[0],
            }
            for number, place in enumerate(words.PLACES)
        ]
    )


@cache
def settings() -> tuple[str, ...]:
    """Documents nothing is known about but that they are documents."""
    made = product(("import", "web", "api"), (1, 2, 3), (True, False))
    return documents([{"source": each, "revision": n, "checked": ok} for each, n, ok in made])


def lists(members: Sequence[str], longest: int = 3) -> tuple[str, ...]:
    """Array literals of none to `longest` different members; empty ones are rare."""
    made = ["{}"]
    for start in range(len(members)):
        for length in range(1, longest + 1):
            chosen = {members[(start + step * 7) % len(members)]: None for step in range(length)}
            made.append("{" + ",".join(f'"{each}"' for each in chosen) + "}")
    return tuple(escaped(each) for each in made)
