"""Which relations and types the revisions so far have created or dropped, by their statements."""

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

_NAME = r'(?:"(?:[^"]|"")+"|[\w$]+)'
_QUALIFIED = rf"{_NAME}(?:\s*\.\s*{_NAME})?"
_MADE = re.compile(
    r"\s*CREATE\s+(?:(?:GLOBAL\s+|LOCAL\s+)?TEMP(?:ORARY)?\s+|UNLOGGED\s+|UNIQUE\s+)?"
    r"(?P<kind>TABLE|TYPE|SEQUENCE|INDEX|DOMAIN)\s+(?:CONCURRENTLY\s+)?(?:IF\s+NOT\s+EXISTS\s+)?"
    rf"(?P<name>{_QUALIFIED})",
    re.I,
)
_DROPPED = re.compile(
    r"\s*DROP\s+(?P<kind>TABLE|TYPE|SEQUENCE|INDEX|DOMAIN)\s+(?:CONCURRENTLY\s+)?(?:IF\s+EXISTS\s+)?"
    rf"(?P<names>{_QUALIFIED}(?:\s*,\s*{_QUALIFIED})*)",
    re.I,
)
_RENAMED = re.compile(
    r"\s*ALTER\s+(?P<kind>TABLE|TYPE|SEQUENCE|INDEX|DOMAIN)\s+(?:IF\s+EXISTS\s+)?"
    rf"(?P<name>{_QUALIFIED})\s+RENAME\s+TO\s+(?P<new>{_NAME})",
    re.I,
)
_PART = re.compile(_NAME)


class Known:
    """Remembers names; what no statement has named is neither there nor gone."""

    def __init__(self) -> None:
        self._stands: dict[tuple[str, str, str], bool] = {}

    def heed(self, sql: str) -> None:
        """Take note of what one statement does."""
        if found := _MADE.match(sql):
            self._stands[_key(found["kind"], found["name"])] = True
        elif found := _DROPPED.match(sql):
            for name in re.findall(_QUALIFIED, found["names"]):
                self._stands[_key(found["kind"], name)] = False
        elif found := _RENAMED.match(sql):
            kind, schema, old = _key(found["kind"], found["name"])
            self._stands[kind, schema, old] = False
            self._stands[kind, schema, _plain(found["new"])] = True

    def stands(self, kind: str, name: str, schema: str | None) -> bool | None:
        """Whether something exists; None where no statement told."""
        return self._stands.get((kind, schema or "", name))


def _key(kind: str, name: str) -> tuple[str, str, str]:
    *schema, last = _PART.findall(name)
    kind = kind.upper()
    return "TYPE" if kind == "DOMAIN" else kind, _plain(schema[0]) if schema else "", _plain(last)


def _plain(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name.lower()


@contextmanager
def replaced(owner: object, attributes: Mapping[str, object]) -> Iterator[None]:
    """Let an object have other attributes for as long as the block lasts."""
    own = vars(owner)
    before = {name: own[name] for name in attributes if name in own}
    own.update(attributes)
    try:
        yield
    finally:
        for name in attributes:
            own.pop(name)
        own.update(before)


class Existing:
    """Answers whether something exists, from what the revisions so far have run.

    What none of them has named is taken to be there where it is to be dropped, and to be
    missing where it is to be created.
    """

    def __init__(self, known: Known, *, drops: bool) -> None:
        self._known = known
        self._drops = drops

    @property
    def answers(self) -> dict[str, Any]:
        """The questions SQLAlchemy asks its dialect."""
        return {
            "has_table": partial(self._exists, "TABLE"),
            "has_type": partial(self._exists, "TYPE"),
            "has_sequence": partial(self._exists, "SEQUENCE"),
            "has_index": self._has_index,
            "has_multi_table": self._have_tables,
        }

    def _exists(
        self, kind: str, _: object, name: str, schema: str | None = None, **__: object
    ) -> bool:
        stands = self._known.stands(kind, name, schema)
        return self._drops if stands is None else stands

    def _has_index(
        self, _: object, __: str, name: str, schema: str | None = None, **___: object
    ) -> bool:
        return self._exists("INDEX", None, name, schema)

    def _have_tables(
        self, _: object, names: Iterable[str], schema: str | None = None, **__: object
    ) -> Iterator[tuple[tuple[str | None, str], bool]]:
        return (((schema, name), self._exists("TABLE", None, name, schema)) for name in names)
