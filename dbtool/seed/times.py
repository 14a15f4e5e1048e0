"""Times that make sense together: created, then each stage the status has reached, then updated."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from itertools import compress
from operator import ne
from typing import Protocol

from dbtool.seed.rows import DAY, NEVER, NULL, Moments, Rows
from dbtool.seed.stream import BLOCK

WINDOW_DAYS = 3 * 365
_FOUNDERS = 8


@dataclass(frozen=True)
class Calendar:
    """The window all times fall into: it ends at midnight (UTC) of `as_of`."""

    as_of: date

    @property
    def end(self) -> int:
        """The last moment, in seconds since the window opened."""
        return WINDOW_DAYS * DAY

    @cached_property
    def _days(self) -> tuple[str, ...]:
        """Text for each day: looking up is cheaper than formatting."""
        start = self.as_of - timedelta(days=WINDOW_DAYS)
        return tuple(str(start + timedelta(days=day)) for day in range(WINDOW_DAYS + 8))

    @cached_property
    def _dates(self) -> tuple[str, ...]:
        return tuple(f"{day} " for day in self._days)

    @cached_property
    def _minutes(self) -> tuple[str, ...]:
        return tuple(f"{hour:02d}:{minute:02d}:" for hour in range(24) for minute in range(60))

    @cached_property
    def _seconds(self) -> tuple[str, ...]:
        return tuple(f"{second:02d}" for second in range(60))

    @cached_property
    def _zoned(self) -> tuple[str, ...]:
        return tuple(f"{second}+00" for second in self._seconds)

    @cached_property
    def birthdays(self) -> tuple[str, ...]:
        """Days on which people between 18 and 80 were born."""
        first = date(self.as_of.year - 80, 1, 1)
        return tuple(str(first + timedelta(days=day)) for day in range(62 * 365))

    def format(self, moments: Sequence[int], base: str) -> list[str]:
        """The moments as COPY text for a column of type `base`."""
        if base == "date":
            days = self._days
            return [NULL if each < 0 else days[each // DAY] for each in moments]
        # Three small tables stay in the processor's cache, where one of all hours does not.
        minutes = self._minutes
        seconds = self._zoned if base in ("timestamptz", "timetz") else self._seconds
        if base in ("time", "timetz"):
            return [
                NULL if each < 0 else minutes[each // 60 % 1440] + seconds[each % 60]
                for each in moments
            ]
        dates = self._dates
        return [
            NULL
            if each < 0
            else f"{dates[each // DAY]}{minutes[each // 60 % 1440]}{seconds[each % 60]}"
            for each in moments
        ]

    def changed(
        self, moments: Sequence[int], base: str, before: Sequence[int], known: Sequence[str]
    ) -> list[str]:
        """The moments as text; where they are what they were before, that is known."""
        texts = list(known)
        places = list(compress(range(len(texts)), map(ne, moments, before)))
        for place, text in zip(
            places, self.format([moments[place] for place in places], base), strict=True
        ):
            texts[place] = text
        return texts


class Timed(Moments, Protocol):
    """A source of moments that has a name."""

    @property
    def kind(self) -> str:
        """The generator's name, as plans show it."""


@dataclass(frozen=True, slots=True)
class Written:
    """How a time column reaches COPY: which moments, as which type."""

    column: str
    base: str
    calendar: Calendar
    of: Timed

    @property
    def kind(self) -> str:
        """The generator's name."""
        return self.of.kind

    def moments(self, rows: Rows) -> Sequence[int]:
        """The moments, made once per block."""
        return rows.moments(self.column, self.of)

    def texts(self, rows: Rows) -> Sequence[str]:
        """The moments as text."""
        moments = self.moments(rows)
        if moments is rows.births:
            return rows.born(self.base, self.calendar.format)
        if isinstance(self.of, Latest):
            known = rows.born(self.base, self.calendar.format)
            return self.calendar.changed(moments, self.base, rows.births, known)
        return self.calendar.format(moments, self.base)


@dataclass(frozen=True, slots=True)
class Born:
    """The time the row came into being, as a column."""

    kind: str = "time of creation"

    def moments(self, rows: Rows) -> Sequence[int]:
        """The moments."""
        return rows.births


@dataclass(frozen=True, slots=True)
class Birth:
    """When a row comes into being, whether or not a column shows it.

    Rows dealt to a parent follow it, one after the other. Others spread over the window,
    denser towards its end; the first few of each block and every sixteenth row open it, so
    that whoever needs an older row finds one.
    """

    calendar: Calendar

    def moments(self, rows: Rows) -> Sequence[int]:
        """The moments."""
        if rows.population.walk is None:
            return self._spread(rows, rows.words("born"))
        halves = rows.stream("born").halves(rows.block, rows.size)
        end = self.calendar.end
        dealt = rows.dealt
        parents = rows.population.walk.parent.births_of(dealt.parents)
        return [
            born + ((end - born) * (share := (place << 16 | half) // count) * share >> 32)
            for born, place, count, half in zip(
                parents, dealt.ordinals, dealt.siblings, halves, strict=True
            )
        ]

    def _spread(self, rows: Rows, words: Sequence[int]) -> list[int]:
        length = self.calendar.end - 2 * DAY
        return [
            word % DAY
            if index % BLOCK < _FOUNDERS or index % 16 == 0
            else DAY
            + ((low if (low := word & 0xFFFF) > (high := word >> 16) else high) * length >> 16)
            + (word >> 8) % 1024
            for index, word in zip(rows.indices, words, strict=True)
        ]


@dataclass(frozen=True, slots=True)
class Stage:
    """A moment some time after others, in the rows whose status has come that far.

    Without `labels` it is set in a share of the rows, given in 256ths. `least` is how long
    after the others it must be, whatever room the window leaves.
    """

    column: str
    calendar: Calendar
    after: tuple[Moments, ...]
    status: str = ""
    labels: frozenset[str] = frozenset()
    share: int = 256
    within_days: int = 10
    least: int = 0
    kind: str = "stage"

    def moments(self, rows: Rows) -> Sequence[int]:
        """The moments; NEVER where the row has not come that far."""
        if not self.status and self.share < 256:
            return self.some(rows, latest_of(rows, self.after), [NEVER] * rows.size)
        latest = latest_of(rows, self.after)
        words = rows.words(self.column)
        end, reach = self.calendar.end, self.within_days * DAY
        reached = self._reached(rows)
        # Comparing in place takes half the time of min and max.
        moments = [
            NEVER
            if not is_set
            else start + soon
            if (soon := 60 + word % reach) < (room := (end - start) * (word >> 16) >> 16)
            else start + room
            for start, word, is_set in zip(latest, words, reached, strict=True)
        ]
        return self._at_least(moments, latest) if self.least else moments

    def some(self, rows: Rows, since: Sequence[int], others: Sequence[int]) -> list[int]:
        """The moments in a share of the rows; in the others what is given."""
        moments = list(others)
        words, octets = rows.words(self.column), rows.octets(f"{self.column}/set")
        end, reach = self.calendar.end, self.within_days * DAY
        is_set = b"\1" * self.share + bytes(256 - self.share)
        for place in compress(range(rows.size), octets.translate(is_set)):
            start, word = since[place], words[place]
            soon, room = 60 + word % reach, (end - start) * (word >> 16) >> 16
            moment = start + (soon if soon < room else room)
            moments[place] = moment if moment > start + self.least else start + self.least
        return moments

    def _at_least(self, moments: Sequence[int], latest: Sequence[int]) -> Sequence[int]:
        return [
            moment if moment == NEVER else max(moment, start + self.least)
            for moment, start in zip(moments, latest, strict=True)
        ]

    def _reached(self, rows: Rows) -> Sequence[bool]:
        if self.status:
            return [status in self.labels for status in rows.texts(self.status)]
        return [True] * rows.size


@dataclass(frozen=True, slots=True)
class Latest:
    """The last thing that happened to the row: one of some events, or that it was edited since."""

    after: tuple[Moments, ...]
    edited: Stage
    kind: str = "time of the last change"

    def moments(self, rows: Rows) -> Sequence[int]:
        """The moments."""
        latest = latest_of(rows, self.after)
        return self.edited.some(rows, latest, latest)


def latest_of(rows: Rows, generators: Sequence[Moments]) -> Sequence[int]:
    """The latest of several moments, row by row; the row's birth when there are none."""
    columns = [generator.moments(rows) for generator in generators]
    if not columns:
        return rows.births
    latest = columns[0]
    for column in columns[1:]:
        latest = [one if one > two else two for one, two in zip(latest, column, strict=True)]
    return latest


@dataclass(frozen=True, slots=True)
class Birthday:
    """A date of birth."""

    column: str
    calendar: Calendar
    kind: str = "date of birth"

    def texts(self, rows: Rows) -> Sequence[str]:
        """The dates."""
        days = self.calendar.birthdays
        return [days[word % len(days)] for word in rows.words(self.column)]
