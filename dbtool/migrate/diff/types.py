"""Schemas, enumerations, domains and sequences that stand by themselves."""

from collections.abc import Iterator

from sqlalchemy import Table

from dbtool import catalog as cat
from dbtool.migrate.diff.asked import default_counts
from dbtool.migrate.diff.code import literal
from dbtool.migrate.diff.ddl import enums
from dbtool.migrate.diff.retyped import in_the_way, is_replaced, printed
from dbtool.migrate.diff.scope import Key
from dbtool.migrate.diff.sides import Comparison, Step
from dbtool.sql.names import identifier

_IN_MODELS = "is in the models, not in the database"
_IN_DATABASE = "is in the database, not in the models"


def schemas(said: Comparison) -> None:
    """Schemas that tables of the models need."""
    there = set(said.database.catalog.schemas)
    needed = {schema for schema, _ in said.scope.tables} | {e[0] for e in said.models.enums}
    for name in sorted(needed - there):
        code = said.code()
        done = code.execute(f"CREATE SCHEMA {identifier(name)}")
        text = f"schema {name} {_IN_MODELS}"
        said.tell(Step.SCHEMA, ("missing-schema", name), text, (code, done))


def labels(said: Comparison) -> None:
    """Enumerations and the order of their labels, where a table that is compared uses them."""
    named = {key for key, users in _users(said).items() if any(_is_compared(said, users))}
    for key in sorted(named & said.models.enums.keys()):
        enum, live = said.models.enums[key], said.database.enums.get(key)
        if live is None:
            code = said.code()
            done = code.execute(f"CREATE TYPE {code.name(*key)} AS ENUM ({_list(enum.labels)})")
            text = f"enum {said.scope.shown(key)} {_IN_MODELS}"
            sides = (", ".join(enum.labels), None)
            said.tell(Step.TYPE, ("missing-enum", said.scope.shown(key)), text, (code, done), sides)
        elif enum.labels != live.labels:
            _labels(said, key, enum.labels, live.labels)
    for key in sorted(said.database.enums.keys() - said.models.enums.keys()):
        if said.scope.wants(key):
            code = said.code()
            done = code.execute(f"DROP TYPE {code.name(*key)}")
            text = f"enum {said.scope.shown(key)} {_IN_DATABASE}"
            what = ("extra-enum", said.scope.shown(key))
            said.tell(Step.DROP_TYPE, what, text, (code, done))


def _users(said: Comparison) -> dict[Key, list[Table]]:
    """The tables of the models that use each enumeration."""
    found: dict[Key, list[Table]] = {}
    for table in said.scope.tables.values():
        for enum in enums([table]):
            key = (enum.schema or said.scope.default, str(enum.name))
            if said.models.enums.get(key) != said.database.enums.get(key):
                found.setdefault(key, []).append(table)
    return found


def _is_compared(said: Comparison, tables: list[Table]) -> Iterator[bool]:
    for table in tables:
        live = said.database.tables.get(said.scope.key(table))
        yield said.scope.compares(table, live)


def _labels(said: Comparison, key: Key, models: tuple[str, ...], live: tuple[str, ...]) -> None:
    """New labels are added in their places; any other change takes a new type."""
    name = said.scope.shown(key)
    sides = (", ".join(models), ", ".join(live))
    if not is_replaced(models, live):
        there = list(live)
        for label in (each for each in models if each not in live):
            code = said.code()
            done = _added(code.op, code.name(*key), models, label)
            text = f'enum {name} has "{label}" in the models, not in the database'
            what = ("missing-label", f"{name}.{label}")
            said.tell(Step.TYPE, what, text, (code, done), sides)
            there.append(label)
        return
    code = said.code()
    done = code.execute(*_replaced(said, key, models))
    extra = [each for each in live if each not in models]
    if extra:
        text = f"enum {name} has {_quoted(extra)} in the database, not in the models"
        what = ("extra-label", f"{name}.{extra[0]}")
    else:
        old = ", ".join(each for each in live if each in models)
        new = ", ".join(each for each in models if each in live)
        text = f"enum {name} sorts {old} in the database, {new} in the models"
        what = ("different-enum", name)
    missing = [each for each in models if each not in live]
    if missing:
        text += f"; {_quoted(missing)} in the models, not in the database"
    said.tell(Step.TYPE, what, text, (code, done), sides)


def _added(op: str, name: str, labels: tuple[str, ...], label: str) -> str:
    """A label cannot be used in the transaction that adds it, so it is added outside of one."""
    at = labels.index(label)
    place = f" AFTER {literal(labels[at - 1])}" if at else ""
    if not at and len(labels) > 1:
        place = f" BEFORE {literal(labels[1])}"
    sql = f"ALTER TYPE {name} ADD VALUE IF NOT EXISTS {literal(label)}{place}"
    return f"with {op}get_context().autocommit_block():\n    {op}execute({sql!r})"


def _replaced(said: Comparison, key: Key, models: tuple[str, ...]) -> Iterator[str]:
    """A type with the new labels in the old one's place; a row with a lost label stops it."""
    code = said.code()
    old = identifier(f"{key[1]}_old")
    yield f"ALTER TYPE {code.name(*key)} RENAME TO {old}"
    yield f"CREATE TYPE {code.name(*key)} AS ENUM ({_list(models)})"
    comment = said.models.enums[key].comment or said.database.enums[key].comment
    if comment:
        yield f"COMMENT ON TYPE {code.name(*key)} IS {literal(comment)}"
    schema = f"{identifier(key[0])}." if key[0] != said.scope.default else ""
    names = printed(key)
    for table in said.database.catalog.tables:
        uses = [each for each in table.columns if each.type.removesuffix("[]") in names]
        if uses and table.parent is None:
            ways = [*in_the_way(said, table, {each.name for each in uses})]
            yield from (drop for drop, _ in ways)
            for column in uses:
                yield from _moved(said, table, column, key)
            yield from (each for _, made in ways for each in made)
    yield f"DROP TYPE {schema}{old}"


def _moved(said: Comparison, table: cat.Table, column: cat.Column, kind: Key) -> Iterator[str]:
    """A column gets the new type; another default of the models is told by itself."""
    code = said.code()
    where = f"ALTER TABLE {code.name(table.schema, table.name)}"
    many = "[]" if column.type.endswith("[]") else ""
    at, new = f"ALTER COLUMN {identifier(column.name)}", f"{code.name(*kind)}{many}"
    if column.default is not None:
        yield f"{where} {at} DROP DEFAULT"
    cast = f"{identifier(column.name)}::text{many}::{new}"
    yield f"{where} {at} TYPE {new} USING {cast}"
    if column.default is not None and not _gets_another_default(said, table, column):
        yield f"{where} {at} SET DEFAULT {code.bare(column.default)}"


def _gets_another_default(said: Comparison, table: cat.Table, column: cat.Column) -> bool:
    """Whether the models have another that counts; what they do not know is not to be lost."""
    key = (table.schema, table.name)
    models, item = said.models.tables.get(key), said.scope.tables.get(key)
    defaults = {each.name: each.default for each in models.columns} if models else {}
    if item is None or defaults.get(column.name, column.default) == column.default:
        return False
    found = next((each for each in item.columns if each.name == column.name), None)
    return found is not None and default_counts(said.scope.context, item, found, column)


def domains(said: Comparison) -> None:
    """Domains the models create; one that differs in more than a default is told apart."""
    for key, domain in sorted(said.models.domains.items()):
        live = said.database.domains.get(key)
        code, name = said.code(), said.scope.shown(key)
        if live is None:
            done = code.execute(_domain(code.name(*key), domain))
            text = f"domain {name} {_IN_MODELS}"
            said.tell(Step.TYPE, ("missing-domain", name), text, (code, done))
        elif domain != live:
            done = code.execute(*_altered(code.name(*key), domain, live))
            text = f"domain {name} is another in the database"
            sides = (_domain(name, domain), _domain(name, live))
            said.tell(Step.TYPE, ("different-domain", name), text, (code, done), sides)
    for key in sorted(said.database.domains.keys() - said.models.domains.keys()):
        if said.scope.wants(key):
            code, name = said.code(), said.scope.shown(key)
            done = code.execute(f"DROP DOMAIN {code.name(*key)}")
            text = f"domain {name} {_IN_DATABASE}"
            said.tell(Step.DROP_TYPE, ("extra-domain", name), text, (code, done))


def _domain(name: str, domain: cat.Domain) -> str:
    parts = [f"CREATE DOMAIN {name} AS {domain.type}"]
    parts += [f"COLLATE {domain.collation}"] if domain.collation else []
    parts += [f"DEFAULT {domain.default}"] if domain.default else []
    parts += ["NOT NULL"] if domain.not_null else []
    parts += [f"CONSTRAINT {identifier(e.name)} {e.definition}" for e in domain.constraints]
    return " ".join(parts)


def _altered(name: str, models: cat.Domain, live: cat.Domain) -> Iterator[str]:
    if models.default != live.default:
        said = f"SET DEFAULT {models.default}" if models.default else "DROP DEFAULT"
        yield f"ALTER DOMAIN {name} {said}"
    if models.not_null != live.not_null:
        yield f"ALTER DOMAIN {name} {'SET' if models.not_null else 'DROP'} NOT NULL"
    for each in live.constraints:
        if each not in models.constraints:
            yield f"ALTER DOMAIN {name} DROP CONSTRAINT {identifier(each.name)}"
    for each in models.constraints:
        if each not in live.constraints:
            yield f"ALTER DOMAIN {name} ADD CONSTRAINT {identifier(each.name)} {each.definition}"


def sequences(said: Comparison) -> None:
    """Sequences no column owns."""
    for key, sequence in sorted(said.models.free.items()):
        live = said.database.free.get(key)
        code, name = said.code(), said.scope.shown(key)
        if live is None:
            done = code.execute(f"CREATE SEQUENCE {code.name(*key)} {options(sequence)}")
            text = f"sequence {name} {_IN_MODELS}"
            said.tell(Step.TYPE, ("missing-sequence", name), text, (code, done))
        elif options(sequence) != options(live):
            done = code.execute(f"ALTER SEQUENCE {code.name(*key)} {options(sequence)}")
            text = f"sequence {name} is another in the database"
            sides = (options(sequence), options(live))
            said.tell(Step.TYPE, ("different-sequence", name), text, (code, done), sides)
    for key in sorted(said.database.free.keys() - said.models.free.keys()):
        if said.scope.wants(key):
            code, name = said.code(), said.scope.shown(key)
            done = code.execute(f"DROP SEQUENCE {code.name(*key)}")
            text = f"sequence {name} {_IN_DATABASE}"
            said.tell(Step.DROP_TYPE, ("extra-sequence", name), text, (code, done))


def options(sequence: cat.Sequence) -> str:
    """A sequence's options in SQL."""
    return (
        f"AS {sequence.type} START WITH {sequence.start} INCREMENT BY {sequence.increment}"
        f" MINVALUE {sequence.minimum} MAXVALUE {sequence.maximum} CACHE {sequence.cache}"
        f" {'CYCLE' if sequence.cycle else 'NO CYCLE'}"
    )


def _list(labels: tuple[str, ...]) -> str:
    return ", ".join(map(literal, labels))


def _quoted(names: list[str]) -> str:
    return ", ".join(f'"{each}"' for each in names)
