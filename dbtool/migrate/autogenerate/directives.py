"""Hand the changes to env.py's hooks as Alembic's own operations, and write what they leave."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from alembic.autogenerate import RevisionContext
from alembic.autogenerate.api import AutogenContext
from alembic.autogenerate.render import render_op_text
from alembic.operations import Operations, ops
from alembic.runtime.migration import MigrationContext

from dbtool.errors import OperationError
from dbtool.migrate.autogenerate.proposed import Piece
from dbtool.migrate.importing import modules

_MARGIN = "    "


class Written(ops.MigrateOperation):
    """A change that none of Alembic's operations says; hooks may move or drop it."""

    def __init__(self, code: str) -> None:
        self.code = code


@dataclass(slots=True)
class _Offered:
    """A piece of code as the operations a hook was shown, and how each of them looked."""

    piece: Piece
    operations: list[ops.MigrateOperation]
    looks: list[str]


@dataclass(slots=True)
class Directives:
    """The operations of one comparison, from before the hooks until they are written."""

    comparison: RevisionContext
    offered: list[_Offered] = field(default_factory=list)
    _contexts: dict[int, MigrationContext] = field(default_factory=dict)

    def offer(
        self,
        at: tuple[str, ...],
        context: MigrationContext,
        up: Sequence[Piece],
        down: Sequence[Piece],
    ) -> None:
        """Show the operations of one of env.py's contexts to its hook."""
        hook = context.opts["process_revision_directives"]
        context.opts["process_revision_directives"] = None
        self.comparison.run_no_autogenerate(at, context)
        context.opts["process_revision_directives"] = hook
        if not self.comparison.generated_revisions:
            return  # the hook emptied them for an earlier context
        script = self.comparison.generated_revisions[-1]
        for container, pieces in (
            (script.upgrade_ops_list[-1], up),
            (script.downgrade_ops_list[-1], down),
        ):
            self._contexts[id(container)] = context
            container.ops = [each for piece in pieces for each in self._operations(context, piece)]
        if hook is not None:
            try:
                hook(context, at, self.comparison.generated_revisions)
            except Exception as error:
                raise _broken(error) from error

    def _operations(
        self, context: MigrationContext, piece: Piece
    ) -> Iterator[ops.MigrateOperation]:
        made = recorded(context, piece)
        self.offered.append(_Offered(piece, made, [_look(context, each) for each in made]))
        tables = {_table_of(each) for each in made}
        if len(tables) == 1 and (table := tables.pop()) is not None:
            yield ops.ModifyTableOps(table[1], made, schema=table[0])
        else:
            yield from made

    def texts(self) -> Iterator[tuple[ops.MigrationScript, dict[str, str]]]:
        """Each revision the hooks left, with what its template is to be filled with."""
        last = next(reversed(self._contexts.values()), None)
        for script in self.comparison.generated_revisions:
            imports = set(script.imports or ())
            filled: dict[str, str] = {}
            for container in (*script.upgrade_ops_list, *script.downgrade_ops_list):
                context = self._contexts.get(id(container), last)
                token = _token(container)
                assert context is not None
                lines = [*self._lines(container, context, imports)]
                known = filled.get(token, "").split("\n\n") if token in filled else []
                filled[token] = "\n\n".join(dict.fromkeys([*known, *lines]))
            yield (
                script,
                {
                    **{key: _indented(text) for key, text in filled.items()},
                    "imports": "\n".join(sorted(imports)),
                },
            )

    def _lines(
        self, container: ops.OpContainer, context: MigrationContext, imports: set[str]
    ) -> Iterator[str]:
        leaves = [*_leaves(container.ops)]
        there = {id(each) for each in leaves}
        of = {id(op): each for each in self.offered for op in each.operations}
        done: set[int] = set()
        for leaf in leaves:
            offered = of.get(id(leaf))
            if offered is not None and _is_intact(offered, there, context):
                if id(offered) not in done:
                    done.add(id(offered))
                    imports.update(offered.piece.imports)
                    yield _commented(offered.piece)
            else:
                autogen = AutogenContext(context, autogenerate=False)
                text = leaf.code if isinstance(leaf, Written) else render_op_text(autogen, leaf)
                imports.update(autogen.imports or ())
                yield text.rstrip()

    @property
    def is_empty(self) -> bool:
        """Whether the hooks have left no operation."""
        scripts = self.comparison.generated_revisions
        return not any(tuple(_leaves(one.ops)) for each in scripts for one in each.upgrade_ops_list)

    def kept(self) -> set[str]:
        """The titles of the changes that the hooks left as they were, or changed."""
        scripts = self.comparison.generated_revisions
        containers = [each for script in scripts for each in script.upgrade_ops_list]
        there = {id(leaf) for each in containers for leaf in _leaves(each.ops)}
        return {e.piece.title for e in self.offered if any(id(op) in there for op in e.operations)}


def recorded(context: MigrationContext, piece: Piece) -> list[ops.MigrateOperation]:
    """The operations a piece of code calls, as Alembic's objects."""
    recorder = _Recorder(context)
    names: dict[str, Any] = {"op": recorder}
    try:
        exec("\n".join(("import sqlalchemy as sa", *piece.imports)), names)
        for module in modules(piece.code, {"op", "sa", *names}):
            names[module.partition(".")[0]] = import_module(module.partition(".")[0])
            import_module(module)
        exec(piece.code, names)
    except Exception:  # a type of the team's own may need anything
        return [Written(piece.code)]
    return recorder.found or [Written(piece.code)]


class _Recorder(Operations):
    """Takes note of operations instead of running them."""

    def __init__(self, context: MigrationContext) -> None:
        super().__init__(context)
        self.found: list[ops.MigrateOperation] = []

    def invoke(self, operation: ops.MigrateOperation) -> Any:
        self.found.append(operation)

    def get_context(self) -> Any:
        return _Outside()


class _Outside:
    """Stands in for the context: a block outside of the transaction is part of the code."""

    def autocommit_block(self) -> AbstractContextManager[None]:
        return nullcontext()


def _is_intact(offered: _Offered, there: set[int], context: MigrationContext) -> bool:
    """Whether a hook has left all of it, unchanged."""
    if not all(id(each) in there for each in offered.operations):
        return False
    return [_look(context, each) for each in offered.operations] == offered.looks


def _look(context: MigrationContext, operation: ops.MigrateOperation) -> str:
    if isinstance(operation, Written):
        return operation.code
    try:
        return render_op_text(AutogenContext(context, autogenerate=False), operation)
    except Exception:  # a team's own renderer may fail in any way
        return ""


def _leaves(operations: Iterable[ops.MigrateOperation]) -> Iterator[ops.MigrateOperation]:
    for each in operations:
        if isinstance(each, ops.OpContainer):
            yield from _leaves(each.ops)
        else:
            yield each


def _table_of(operation: Any) -> tuple[str | None, str] | None:
    """The table that an operation changes; None for one that makes or drops a table, or is SQL."""
    if isinstance(operation, ops.CreateTableOp | ops.DropTableOp | ops.RenameTableOp):
        return None
    name = getattr(operation, "table_name", None) or getattr(operation, "source_table", None)
    return (getattr(operation, "schema", None), str(name)) if name else None


def _token(container: Any) -> str:
    return str(getattr(container, "upgrade_token", None) or container.downgrade_token)


def _commented(piece: Piece) -> str:
    title = " ".join(piece.title.split())
    return f"{comment(title)}\n{piece.code.rstrip()}" if title else piece.code.rstrip()


def comment(title: str) -> str:
    """The line above the code of a change."""
    return f"# {title}"


def _indented(text: str) -> str:
    """Lines as far in as the template's functions are; the first is where the template puts it."""
    lines = [f"{_MARGIN}{line}" if line.strip() else "" for line in text.splitlines()]
    return "\n".join(lines).strip() or "pass"


def _broken(error: Exception) -> OperationError:
    return OperationError(
        "process_revision_directives of env.py failed",
        detail=f"{type(error).__name__}: {error}",
        hint="It is given a MigrationScript with upgrade_ops and downgrade_ops, as by Alembic.",
    )
