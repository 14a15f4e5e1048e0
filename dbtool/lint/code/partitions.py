"""Alembic code about partitions."""

from dbtool.lint.code.calls import call, chain, execute, final, sql_name, string
from dbtool.lint.code.columns import drop_constraint, validate, within
from dbtool.lint.schema import Bound, Name


def conditions(keys: tuple[str, ...], bound: Bound) -> tuple[str, ...]:
    """What a bound demands of the one key column, as SQL; nothing where it cannot be said so."""
    if len(keys) != 1 or not keys[0] or bound.default:
        return ()
    key = sql_name(keys[0])
    if bound.values:
        return (f"{key} IN ({', '.join(map(str, bound.values))})",)
    found = []
    for operator, limits in ((">=", bound.lower), ("<", bound.upper)):
        for limit in limits:
            if limit.word.lower() not in ("minvalue", "maxvalue"):
                found.append(f"{key} {operator} {limit}")
    return tuple(found)


def attach_partition(
    table: Name, partition: Name, keys: tuple[str, ...], bound: Bound
) -> str | None:
    """Prove the bounds of a table before it is attached; None where no check can say them."""
    demanded = conditions(keys, bound)
    if not demanded:
        return None
    proof = " AND ".join((f"{sql_name(keys[0])} IS NOT NULL", *demanded))
    name = f"{partition.name}_bounds"
    attach = f"ALTER TABLE {sql_name(table)} ATTACH PARTITION {sql_name(partition)} FOR VALUES"
    return chain(
        _check(partition, name, proof),
        validate(partition, name),
        f"{execute(f'{attach} {bound.text}')}\n{drop_constraint(partition, name, 'check')}",
    )


def exclude_bound(
    default: Name, keys: tuple[str, ...], bound: Bound
) -> tuple[str, str, str] | None:
    """Add and validate the proof that a default partition has no row of a bound, and drop it."""
    if len(keys) != 1 or not conditions(keys, bound):
        return None
    name = f"{default.name}_without_new"
    return (
        _check(default, name, excluded(keys, bound)),
        validate(default, name),
        drop_constraint(default, name, "check"),
    )


def excluded(keys: tuple[str, ...], bound: Bound) -> str:
    """The condition of every row that is not within the bound."""
    key = sql_name(keys[0])
    if bound.values:
        return f"{key} NOT IN ({', '.join(map(str, bound.values))})"
    opposite = {">=": "<", "<": ">="}
    found = []
    for each in conditions(keys, bound):
        _, operator, limit = each.split(" ", 2)
        found.append(f"{key} {opposite[operator]} {limit}")
    return " OR ".join(found)


def _check(table: Name, name: str, condition: str) -> str:
    where, place = string(table.name), within(table)
    lasting = "postgresql_not_valid=True"
    return call("create_check_constraint", final(name), where, string(condition), lasting, *place)
