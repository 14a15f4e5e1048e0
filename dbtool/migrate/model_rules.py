"""Put a team's models before the model rules: no database is asked."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from difflib import get_close_matches
from itertools import groupby

from dbtool import finding
from dbtool.errors import UsageError
from dbtool.finding import Finding, Rule, rule_name
from dbtool.metadata import Models
from dbtool.migrate.declared import Declared
from dbtool.migrate.rules import (
    cascade_contradicts_key,
    cascade_row_by_row,
    collection_loaded_always,
    default_evaluated_once,
    delete_empties_required_key,
    dynamic_relationship,
    enum_name_shared,
    enum_unnamed,
    foreign_key_type_differs,
    foreign_key_unindexed,
    index_covered_by_another,
    json_not_binary,
    mappers_not_configured,
    mutable_default,
    naive_datetime,
    naming_convention_missing,
    pool_left_at_defaults,
    primary_key_indexed_again,
    relationship_not_paired,
    server_default_quoted,
    set_null_on_required_column,
    soft_delete_not_in_indexes,
    version_column_unused,
)
from dbtool.report import listed

RULES: tuple[Rule[Declared], ...] = (
    primary_key_indexed_again,
    naming_convention_missing,
    naive_datetime,
    mutable_default,
    default_evaluated_once,
    server_default_quoted,
    enum_unnamed,
    enum_name_shared,
    json_not_binary,
    index_covered_by_another,
    foreign_key_unindexed,
    foreign_key_type_differs,
    set_null_on_required_column,
    delete_empties_required_key,
    cascade_row_by_row,
    cascade_contradicts_key,
    relationship_not_paired,
    collection_loaded_always,
    dynamic_relationship,
    version_column_unused,
    soft_delete_not_in_indexes,
    mappers_not_configured,
    pool_left_at_defaults,
)
"""What is judged of the models alone."""

_NAMED = 4


def judge(
    models: Models, select: Sequence[str] = (), ignore: Sequence[str] = ()
) -> tuple[Finding, ...]:
    """What the rules say of the models, worst first; what many classes inherit is said once."""
    found, _ = finding.judge(choose(select, ignore), Declared(models))
    return tuple(sorted(_once(found), key=lambda each: (-each.severity, *_place(each))))


def choose(
    select: Sequence[str], ignore: Sequence[str], place: str = "--ignore"
) -> "tuple[Rule[Declared], ...]":
    """The rules selected, all where none is, without those ignored; `place` names those."""
    wanted = {*_known(select, "--select")} or set(names())
    left_out = {*_known(ignore, place)}
    return tuple(each for each in RULES if rule_name(each.__name__) in wanted - left_out)


def names() -> tuple[str, ...]:
    """The names of the model rules."""
    return tuple(rule_name(each.__name__) for each in RULES)


def _known(given: Iterable[str], option: str) -> Iterator[str]:
    for written in given:
        name = written.strip().lower().replace("_", "-")
        if name not in names():
            near = get_close_matches(name, names(), n=3)
            raise UsageError(
                f'{option}: no rule over models is called "{written}"',
                hint=f"Did you mean {' or '.join(near)}?" if near else "See dbtool rules for all.",
            )
        yield name


def _place(each: Finding) -> tuple[str, int, str]:
    where = each.location
    return (where.file or "", where.line or 0, where.name or "") if where else ("", 0, "")


def _once(found: Iterable[Finding]) -> Iterator[Finding]:
    """One finding for each line of a file: what a mixin says is said of all its classes."""

    def line(each: Finding) -> tuple[str, str, int]:
        file, line, name = _place(each)
        return each.rule, file or name, line

    for _, same in groupby(sorted(found, key=line), key=line):
        first, *others = same
        inherited = {*map(_name, others)} - {_name(first)}
        told = (f"the same line is behind {listed(sorted(inherited), _NAMED)}",)
        yield replace(first, evidence=(*first.evidence, *told)) if inherited else first
        yield from (each for each in others if _name(each) == _name(first))


def _name(each: Finding) -> str:
    return _place(each)[2]
