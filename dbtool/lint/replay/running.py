"""Whether a statement runs functions that may create or drop something, by whatever way."""

import re
from collections.abc import Iterable, Iterator

from dbtool.lint import actions as act
from dbtool.lint.schema import Function, Name, Schema, Table

_VERBS = (
    "create|add|drop|alter|attach|detach|rename|execute|exec|run|install"
    "|upgrade|migrate|undistribute|partition"
)
_CHANGING = re.compile(rf"(?:{_VERBS})_?", re.I)
"""How the names of functions begin that extensions bring to change tables."""
_CALLED = re.compile(
    rf"(?:[(,=]|\b(?:select|perform|from|if|then|return)\b)\s*(?:\w+\.)?(?:{_VERBS})\w*\s*\(", re.I
)
_AT_ONCE = frozenset(
    {
        act.Write,
        act.CreateTableAs,
        act.Select,
        act.RefreshView,
        act.DoBlock,
        act.AddColumn,
        act.AlterColumnType,
        act.AddConstraint,
        act.CreateIndex,
        act.CreateType,
        act.AlterDomain,
    }
)
_LATER = (act.CreateTrigger, act.CreateRule, act.Policy, act.SetDefault, act.CreateTable)
BY_EXTENSIONS = frozenset({act.Write, act.CreateTableAs, act.DoBlock, act.RefreshView})
"""What may run a function of an extension without a query of its own."""
ANY = Name("", "")
"""Stands among what is armed for every table."""


def run(schema: Schema, action: act.Action, sql: str) -> None:
    """Note what a statement may have run, or what changes of rows will run from now on."""
    kind = type(action)
    if schema.doubted or not (kind in _AT_ONCE or kind in _LATER or kind is act.CreateView):
        return
    if isinstance(action, act.CreateView):
        if calls_changing(schema, sql) or _reads_armed(schema, action.reads):
            arm(schema, action.view)
    elif kind in _AT_ONCE:
        schema.doubted = _sets_off(schema, action, sql) or calls_changing(schema, sql)
    elif isinstance(action, _LATER) and (
        calls_changing(schema, sql) or _like_armed(schema, action)
    ):
        arm(schema, action.table)


def arm(schema: Schema, name: Name) -> None:
    """Remember that using a relation runs what may change anything."""
    found = schema.table(name) or schema.view(name)
    full = found.name if found is not None else name
    schema.put(schema.armed, full, True)


def calls_changing(schema: Schema, sql: str) -> bool:
    """Whether a text calls a function that may create or drop something."""
    text = sql.lower()
    for each in schema.functions.values():
        name = each.name.name.lower()
        if name in text and changes(schema, each) and _is_called(name, text):
            return True
    # The names of extensions' functions are looked at only where nobody knows such a one.
    return any(not _known(schema, each.group()) for each in _CALLED.finditer(text))


def _is_called(name: str, text: str) -> bool:
    return re.search(rf'(?<!\w){re.escape(name)}"?\s*\(', text) is not None


def _known(schema: Schema, call: str) -> bool:
    name = re.split(r"\W+", call.rstrip("( \t\r\n"))[-1]
    return any(each.name == name for each in schema.functions)


def changes(schema: Schema, function: Function) -> bool:
    """Whether it, or one that it calls, may create or drop something."""
    named: dict[str, list[Function]] = {}
    for each in schema.functions.values():
        named.setdefault(each.name.name, []).append(each)
    pending, seen = [function], {function.name}
    for each in pending:
        if each.changes or any(map(of_extension, each.calls.difference(named))):
            return True
        below = [one for name in each.calls for one in named.get(name, ())]
        pending += [one for one in below if one.name not in seen]
        seen.update(one.name for one in below)
    return False


def of_extension(name: str) -> bool:
    """Whether a function nobody has seen created may be one that changes tables."""
    return _CHANGING.match(name) is not None


def _sets_off(schema: Schema, action: act.Action, sql: str) -> bool:
    """Whether it changes or reads something that runs what may change anything."""
    if not schema.armed:
        return False
    match action:
        case act.Write(table=name):
            fired = any(each in schema.armed for each in (ANY, *_reached(schema, name)))
            # What else it reads is not noted, so that the name of a view has to do.
            return fired or any(each in schema.views and each.name in sql for each in schema.armed)
        case act.Select(reads=reads):
            return _reads_armed(schema, ((name, "") for name in reads))
        case act.CreateTableAs(reads=read):
            return _reads_armed(schema, read)
        case act.RefreshView(view=name):
            return _reads_armed(schema, [(name, "")])
    return False


def _reached(schema: Schema, name: Name) -> Iterator[Name]:
    """What a change of rows may set off: parts, wholes, and whoever refers to the table."""
    table = schema.table(name)
    if table is None:
        view = schema.view(name)
        yield view.name if view is not None else name
        return
    around: list[Table] = [*schema.family(table), *schema.referring(table)]
    seen = {table.name}
    while table is not None and table.parent is not None and table.parent not in seen:
        seen.add(table.parent)
        table = schema.table(table.parent)
        around += [table] if table is not None else []
    # A trigger may change the rows of any other table.
    yield from (next(iter(schema.armed)) for each in around if each.triggers)
    yield from (each.name for each in around)


def _reads_armed(schema: Schema, reads: Iterable[tuple[Name, str]]) -> bool:
    """Whether it reads a view whose query runs what may change anything."""
    found = (schema.view(name) for name, _ in reads) if schema.armed else ()
    return any(view is not None and view.name in schema.armed for view in found)


def _like_armed(schema: Schema, action: act.Action) -> bool:
    """Whether a new table takes the defaults of one that is armed."""
    sources = action.likes if isinstance(action, act.CreateTable) and schema.armed else ()
    tables = (schema.table(each.table) for each in sources)
    return any(table is not None and table.name in schema.armed for table in tables)
