"""The code of a proposal as plain SQL: the calls that proposals are made of, and no others."""

import ast
from collections.abc import Callable, Iterator, Mapping
from textwrap import dedent

from dbtool.lint.code import sql_name
from dbtool.lint.code.types import type_said
from dbtool.lint.fixing.place import NotMechanical
from dbtool.lint.fixing.spelled import Call, spelled
from dbtool.lint.revision import dotted, text_of
from dbtool.lint.schema import Name

Given = Mapping[str, ast.expr]


def as_sql(code: str) -> tuple[str, ...]:
    """The statements that a proposal runs; raises NotMechanical where SQL cannot say it."""
    plain = spelled(code)
    calls = plain if plain is not None else [*_calls(ast.parse(code).body)]
    return tuple(map(_statement, calls))


def _calls(body: list[ast.stmt]) -> Iterator[Call]:
    for node in body:
        if isinstance(node, ast.With):
            yield from _calls(node.body)
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            call = node.value
            named = {each.arg: each.value for each in call.keywords if each.arg}
            yield dotted(call.func), tuple(call.args), named
        else:
            raise NotMechanical("a step of it is Python")


def _statement(call: Call) -> str:
    function, placed, named = call
    known = _CALLS.get(function)
    if known is None:
        raise NotMechanical("a step of it is Python")
    names, write = known
    return write({**dict(zip(names, placed, strict=False)), **named})


def _text(given: Given, name: str) -> str:
    node = given.get(name)
    if isinstance(node, ast.Call) and dotted(node.func) in ("sa.text", "op.f"):
        node = node.args[0]
    if node is None or isinstance(node, ast.Constant):
        return text_of(node).replace("\\:", ":")
    raise NotMechanical("a step of it is Python")


def _is(given: Given, name: str, value: object) -> bool:
    node = given.get(name)
    return isinstance(node, ast.Constant) and node.value is value


def _within(given: Given, name: str) -> str:
    return sql_name(Name(_text(given, "schema"), _text(given, name)))


def _table(given: Given) -> str:
    return f"ALTER TABLE {_within(given, 'table')}"


def _execute(given: Given) -> str:
    written = _text(given, "sql").strip("\n")
    return (dedent(written) if "\n" in written else written).strip()


def _create_index(given: Given) -> str:
    unique = "UNIQUE " if _is(given, "unique", True) else ""
    method = _text(given, "postgresql_using")
    where = _text(given, "postgresql_where")
    tablespace = _text(given, "postgresql_tablespace")
    storage = [*_storage(given)]
    parts = (
        f"CREATE {unique}INDEX CONCURRENTLY {sql_name(_text(given, 'name'))}"
        f" ON {_within(given, 'table')}",
        f"USING {method}" if method else "",
        f"({', '.join(_elements(given, 'columns'))})",
        f"INCLUDE ({', '.join(_elements(given, 'postgresql_include'))})"
        if "postgresql_include" in given
        else "",
        "NULLS NOT DISTINCT" if _is(given, "postgresql_nulls_not_distinct", True) else "",
        f"WITH ({', '.join(storage)})" if storage else "",
        f"TABLESPACE {sql_name(tablespace)}" if tablespace else "",
        f"WHERE {where}" if where else "",
    )
    return " ".join(part for part in parts if part)


def _storage(given: Given) -> Iterator[str]:
    node = given.get("postgresql_with")
    if isinstance(node, ast.Dict):
        for name, to in ast.literal_eval(node).items():
            yield f"{name} = {to}"


def _elements(given: Given, name: str) -> Iterator[str]:
    node = given[name]
    for each in node.elts if isinstance(node, ast.List) else ():
        plain = isinstance(each, ast.Constant)
        text = _text({"element": each}, "element")
        yield sql_name(text) if plain else text


def _drop_index(given: Given) -> str:
    there = "IF EXISTS " if _is(given, "if_exists", True) else ""
    return f"DROP INDEX CONCURRENTLY {there}{_within(given, 'name')}"


def _check(given: Given) -> str:
    return (
        f"{_table(given)} ADD CONSTRAINT {sql_name(_text(given, 'name'))}"
        f" CHECK ({_text(given, 'condition')}) NOT VALID"
    )


def _alter_column(given: Given) -> str:
    column = f"{_table(given)} ALTER COLUMN {sql_name(_text(given, 'column'))}"
    if _is(given, "nullable", False):
        return f"{column} SET NOT NULL"
    if _is(given, "nullable", True):
        return f"{column} DROP NOT NULL"
    if "server_default" in given:
        return f"{column} SET DEFAULT {_text(given, 'server_default')}"
    raise NotMechanical("a step of it is Python")


def _add_column(given: Given) -> str:
    column = given["column"]
    if (
        not isinstance(column, ast.Call)
        or (type_ := type_said(ast.unparse(column.args[1]))) is None
    ):
        raise NotMechanical("a step of it is Python")
    said: Given = {each.arg: each.value for each in column.keywords if each.arg}
    name = sql_name(_text({"name": column.args[0]}, "name"))
    default = f" DEFAULT {_text(said, 'server_default')}" if "server_default" in said else ""
    required = " NOT NULL" if _is(said, "nullable", False) else ""
    return f"{_table(given)} ADD COLUMN {name} {type_}{default}{required}"


def _drop_column(given: Given) -> str:
    return f"{_table(given)} DROP COLUMN {sql_name(_text(given, 'column'))}"


def _drop_table(given: Given) -> str:
    return f"DROP TABLE {_within(given, 'table')}"


def _drop_constraint(given: Given) -> str:
    return f"{_table(given)} DROP CONSTRAINT {sql_name(_text(given, 'name'))}"


_CALLS: dict[str, tuple[tuple[str, ...], Callable[[Given], str]]] = {
    "op.execute": (("sql",), _execute),
    "op.create_index": (("name", "table", "columns"), _create_index),
    "op.drop_index": (("name", "table_name"), _drop_index),
    "op.create_check_constraint": (("name", "table", "condition"), _check),
    "op.add_column": (("table", "column"), _add_column),
    "op.alter_column": (("table", "column"), _alter_column),
    "op.drop_table": (("table",), _drop_table),
    "op.drop_column": (("table", "column"), _drop_column),
    "op.drop_constraint": (("name", "table", "type_"), _drop_constraint),
}
