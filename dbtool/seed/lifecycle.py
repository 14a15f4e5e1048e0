"""Which of a table's times is which: created, updated, deleted, or a stage of its status."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from dbtool.seed.checks import Fact, Gate, Order
from dbtool.seed.live import LiveColumn
from dbtool.seed.rows import DAY, Generator, Moments, Population
from dbtool.seed.times import Birth, Birthday, Born, Calendar, Latest, Stage, Timed, Written

_BIRTH = re.compile(
    r"^(date_)?(created|inserted|registered|joined|placed|ordered|opened|granted|issued|signed_up"
    r"|submitted|received|occurred|logged|added|posted|sent|recorded)(_(at|on|date|time))?$"
    r"|^(timestamp|creation_date|order_date|date_joined)$"
)
_UPDATED = re.compile(
    r"^(date_)?(last_)?(updated|modified|changed|edited|touched)(_(at|on|date))?$"
)
_DELETED = re.compile(r"^(deleted|removed|discarded|trashed|erased)(_(at|on|date))?$")
_BIRTHDAY = re.compile(r"^(birthday|birth_?date|date_of_birth|dob|born_on)$")
_SEEN = re.compile(r"^last_|_last_|^(expires|ends|valid|due)")
_SUFFIX = re.compile(r"_(at|on|date|time|ts)$")
_STATUS = re.compile(r"(^|_)(status|state|stage|phase)$")
_EXITS = frozenset(
    [
        "cancelled",
        "canceled",
        "rejected",
        "failed",
        "declined",
        "expired",
        "abandoned",
        "deleted",
        "spam",
        "banned",
    ]
)


@dataclass(slots=True)
class Lifecycle:
    """The time columns of one table, and the status that gates them."""

    population: Population
    calendar: Calendar
    columns: Mapping[str, LiveColumn]
    facts: tuple[Fact, ...]
    labels: Mapping[str, tuple[str, ...]]
    _made: dict[str, Written] = field(default_factory=dict)

    def plan(self) -> dict[str, tuple[Generator, str]]:
        """A generator for each time column and what it was recognised by."""
        alone = bool(self.columns) and self.population.walk is None
        if alone or any(self._is_birth(column) for column in self.columns.values()):
            # Rows that no parent dates come one after the other, though no column says when.
            self.population.birth = Birth(self.calendar)
        return {name: self._of(column) for name, column in self.columns.items()}

    def _of(self, column: LiveColumn) -> tuple[Generator, str]:
        if _BIRTHDAY.search(column.name):
            return Birthday(column.name, self.calendar), "name"
        gated = any(isinstance(fact, Gate) and fact.column == column.name for fact in self.facts)
        ordered = any(isinstance(f, Order) and f.later == column.name for f in self.facts)
        return self._written(column.name), "check" if gated or ordered else "name"

    def _written(self, name: str) -> Written:
        if name not in self._made:
            column = self.columns[name]
            self._made[name] = Written(name, column.base, self.calendar, self._moments(column))
        return self._made[name]

    def _moments(self, column: LiveColumn) -> Timed:
        if self._is_birth(column):
            return Born()
        if _UPDATED.search(column.name):
            return self._updated(column)
        status, labels = self._gate(column)
        return Stage(
            column.name,
            self.calendar,
            after=(Born(), *(self._written(each) for each in self._before(column))),
            status=status,
            labels=frozenset(labels),
            share=self._share(column),
            within_days=400 if _SEEN.search(column.name) else 10,
            least=self._least(column),
        )

    def _updated(self, column: LiveColumn) -> Timed:
        """After the birth and the stages; other times do not move it when they are added."""
        happened = [self._written(name) for name in self.columns if self._changes(name, column)]
        latest: tuple[Moments, ...] = (Born(), *happened)
        edited = Stage(f"{column.name}/edited", self.calendar, latest, share=96, within_days=60)
        return Latest(latest, edited)

    def _changes(self, name: str, updated: LiveColumn) -> bool:
        """Whether a time is a change of the row: a stage, its end, or one a CHECK puts before."""
        column = self.columns[name]
        if _UPDATED.search(name) or _BIRTHDAY.search(name) or self._is_birth(column):
            return False
        if _DELETED.search(name) or self._gate(column)[0]:
            return True
        return any(
            isinstance(fact, Order) and (fact.later, fact.earlier) == (updated.name, name)
            for fact in self.facts
        )

    def _is_birth(self, column: LiveColumn) -> bool:
        if _UPDATED.search(column.name) or column.base in ("time", "timetz"):
            return False
        by_default = "now()" in (column.default or "") or "CURRENT_" in (column.default or "")
        return not column.nullable and (bool(_BIRTH.search(column.name)) or by_default)

    def _share(self, column: LiveColumn) -> int:
        if not column.nullable:
            return 256
        return 8 if _DELETED.search(column.name) else 160

    def _least(self, column: LiveColumn) -> int:
        """How far it keeps from what a CHECK puts strictly before it."""
        strict = any(
            isinstance(fact, Order) and fact.strict and fact.later == column.name
            for fact in self.facts
        )
        return 0 if not strict else DAY if column.base == "date" else 1

    def _before(self, column: LiveColumn) -> list[str]:
        """The columns a stage follows: by CHECK, and by the order of the status values."""
        by_check = [
            fact.earlier
            for fact in self.facts
            if isinstance(fact, Order)
            and fact.later == column.name
            and fact.earlier in self.columns
        ]
        status = self._status()
        path = [name for label in self.labels.get(status, ()) if (name := self._stamp(label))]
        earlier = path[: path.index(column.name)] if column.name in path else []
        found = dict.fromkeys([*by_check, *earlier])
        return [name for name in found if name != column.name and not self._is_birth_name(name)]

    def _is_birth_name(self, name: str) -> bool:
        return self._is_birth(self.columns[name])

    def _status(self) -> str:
        """The column whose values are the stages of a row."""
        gating = [fact.status for fact in self.facts if isinstance(fact, Gate)]
        named = [name for name in self.labels if _STATUS.search(name)]
        return next((name for name in [*gating, *named] if name in self.labels), "")

    def _stamp(self, label: str) -> str | None:
        """The column that says when a status was reached, unless the status is a way out."""
        if label in _EXITS:
            return None
        return next((name for name in self.columns if _SUFFIX.sub("", name) == label), None)

    def _gate(self, column: LiveColumn) -> tuple[str, tuple[str, ...]]:
        """The status column and the values with which this time is set."""
        gates = [f for f in self.facts if isinstance(f, Gate) and f.column == column.name]
        for gate in gates:
            if gate.exact and gate.status in self.labels:
                return gate.status, self._values(gate)
        status = self._status()
        stem = _SUFFIX.sub("", column.name)
        order = self.labels.get(status, ())
        implied = self._reached(order, stem) if stem in order else ()
        demanded = [
            value for gate in gates if gate.status == status for value in self._values(gate)
        ]
        labels = tuple(dict.fromkeys([*implied, *demanded]))
        return (status, labels) if labels else ("", ())

    def _values(self, gate: Gate) -> tuple[str, ...]:
        if not gate.negated:
            return gate.values
        return tuple(each for each in self.labels.get(gate.status, ()) if each not in gate.values)

    def _reached(self, order: tuple[str, ...], stem: str) -> tuple[str, ...]:
        """The values that mean the stage is behind the row: itself and what follows it."""
        if stem in _EXITS:
            return (stem,)
        later = order[order.index(stem) :]
        return tuple(label for label in later if label not in _EXITS)
