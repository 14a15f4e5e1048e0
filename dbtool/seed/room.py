"""How many rows a table gets: as asked for, and no more than its keys and parents have room for."""

from collections.abc import Mapping
from dataclasses import dataclass

from dbtool.seed.columns import combinations, inside, shared_columns
from dbtool.seed.dealing import EachParent, Limit, identities
from dbtool.seed.found import Found
from dbtool.seed.keys import Serial
from dbtool.seed.links import Link, Links, Way
from dbtool.seed.live import LiveTable
from dbtool.seed.meaning import Kin
from dbtool.seed.plan import Request
from dbtool.seed.rows import Population
from dbtool.seed.ruling import Rulebook
from dbtool.seed.subject import INTEGERS, Subject, Unfit
from dbtool.seed.values import Listed


@dataclass(frozen=True, slots=True)
class Room:
    """Counts the rows of one table after the other, parents first."""

    found: Found
    request: Request
    populations: Mapping[str, Population]
    rulebook: Rulebook

    def count(
        self, table: LiveTable, population: Population, links: Links, subject: Subject
    ) -> str:
        """How many rows the table gets: dealt to a parent, or so many of its own."""
        rule = self.request.rule(table.sql_name)
        if links.walk is None:
            population.count = self._own_rows(table) if rule.rows is None else rule.rows
            return ""
        parent = self.populations[links.walk.parent]
        counts = self._limited(links, subject)
        most = self._most(links, subject)
        walk = self.rulebook.walk(rule, links, population, counts, most)
        population.walk, population.count = walk, walk.count
        if rule.rows is not None:
            return f"evenly per row of {parent.name.removeprefix('public.')}"
        low, high = min(walk.counts), max(walk.counts)
        each = f"{low}" if low == high else f"{low} to {high}"
        return f"{each} per row of {parent.name.removeprefix('public.')}"

    def _limited(self, links: Links, subject: Subject) -> tuple[int, ...]:
        """No more rows per parent than there are different partners for them."""
        few = {name: len(values) for name, values in subject.few.items()}
        walked = links.walk.parent if links.walk else ""
        partners = [
            # Where the walk leads to the same table, a row may have to keep apart from itself.
            max(self.populations[link.parent].count - (link.parent == walked), 1)
            for link in links.links
            if link.way is Way.OTHER
        ]
        partners += [
            combinations(links, each, few, self.populations)
            for each in links.combined
            if each.of_parent
        ]
        most = min(partners, default=max(links.counts))
        return tuple(min(count, most) for count in links.counts)

    def _most(self, links: Links, subject: Subject) -> Limit | None:
        """How many rows each parent can have, where that differs from one to the next."""
        limits: list[Limit] = []
        if subject.meaning.kin is not None:
            limits.append(self._of_kind(subject.meaning.kin))
        for link in links.links:
            needed = link.way is Way.INSIDE and not link.optional
            needed = needed or (link.way is Way.SAME and link.key.name in links.unproven)
            if needed and links.walk is not None:
                limits.append(self._with_room(link, links, links.walk))
        if not limits:
            return None
        return lambda rows: [min(each) for each in zip(*(of(rows) for of in limits), strict=True)]

    def _of_kind(self, kin: Kin) -> Limit:
        names = (name for name, each in self.found.meanings.items() if each.sql_name == kin.root)
        root = next(names, "")
        if root not in self.populations or kin.column not in self.populations[root].generators:
            raise Unfit(f"the rows it extends, of {kin.root}, are not made in the same run")
        wanted = frozenset(kin.identities)
        return lambda rows: [int(each in wanted) for each in identities(rows, root, kin.column)]

    def _with_room(self, link: Link, links: Links, walk: Link) -> Limit:
        reference = inside(link, links, self.populations)
        along = dict(zip(walk.key.columns, walk.key.target_columns, strict=True))
        shared = shared_columns(link, links)
        if reference is None or not set(shared) <= along.keys():
            raise Unfit(f"{link.key.name} shares columns with another: no parents can be chosen")
        columns = [along[name] for name in shared]
        if link.key.name in links.apart:
            return lambda rows: reference.room(rows, columns)
        return lambda rows: [2**31 if each else 0 for each in reference.room(rows, columns)]

    def limit(self, population: Population, links: Links, few: Mapping[str, int]) -> str:
        """No more rows than there are combinations; of which columns, where that cuts any off."""
        scarce = ""
        for each in links.combined:
            if each.of_parent or each.open_ended:
                continue
            most = combinations(links, each, few, self.populations)
            if not each.keys:
                most = _left(", ".join(each.columns), most, population)
            if _cut_to(population, most):
                keys = (link.key for link in links.links if link.key.name in each.keys)
                scarce = ", ".join((*(name for key in keys for name in key.columns), *each.columns))
        return scarce

    def _own_rows(self, table: LiveTable) -> int:
        rows = self.request.base_rows
        return min(rows, max(rows // 20, 8), 48) if table.name in self.found.lookups else rows

    def cap(self, table: LiveTable, population: Population) -> str:
        """No more rows than the key has numbers, and in a lookup table than there are names.

        The column that has no more values, where that cuts any off.
        """
        scarce = ""
        for name, each in population.generators.items():
            most = getattr(each, "limit", population.start + population.count)
            if _cut_to(population, _left(name, most, population)):
                scarce = name
        if any(not unique.columns for unique in table.of_kind("unique")):
            _cut_to(population, 1)
        if population.walk is not None:
            return scarce
        for column in table.columns:
            made = population.generators.get(column.name)
            if isinstance(made, Serial) and column.base in INTEGERS:
                room = INTEGERS[column.base] - population.start
                population.count = max(0, min(population.count, room))
            asked = self.request.rule(table.sql_name).rows is not None
            if isinstance(made, Listed) and table.name in self.found.lookups and not asked:
                population.count = min(population.count, len(made.values))
        return scarce


def _left(columns: str, most: int, population: Population) -> int:
    """How many of so many values are behind the numbers of the rows that are there."""
    left = max(most - population.start, 0)
    if not left and population.count:
        raise Unfit(
            f"{columns}: only {most:,} differ, and new rows are numbered from"
            f" {population.start:,}, behind those that are there; --truncate begins anew"
        )
    return left


def _cut_to(population: Population, most: int) -> bool:
    """Keep the first so many rows; whether there were more."""
    before, population.count = population.count, min(population.count, most)
    if isinstance(population.walk, EachParent):
        population.walk.count = population.count
    return population.count < before
