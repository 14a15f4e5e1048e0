"""The statements that are not about the definition of one table, in the parser's tree."""

from collections.abc import Iterator
from typing import Literal

from postgast import pg_query_pb2 as pb

from dbtool.lint import actions as act
from dbtool.lint.read.columns import option
from dbtool.lint.read.expressions import expression, optional
from dbtool.lint.read.names import Node, made_as, name_of, persistence, words
from dbtool.lint.read.query import calls, reads
from dbtool.lint.schema import Expression, Name

_USUAL_PATH = '"$user", public'
_WORDS = {"matview": "materialized view", "tabconstraint": "constraint"}


def kind_of(number: int) -> str:
    """PostgreSQL's word for a kind of object."""
    word: str = pb.ObjectType.Name(number)[7:].lower()
    return _WORDS.get(word, word.replace("_", " "))


def object_name(node: Node) -> tuple[str, ...]:
    """The parts of the name of whatever is dropped, renamed or moved."""
    match node.WhichOneof("node"):
        case "list":
            return tuple(part for item in node.list.items for part in object_name(item))
        case "string":
            return (node.string.sval,)
        case "type_name":
            return words(node.type_name.names)
        case "object_with_args":
            return words(node.object_with_args.objname)
    return ()


def _as_name(parts: tuple[str, ...]) -> Name:
    return Name(parts[-2] if len(parts) > 1 else "", parts[-1] if parts else "")


def drop(node: Node) -> Iterator[act.Action]:
    """DROP."""
    kind = kind_of(node.remove_type)
    cascade = node.behavior == pb.DROP_CASCADE
    named = [object_name(each) for each in node.objects]
    beside = tuple(map(_as_name, named)) if len(named) > 1 else ()
    for parts in dict.fromkeys(named):
        if kind == "index":
            yield act.DropIndex(
                index=_as_name(parts),
                concurrently=node.concurrent,
                cascade=cascade,
                if_exists=node.missing_ok,
            )
        else:
            of_table = kind in ("trigger", "rule", "policy")
            yield act.Drop(
                kind=kind,
                name=_as_name(parts[:-1] if of_table else parts),
                part=parts[-1] if of_table and parts else "",
                cascade=cascade,
                if_exists=node.missing_ok,
                beside=beside,
            )


def rename(node: Node) -> Iterator[act.Action]:
    """RENAME of anything."""
    kind = kind_of(node.rename_type)
    if node.HasField("relation"):
        name = name_of(node.relation)
    else:
        name = _as_name(object_name(node.object))
    if kind == "schema":
        name = Name("", node.subname)
    yield act.Rename(
        kind=kind, name=name, to=node.newname, part=node.subname, if_exists=node.missing_ok
    )


def set_schema(node: Node) -> Iterator[act.Action]:
    """ALTER … SET SCHEMA."""
    relation = node.HasField("relation")
    name = name_of(node.relation) if relation else _as_name(object_name(node.object))
    yield act.SetSchema(
        kind=kind_of(node.object_type),
        name=name,
        schema=node.newschema,
        if_exists=node.missing_ok,
    )


def create_view(node: Node) -> Iterator[act.Action]:
    """CREATE VIEW."""
    yield act.CreateView(view=made_as(node.view), reads=reads(node.query), replace=node.replace)


def refresh(node: Node) -> Iterator[act.Action]:
    """REFRESH MATERIALIZED VIEW."""
    yield act.RefreshView(
        view=name_of(node.relation), concurrently=node.concurrent, with_data=not node.skip_data
    )


def create_trigger(node: Node) -> Iterator[act.Action]:
    """CREATE TRIGGER."""
    yield act.CreateTrigger(
        table=name_of(node.relation),
        name=node.trigname,
        replace=node.replace,
        columns=words(node.columns),
        references=name_of(node.constrrel) if node.HasField("constrrel") else None,
    )


def create_sequence(node: Node) -> Iterator[act.Action]:
    """CREATE SEQUENCE."""
    owner = _owner(node.options)
    yield act.CreateSequence(
        sequence=made_as(node.sequence), if_not_exists=node.if_not_exists, owner=owner
    )


def alter_sequence(node: Node) -> Iterator[act.Action]:
    """ALTER SEQUENCE, of which it matters here whose it is."""
    if any(each.def_elem.defname == "owned_by" for each in node.options):
        yield act.OwnSequence(sequence=name_of(node.sequence), owner=_owner(node.options))
    else:
        yield act.Other(kind="alter_seq")


def _owner(options: Node) -> tuple[Name, str] | None:
    """The table and column of OWNED BY; None for OWNED BY NONE."""
    for each in options:
        if each.def_elem.defname == "owned_by":
            *table, column = words(each.def_elem.arg.list.items)
            return (_as_name(tuple(table)), column) if table else None
    return None


def policy(node: Node, change: Literal["create", "alter"]) -> Iterator[act.Action]:
    """CREATE and ALTER POLICY."""
    using, check = optional(node, "qual"), optional(node, "with_check")
    yield act.Policy(
        table=name_of(node.table),
        name=node.policy_name,
        change=change,
        using=using.columns if using else None,
        check=check.columns if check else None,
    )


def create_rule(node: Node) -> Iterator[act.Action]:
    """CREATE RULE."""
    yield act.CreateRule(table=name_of(node.relation), name=node.rulename)


def reindex(node: Node) -> Iterator[act.Action]:
    """REINDEX."""
    kind = pb.ReindexObjectType.Name(node.kind)[15:].lower()
    name = name_of(node.relation) if node.HasField("relation") else Name("", node.name)
    concurrently = option(node.params, "concurrently")
    yield act.Reindex(
        kind=kind,
        name=name,
        concurrently=concurrently is not None and concurrently not in ("false", "off", "0"),
    )


def vacuum(node: Node) -> Iterator[act.Action]:
    """VACUUM and ANALYZE."""
    full = option(node.options, "full")
    command: Literal["vacuum", "vacuum full", "analyze"] = "analyze"
    if node.is_vacuumcmd:
        command = "vacuum" if full in (None, "false", "off", "0") else "vacuum full"
    if not node.rels:
        yield act.Maintain(command=command)
    for each in node.rels:
        yield act.Maintain(command=command, table=name_of(each.vacuum_relation.relation))


def cluster(node: Node) -> Iterator[act.Action]:
    """CLUSTER."""
    table = name_of(node.relation) if node.HasField("relation") else None
    yield act.Maintain(command="cluster", table=table)


def truncate(node: Node) -> Iterator[act.Action]:
    """TRUNCATE."""
    tables = tuple(name_of(each.range_var) for each in node.relations)
    for table in tables:
        yield act.Truncate(table=table, cascade=node.behavior == pb.DROP_CASCADE, beside=tables)


def lock(node: Node) -> Iterator[act.Action]:
    """LOCK TABLE."""
    for each in node.relations:
        yield act.LockTable(table=name_of(each.range_var), mode=node.mode)


def select(node: Node) -> Iterator[act.Action]:
    """A query, or SELECT INTO."""
    if node.HasField("into_clause"):
        yield act.CreateTableAs(
            table=made_as(node.into_clause.rel),
            persistence=persistence(node.into_clause.rel),
            tablespace=node.into_clause.table_space_name,
            reads=reads(node),
        )
        return
    first = expression(node.target_list[0].res_target.val) if node.target_list else None
    path = search_path_set(first.word, first.parts) if first else None
    if path is not None:
        yield act.SetVariable(name="search_path", value=path)
        return
    relations = (each.range_var for each in node.from_clause if each.HasField("range_var"))
    yield act.Select(
        reads=frozenset(name_of(each) for each in relations),
        functions=calls(node),
        locking=len(node.locking_clause) > 0,
    )


def search_path_set(function: str, arguments: tuple[Expression, ...]) -> str | None:
    """The path that a call of set_config sets, as dumps do."""
    if function != "set_config" or len(arguments) < 2 or arguments[0].word != "'search_path'":
        return None
    return arguments[1].word.strip("'")


def set_variable(node: Node) -> Iterator[act.Action]:
    """SET and RESET."""
    values = [expression(each).word for each in node.args]
    reset = node.kind in (pb.VAR_SET_DEFAULT, pb.VAR_RESET, pb.VAR_RESET_ALL)
    name = "search_path" if node.kind == pb.VAR_RESET_ALL else node.name.lower()
    value = ", ".join(each[1:-1] if each[:1] == "'" else each for each in values)
    yield act.SetVariable(
        name=name,
        value=_USUAL_PATH if reset and name == "search_path" else value,
        local=node.is_local,
    )


def transaction(node: Node) -> Iterator[act.Action]:
    """BEGIN, COMMIT and the like."""
    command = pb.TransactionStmtKind.Name(node.kind)[11:].lower().replace("_", " ")
    yield act.Transaction(command="begin" if command == "start" else command)


def statistics(node: Node) -> Iterator[act.Action]:
    """CREATE STATISTICS."""
    for each in node.relations:
        if each.HasField("range_var"):
            yield act.AlterTable(table=name_of(each.range_var), change="statistics object")


def publication(node: Node) -> Iterator[act.Action]:
    """CREATE and ALTER PUBLICATION, as far as they name tables."""
    yield act.Other(kind="publication")
    for each in node.pubobjects:
        table = each.publication_obj_spec.pubtable
        if table.HasField("relation"):
            yield act.AlterTable(table=name_of(table.relation), change="publication")


def grant(node: Node) -> Iterator[act.Action]:
    """GRANT and REVOKE."""
    tables = (each.range_var for each in node.objects if each.HasField("range_var"))
    yield act.Grant(tables=tuple(map(name_of, tables)), revoke=not node.is_grant)


def comment(node: Node) -> Iterator[act.Action]:
    """COMMENT ON."""
    parts = object_name(node.object)
    on_table = node.objtype in (pb.OBJECT_TABLE, pb.OBJECT_VIEW, pb.OBJECT_MATVIEW)
    on_part = node.objtype == pb.OBJECT_COLUMN
    table = _as_name(parts if on_table else parts[:-1]) if on_table or on_part else None
    yield act.Comment(table=table)
