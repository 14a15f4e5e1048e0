"""How revisions follow each other, told from their headers alone, without Alembic."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise

from dbtool.migrate.headers import Header

_RESERVED = frozenset({"head", "heads", "base", "current"})


@dataclass(frozen=True, slots=True)
class Lineage:
    """Revisions Alembic would read without objecting.

    `children` are those that name a revision as their down_revision; `before` and `after` count
    dependencies too.
    """

    headers: Mapping[str, Header]
    before: Mapping[str, tuple[str, ...]]
    after: Mapping[str, tuple[str, ...]]
    children: Mapping[str, tuple[str, ...]]

    @property
    def heads(self) -> tuple[str, ...]:
        """The revisions that none names as its down_revision."""
        return tuple(each for each in self.headers if not self.children[each])

    @property
    def named_only(self) -> bool:
        """Whether no label and no dependency relates the revisions any further."""
        return not any(each.branch_labels or each.depends_on for each in self.headers.values())

    def newest_first(self) -> tuple[str, ...]:
        """Every revision before those it follows, in Alembic's order where `named_only`."""
        return _Walk(self, self.headers).order()

    def applied(self, recorded: Iterable[str]) -> frozenset[str] | None:
        """What a database holds that records these; None where one of them is unknown."""
        found: set[str] = set()
        todo = list(recorded)
        while todo:
            revision = todo.pop()
            if revision not in self.headers:
                return None
            if revision not in found:
                found.add(revision)
                todo += self.before[revision]
        return frozenset(found)

    def pending(self, recorded: Iterable[str]) -> tuple[str, ...] | None:
        """What an upgrade to the heads would run; None where only Alembic knows in which order."""
        recorded = tuple(recorded)
        applied = self.applied(recorded)
        if applied is None:
            return None
        below = [each for revision in recorded for each in self.before[revision]]
        if (self.applied(below) or frozenset()) & set(recorded):
            return None  # one stands on another, which Alembic may refuse
        line = _Walk(self, [each for each in self.headers if each not in applied]).order()[::-1]
        forced = all(one in self.before[later] for one, later in pairwise(line))
        return line if forced or self.named_only else None


class _Walk:
    """Goes down some of the revisions as Alembic does: on along one branch until another is due."""

    def __init__(self, line: Lineage, wanted: Iterable[str]) -> None:
        self._line = line
        todo = frozenset(wanted)
        self._waits_for = {each: sum(map(todo.__contains__, line.after[each])) for each in wanted}
        self._at = [each for each, count in self._waits_for.items() if not count]

    def order(self) -> tuple[str, ...]:
        """The revisions, each before those it comes after; any in a circle are missing."""
        order = []
        place = 0
        while self._at:
            revision = self._at[place]
            if self._waits_for[revision]:
                place = self._due_first(revision)
                continue
            order.append(revision)
            place = self._follow(place)
        return tuple(order)

    def _follow(self, place: int) -> int:
        """Replace the revision by those before it; where none is left the branch ends."""
        revision = self._at[place]
        del self._waits_for[revision]
        parents = [each for each in self._line.before[revision] if each in self._waits_for]
        for parent in parents:
            self._waits_for[parent] -= 1
        parents = [each for each in parents if each not in self._at]
        if not parents:
            del self._at[place]
            return max(place - 1, 0)
        self._at[place] = parents[0]
        self._at += parents[1:]
        return place

    def _due_first(self, revision: str) -> int:
        """The first of the branches that still leads down to a revision."""
        above, todo = {revision}, [revision]
        while todo:
            for each in self._line.after[todo.pop()]:
                if each in self._waits_for and each not in above:
                    above.add(each)
                    todo.append(each)
        above.remove(revision)
        return next(place for place, each in enumerate(self._at) if each in above)


def lineage(headers: Iterable[Header]) -> Lineage | None:
    """How these follow each other; None where Alembic would object, or might see more in them."""
    by_id: dict[str, Header] = {}
    for header in headers:
        if header.revision in by_id or header.revision in _RESERVED:
            return None
        by_id[header.revision] = header
    names = _names(by_id)
    if names is None:
        return None
    before: dict[str, tuple[str, ...]] = {}
    for revision, header in by_id.items():
        known = (*(each in by_id for each in header.down_revisions),)
        if not all(known) or not all(each in names for each in header.depends_on):
            return None
        needs = (*header.down_revisions, *(names[each] for each in header.depends_on))
        before[revision] = tuple(dict.fromkeys(needs))
    after = _reversed(before)
    children = _reversed({each.revision: each.down_revisions for each in by_id.values()})
    return None if _circular(before, after) else Lineage(by_id, before, after, children)


def _names(by_id: Mapping[str, Header]) -> dict[str, str] | None:
    """What a dependency may call a revision: its id, or a label that is written in its file."""
    names = {each: each for each in by_id}
    for revision, header in by_id.items():
        for label in header.branch_labels:
            if label in names:
                return None
            names[label] = revision
    return names


def _reversed(before: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    after: dict[str, list[str]] = {each: [] for each in before}
    for revision, parents in before.items():
        for parent in dict.fromkeys(parents):
            after[parent].append(revision)
    return {each: tuple(found) for each, found in after.items()}


def _circular(before: Mapping[str, tuple[str, ...]], after: Mapping[str, tuple[str, ...]]) -> bool:
    """Whether some revision comes, in the end, after itself."""
    waits = {each: len(parents) for each, parents in before.items()}
    ready = [each for each, count in waits.items() if not count]
    done = 0
    while ready:
        done += 1
        for child in after[ready.pop()]:
            waits[child] -= 1
            if not waits[child]:
                ready.append(child)
    return done < len(before)
