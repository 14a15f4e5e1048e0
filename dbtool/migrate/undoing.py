"""Read the downgrade() of a revision file without running it: what it refuses, forgets or does."""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dbtool.migrate.plain import first_code

_READ = frozenset({"drop_table", "drop_column", "execute"})
_CONSTRAINTS = frozenset(
    {"drop_constraint", "create_foreign_key", "create_unique_constraint", "create_check_constraint"}
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A `raise` that is reached whatever the database holds, and the author's words."""

    line: int
    said: str


@dataclass(frozen=True, slots=True)
class Literal:
    """A call of an operation whose arguments are written out; `table` is that of a batch."""

    name: str
    arguments: tuple[Any, ...]
    named: dict[str, Any]
    line: int = 0
    source: str = ""


@dataclass(frozen=True, slots=True)
class Undoing:
    """What a downgrade() says about itself.

    `code` is the first thing it calls that is neither Alembic nor SQLAlchemy, or a reason why
    nothing can be told. `calls` are the operations with literal arguments; `created` are those
    of upgrade() that create constraints without a name.
    """

    refusal: Refusal | None = None
    does_nothing: bool = False
    code: str = ""
    calls: tuple[Literal, ...] = ()
    unnamed: tuple[Literal, ...] = ()
    created: tuple[Literal, ...] = field(default=(), repr=False)


def read(path: Path, given: Mapping[str, object] | None = None) -> Undoing:
    """Read a revision file; what has no source is not known.

    `given` is what env.py gives to upgrade() and downgrade().
    """
    try:
        text = path.read_bytes()
        tree = ast.parse(text)
    except (OSError, SyntaxError, ValueError):
        return Undoing(code="a file without source")
    functions = {each.name: each for each in tree.body if isinstance(each, ast.FunctionDef)}
    down, up = (_meant(functions, each, given or {}) for each in ("downgrade", "upgrade"))
    if down is None:
        return Undoing(code="a downgrade() that is defined elsewhere")
    source = text.decode("utf-8", "replace")
    calls = tuple(_calls(down, source))
    return Undoing(
        refusal=_refusal(down),
        does_nothing=_is_empty(down) and (up is None or not _is_empty(up)),
        code=first_code(tree, down),
        calls=tuple(each for each in calls if each.name in _READ),
        unnamed=tuple(each for each in calls if each.name == "drop_constraint" and _no_name(each)),
        created=tuple(each for each in (_calls(up, source) if up else ()) if _no_name(each)),
    )


def _meant(
    functions: Mapping[str, ast.FunctionDef], name: str, given: Mapping[str, object]
) -> ast.FunctionDef | None:
    """The function of that name, or the one for a database to which it only leads.

    Alembic's multidb template does that: `globals()["upgrade_%s" % engine_name]()`.
    """
    function = functions.get(name)
    match function.body if function is not None else []:
        case [ast.Expr(ast.Call(ast.Subscript(ast.Call(ast.Name("globals")), key), [], []))]:
            return functions.get(_filled(key, given), function)
    return function


def _filled(key: ast.expr, given: Mapping[str, object]) -> str:
    """A text with the one name it depends on put in; empty where it is another expression."""
    match key:
        case ast.BinOp(ast.Constant(str(text)), ast.Mod(), ast.Name(name)) if name in given:
            return text.replace("%s", str(given[name]))
        case ast.JoinedStr(parts):
            return "".join(_filled(each, given) for each in parts)
        case ast.FormattedValue(ast.Name(name)) if name in given:
            return str(given[name])
        case ast.Constant(str(text)):
            return text
    return ""


def _is_empty(function: ast.FunctionDef) -> bool:
    """Nothing but a docstring, `pass` and a bare return."""
    return all(
        isinstance(each, ast.Pass)
        or (isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant))
        or (isinstance(each, ast.Return) and each.value is None)
        for each in function.body
    )


def _refusal(function: ast.FunctionDef) -> Refusal | None:
    for each in function.body:
        if isinstance(each, ast.Return):
            return None
        if isinstance(each, ast.Raise) and each.exc is not None:
            return Refusal(each.lineno, _words(each.exc))
    return None


def _words(raised: ast.expr) -> str:
    """What an exception will say, as far as it is written out; else its name."""
    if isinstance(raised, ast.Call):
        for argument in raised.args:
            if text := _text(argument):
                return text
        raised = raised.func
    return ast.unparse(raised)


def _text(argument: ast.expr) -> str:
    if isinstance(argument, ast.JoinedStr):
        parts = (
            str(each.value) if isinstance(each, ast.Constant) else "…" for each in argument.values
        )
        return " ".join("".join(parts).split())
    if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
        return " ".join(argument.value.split())
    return ""


def _calls(function: ast.FunctionDef, source: str) -> Iterator[Literal]:
    """Every call of an operation whose arguments are literal, in the order of the file."""
    batches = dict(_batches(function))
    found = [each for each in ast.walk(function) if isinstance(each, ast.Call)]
    for call in sorted(found, key=lambda each: (each.lineno, each.col_offset)):
        owner, name = _operation(call)
        if owner != "op" and owner not in batches:
            continue
        try:
            arguments = [_value(each) for each in call.args]
            named = {each.arg or "": _value(each.value) for each in call.keywords}
        except ValueError:
            continue
        if batch := batches.get(owner):
            arguments, named = _of_batch(name, arguments, named, batch)
        text = " ".join((ast.get_source_segment(source, call) or "").split())
        yield Literal(name, tuple(arguments), named, call.lineno, text)


def _operation(call: ast.Call) -> tuple[str, str]:
    """What a call is called on, and its name: `op` and `drop_table`."""
    match call.func:
        case ast.Attribute(value=ast.Name(id=owner), attr=name):
            return owner, name
    return "", ""


def _of_batch(
    name: str, arguments: list[Any], named: dict[str, Any], batch: tuple[str, str | None]
) -> tuple[list[Any], dict[str, Any]]:
    """The same operation as `op` has it, which is told its table."""
    table, schema = batch
    place = 1 if name in _CONSTRAINTS else 0
    return [*arguments[:place], table, *arguments[place:]], {**named, "schema": schema}


def _batches(function: ast.FunctionDef) -> Iterator[tuple[str, tuple[str, str | None]]]:
    """The names that stand for `batch_alter_table` of a table."""
    for node in ast.walk(function):
        for item in node.items if isinstance(node, ast.With) else ():
            call, name = item.context_expr, item.optional_vars
            if not (isinstance(call, ast.Call) and isinstance(name, ast.Name)):
                continue
            if isinstance(call.func, ast.Attribute) and call.func.attr == "batch_alter_table":
                try:
                    values = [_value(each) for each in call.args]
                    named = {each.arg: _value(each.value) for each in call.keywords}
                except ValueError:
                    continue
                table = values[0] if values else named.get("table_name")
                yield name.id, (str(table), named.get("schema"))


def _value(node: ast.expr) -> Any:
    """A literal, also inside op.f() and text(); raises ValueError for anything else."""
    if isinstance(node, ast.Call) and len(node.args) == 1 and not node.keywords:
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        if name in ("f", "text"):
            return _value(node.args[0])
    return ast.literal_eval(node)


def _no_name(call: Literal) -> bool:
    """Whether the name of the constraint, which comes first, is None."""
    if call.name not in _CONSTRAINTS:
        return False
    if call.arguments:
        return call.arguments[0] is None
    return "constraint_name" in call.named and call.named["constraint_name"] is None
