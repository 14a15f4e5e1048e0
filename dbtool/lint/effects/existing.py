"""Errors over names: what is created is there already, what is named is not."""

import re
from collections.abc import Iterator

from dbtool.lint import actions as act
from dbtool.lint.already import taken, view_name
from dbtool.lint.effect import Cause, Task, Work
from dbtool.lint.effects.making import State
from dbtool.lint.schema import Name, Schema, Table


def fail(code: str, name: Name, why: str, cause: Cause = Cause.REFUSED) -> Task:
    """The end of a statement in an error."""
    return Task(Work.FAIL, name, cause, why, code)


def _exists(code: str, name: Name) -> Task:
    return fail(code, name, f"{name} exists", Cause.EXISTS)


def create_index(action: act.CreateIndex, state: State) -> Iterator[Task]:
    """CREATE INDEX under a name that something else has."""
    table = state.table(action.table)
    name = Name(table.name.schema, action.index.name)
    elsewhere = action.index.name and action.index.name not in table.indexes
    if elsewhere and not action.if_not_exists and taken(state.schema, name):
        yield _exists("42P07", name)


def create_view(action: act.CreateView, state: State) -> Iterator[Task]:
    """CREATE VIEW."""
    name = state.schema.full(view_name(state.schema, action))
    if taken(state.schema, name) and not (action.replace and name in state.schema.views):
        yield _exists("42809" if action.replace else "42P07", name)


def create_sequence(action: act.CreateSequence, state: State) -> Iterator[Task]:
    """CREATE SEQUENCE."""
    name = state.schema.full(action.sequence)
    if taken(state.schema, name):
        yield _exists("42P07", name)


def create_type(action: act.CreateType, state: State) -> Iterator[Task]:
    """CREATE TYPE and CREATE DOMAIN; a composite type shares its name with no table either."""
    name = state.schema.full(action.name)
    if name in state.schema.types:
        yield _exists("42710", name)


def create_trigger(action: act.CreateTrigger, state: State) -> Iterator[Task]:
    """CREATE TRIGGER."""
    table = state.table(action.table)
    if action.name in table.triggers and not action.replace:
        why = f"trigger {action.name} of {table.name.name} exists"
        yield fail("42710", table.name, why, Cause.EXISTS)


def add_label(action: act.AddEnumValue, state: State) -> Iterator[Task]:
    """ALTER TYPE … ADD VALUE."""
    found = state.schema.type(action.type)
    if found is not None and action.label in found.labels:
        why = f"{found.name} has the label '{action.label}' already"
        yield fail("42710", found.name, why, Cause.EXISTS)


def rename(action: act.Rename, state: State) -> Iterator[Task]:
    """RENAME of a relation to a name in use, or of a label or constraint that is not there."""
    schema = state.schema
    match action.kind:
        case "table" | "view" | "materialized view" | "index" | "foreign table":
            home = _home(action.name, schema)
            if home is not None and taken(schema, Name(home, action.to)):
                yield _exists("42P07", Name(home, action.to))
            elif home is None and schema.complete and not _may_be(action):
                why = f"relation {action.name} does not exist"
                yield fail("42P01", schema.full(action.name), why, Cause.MISSING)
        case "enum value":
            yield from _rename_label(action, schema)
        case "constraint":
            table = schema.table(action.name)
            known = table is not None and table.complete and action.part not in table.constraints
            if table is not None and known and not _made_by_the_server(action.part):
                why = f"constraint {action.part} of {table.name.name} does not exist"
                yield fail("42704", table.name, why, Cause.MISSING)


_NUMBERS = re.compile(r"_seq\d*\Z")
"""How names end that the server gives to sequences, which keep them when tables are renamed."""


def _home(name: Name, schema: Schema) -> str | None:
    """The schema of a relation: ALTER TABLE takes sequences and indexes as well."""
    found = schema.table(name) or schema.view(name) or schema.index_table(name)
    if found is not None:
        return found.name.schema
    sequence = schema.sequence(name)
    return sequence.name.schema if sequence is not None else None


def _may_be(action: act.Rename) -> bool:
    """Whether what nobody saw created may be there all the same, or need not."""
    return action.if_exists or numbered(action.name)


def numbered(name: Name) -> bool:
    """Whether it could be a sequence that the server made and named."""
    return _NUMBERS.search(name.name) is not None


def _made_by_the_server(constraint: str) -> bool:
    """From version 18 on NOT NULL has a constraint that nobody had to name."""
    return constraint.endswith("_not_null")


def _rename_label(action: act.Rename, schema: Schema) -> Iterator[Task]:
    found = schema.type(action.name)
    if found is None or found.kind != "enum":
        return
    if action.part not in found.labels:
        why = f"{found.name} has no label '{action.part}'"
        yield fail("22023", found.name, why, Cause.MISSING)
    elif action.to in found.labels:
        why = f"{found.name} has the label '{action.to}' already"
        yield fail("42710", found.name, why, Cause.EXISTS)


_MISSING = {"view": "42P01", "type": "42704", "domain": "42704"}


def drop(action: act.Drop, state: State) -> Iterator[Task]:
    """DROP of what is not there, or of a sequence that a column takes its values from."""
    schema = state.schema
    if action.kind == "trigger":
        yield from trigger_missing(action.name, action.part, state, action.if_exists)
    elif action.kind in _MISSING and schema.complete and not action.if_exists:
        found = schema.view(action.name) if action.kind == "view" else schema.type(action.name)
        if found is None and schema.table(action.name) is None:
            why = f"{action.kind} {action.name} does not exist"
            yield fail(_MISSING[action.kind], schema.full(action.name), why, Cause.MISSING)
    elif action.kind == "sequence" and not action.cascade:
        for table, column in takers(schema, schema.full(action.name)):
            why = f"column {column} of {table.name.name} takes its default from it"
            yield fail("2BP01", table.name, why, Cause.DEPENDENT)
    elif action.kind == "policy" and not action.if_exists:
        found_in = schema.table(action.name)
        if found_in is not None and found_in.complete and action.part not in found_in.policies:
            why = f"policy {action.part} of {found_in.name.name} does not exist"
            yield fail("42704", found_in.name, why, Cause.MISSING)


def takers(schema: Schema, sequence: Name) -> Iterator[tuple[Table, str]]:
    """The serial columns that take their values from a sequence, by the name it was given."""
    for table in schema.tables.values() if sequence.name.endswith("_seq") else ():
        for column in table.columns.values():
            made = Name(table.name.schema, f"{table.name.name}_{column.name}_seq")
            if column.serial and column.default is not None and made == sequence:
                yield table, column.name


def policy(action: act.Policy, state: State) -> Iterator[Task]:
    """CREATE and ALTER POLICY."""
    table = state.table(action.table)
    there = action.name in table.policies
    if action.change == "create" and there:
        why = f"policy {action.name} of {table.name.name} exists"
        yield fail("42710", table.name, why, Cause.EXISTS)
    elif action.change == "alter" and table.complete and not there:
        why = f"policy {action.name} of {table.name.name} does not exist"
        yield fail("42704", table.name, why, Cause.MISSING)


def trigger_missing(
    name: Name, trigger: str, state: State, allowed: bool = False
) -> Iterator[Task]:
    """A trigger that a table does not have."""
    table = state.schema.table(name)
    if table is None or not table.complete or table.partition_by or table.parent or allowed:
        return
    if trigger not in table.triggers and not trigger.startswith("RI_ConstraintTrigger"):
        why = f"trigger {trigger} of {table.name.name} does not exist"
        yield fail("42704", table.name, why, Cause.MISSING)


def drop_index(action: act.DropIndex, state: State) -> Iterator[Task]:
    """DROP INDEX of what is not there."""
    known = state.schema.complete and not action.if_exists
    if known and state.schema.index_table(action.index) is None:
        why = f"index {action.index} does not exist"
        yield fail("42704", state.schema.full(action.index), why, Cause.MISSING)
