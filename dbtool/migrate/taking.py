"""Which data statements take away: tables, columns, rows, by their names of before the run."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import postgast
from google.protobuf.message import DecodeError
from postgast import pg_query_pb2 as pb

Name = tuple[str, str]
"""Schema and name; the schema is empty where the statement names none."""

_DROPS = {
    pb.OBJECT_TABLE: "table",
    pb.OBJECT_MATVIEW: "materialized view",
    pb.OBJECT_SEQUENCE: "sequence",
}


@dataclass(frozen=True, slots=True)
class Taken:
    """Something that holds data, and what becomes of it.

    `kind` is table, materialized view, sequence, schema, type, column, conversion (of a
    column), rows or values. `some` says that a condition chooses among the rows; `how` is the
    statement's own word where the kind does not tell.
    """

    kind: str
    name: Name
    column: str = ""
    cascade: bool = False
    some: bool = False
    how: str = ""


class Taking:
    """Reads the statements of one run after the other, and follows what they rename.

    Names are looked up before the run: those without a schema are not known once one of these
    statements sets the search_path.
    """

    def __init__(self) -> None:
        self._tables: dict[Name, Name] = {}
        self._columns: dict[tuple[Name, str], str] = {}
        self._moved = ""
        self.unknown = ""

    def read(self, statements: Iterable[str]) -> tuple[Taken, ...]:
        """What each of these takes away; `unknown` then says what of them cannot be read."""
        self.unknown = ""
        return tuple(each for sql in statements for each in self._read(sql))

    def _read(self, sql: str) -> Iterator[Taken]:
        try:
            parsed = postgast.parse(sql)
        except (postgast.PgQueryError, DecodeError):
            self.unknown = self.unknown or f"a statement that cannot be read: {_excerpt(sql)}"
            return
        for each in parsed.stmts:
            taken = dict.fromkeys(map(self._as_before, self._taken(each.stmt, sql)))
            if self._moved and any(map(_is_found_by_path, taken)):
                self.unknown = self.unknown or f"names found by another search_path: {self._moved}"
            if _moves(each.stmt):
                self._moved = _excerpt(sql)
            yield from taken

    def _taken(self, node: pb.Node, sql: str) -> Iterator[Taken]:
        match node.WhichOneof("node"):
            case "drop_stmt":
                yield from _dropped(node.drop_stmt)
            case "alter_table_stmt":
                yield from _altered(node.alter_table_stmt)
            case "truncate_stmt":
                cascade = node.truncate_stmt.behavior == pb.DROP_CASCADE
                for each in node.truncate_stmt.relations:
                    yield Taken("rows", _name(each.range_var), cascade=cascade, how="TRUNCATE")
            case "rename_stmt":
                self._rename(node.rename_stmt)
            case "alter_object_schema_stmt":
                moved = node.alter_object_schema_stmt
                old = _name(moved.relation)
                self._tables[moved.newschema, old[1]] = self._tables.pop(old, old)
            case "do_stmt" | "call_stmt":
                self.unknown = self.unknown or f"code inside the server: {_excerpt(sql)}"
        for _, message in postgast.walk(node):
            yield from _written(message)

    def _rename(self, statement: pb.RenameStmt) -> None:
        old = _name(statement.relation)
        if statement.rename_type == pb.OBJECT_TABLE:
            self._tables[old[0], statement.newname] = self._tables.pop(old, old)
        if statement.rename_type == pb.OBJECT_COLUMN:
            table = self._tables.get(old, old)
            before = self._columns.pop((table, statement.subname), statement.subname)
            self._columns[table, statement.newname] = before

    def _as_before(self, taken: Taken) -> Taken:
        table = self._tables.get(taken.name, taken.name)
        return replace(
            taken, name=table, column=self._columns.get((table, taken.column), taken.column)
        )


def _dropped(statement: pb.DropStmt) -> Iterator[Taken]:
    cascade = statement.behavior == pb.DROP_CASCADE
    kind = _DROPS.get(statement.remove_type)
    for each in statement.objects:
        if kind is not None:
            yield Taken(kind, _dotted(each.list.items), cascade=cascade)
        elif statement.remove_type == pb.OBJECT_SCHEMA and cascade:
            yield Taken("schema", ("", each.string.sval), cascade=True)
        elif statement.remove_type == pb.OBJECT_TYPE and cascade:
            yield Taken("type", _dotted(each.type_name.names), cascade=True)


def _altered(statement: pb.AlterTableStmt) -> Iterator[Taken]:
    name = _name(statement.relation)
    for each in statement.cmds:
        command = each.alter_table_cmd
        if command.subtype == pb.AT_DropColumn:
            cascade = command.behavior == pb.DROP_CASCADE
            yield Taken("column", name, command.name, cascade=cascade)
        if command.subtype == pb.AT_AlterColumnType:
            yield Taken("conversion", name, command.name, how=_type(command))


def _written(message: object) -> Iterator[Taken]:
    """Rows that are deleted or overwritten, wherever in the statement."""
    match message:
        case pb.DeleteStmt():
            some = message.HasField("where_clause")
            yield Taken("rows", _name(message.relation), some=some, how="DELETE")
        case pb.UpdateStmt():
            some = message.HasField("where_clause")
            yield Taken("values", _name(message.relation), some=some, how="UPDATE")


def _is_found_by_path(taken: Taken) -> bool:
    return taken.kind != "schema" and not taken.name[0]


def _moves(node: pb.Node) -> bool:
    """Whether names without a schema may be found elsewhere from here on."""
    if node.WhichOneof("node") == "variable_set_stmt":
        named: str = node.variable_set_stmt.name
        return node.variable_set_stmt.kind == pb.VAR_RESET_ALL or named == "search_path"
    calls = (each for _, each in postgast.walk(node) if isinstance(each, pb.FuncCall))
    return any(map(_may_set_path, calls))


def _may_set_path(call: pb.FuncCall) -> bool:
    if call.funcname[-1].string.sval != "set_config" or not call.args:
        return False
    setting = call.args[0].a_const
    name: str = setting.sval.sval
    return not setting.HasField("sval") or name.lower() == "search_path"


def _type(command: pb.AlterTableCmd) -> str:
    """The new type as SQL, by way of a cast to it."""
    cast = pb.Node()
    cast.type_cast.type_name.CopyFrom(getattr(command, "def").column_def.type_name)
    cast.type_cast.arg.a_const.isnull = True
    select = pb.ParseResult()
    select.stmts.add().stmt.select_stmt.target_list.add().res_target.val.CopyFrom(cast)
    try:
        return str(postgast.deparse(select)).removeprefix("SELECT NULL::").strip()
    except postgast.PgQueryError:
        return "another type"


def _name(relation: pb.RangeVar) -> Name:
    return relation.schemaname, relation.relname


def _dotted(nodes: object) -> Name:
    parts = [each.string.sval for each in nodes]  # type: ignore[attr-defined]
    return (parts[-2] if len(parts) > 1 else "", parts[-1])


def _excerpt(sql: str) -> str:
    text = " ".join(sql.split())
    return text if len(text) <= 60 else f"{text[:59]}…"
