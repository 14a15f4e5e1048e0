"""Hand the changes to env.py's hooks as Alembic's own operations, and write what they leave."""

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from alembic.autogenerate import RevisionContext
from alembic.autogenerate.render import render_op_text
from alembic.operations import ops
from alembic.runtime.migration import MigrationContext
from alembic.util import rev_id

from dbtool.errors import OperationError
from dbtool.migrate.autogenerate.proposed import Piece, Step
from dbtool.migrate.autogenerate.recorded import Written, recorded
from dbtool.migrate.revision import Wish
from dbtool.migrate.verbatim import verbatim

_MARGIN = "    "
_DEPLOY_NEXT = "# Deploy after this: what follows it waits for that."


@dataclass(slots=True)
class _Offered:
    """A piece of code as the operations a hook was shown, and how each of them looked."""

    piece: Piece
    operations: list[ops.MigrateOperation]
    looks: list[str]


@dataclass(frozen=True, slots=True)
class _Part:
    """One revision of a chain: what it is a part of, which one, and what it says above all."""

    whole: ops.MigrationScript
    step: Step
    above: str


@dataclass(slots=True)
class Directives:
    """The operations of one comparison, from before the hooks until they are written."""

    comparison: RevisionContext
    offered: list[_Offered] = field(default_factory=list)
    _contexts: dict[int, MigrationContext] = field(default_factory=dict)
    _parts: dict[int, _Part] = field(default_factory=dict)

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
            self._keep_together()

    def _keep_together(self) -> None:
        """What goes along with something that the hook keeps stays too, and its way back."""
        left = self.kept()
        titles = {each.piece.title for each in self.offered} - left - {""}
        alone = {id(op) for e in self.offered if e.piece.along in titles for op in e.operations}
        for script in self.comparison.generated_revisions if alone else ():
            for container in (*script.upgrade_ops_list, *script.downgrade_ops_list):
                _without(container, alone)

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
            part = self._parts.get(id(script))
            whole = part.whole if part is not None else script
            imports = set(script.imports or ())
            filled: dict[str, str] = {}
            for container in (*whole.upgrade_ops_list, *whole.downgrade_ops_list):
                context = self._contexts.get(id(container), last)
                token = _token(container)
                assert context is not None
                lines = [*self._lines(container, context, imports, part.step if part else None)]
                if lines and part is not None and container in whole.upgrade_ops_list:
                    lines = [part.above, *lines]
                known = filled.get(token, "").split("\n\n") if token in filled else []
                filled[token] = "\n\n".join(dict.fromkeys([*known, *lines]))
            yield (
                script,
                {
                    **{key: _indented(text) for key, text in filled.items()},
                    "imports": "\n".join(sorted(imports)),
                },
            )

    def part(self, needs: Mapping[Step, Sequence[str]], wish: Wish) -> None:
        """Let each step be a revision of its own, where there are several."""
        step_of = self._steps()
        for whole in [*self.comparison.generated_revisions]:
            leaves = [leaf for each in whole.upgrade_ops_list for leaf in _leaves(each.ops)]
            steps = sorted({step_of.get(id(leaf), Step.FIRST) for leaf in leaves})
            if len(steps) < 2:
                continue
            place = self.comparison.generated_revisions.index(whole)
            script = whole
            for number, step in enumerate(steps):
                if number:
                    script = _behind(whole, script, step, wish)
                    self.comparison.generated_revisions.insert(place + number, script)
                above = _said(needs[step]) if step in needs else _DEPLOY_NEXT
                self._parts[id(script)] = _Part(whole, step, above)

    def _steps(self) -> dict[int, Step]:
        return {id(op): each.piece.step for each in self.offered for op in each.operations}

    def is_late(self, revision: str) -> bool:
        """Whether a revision has to wait for a deploy."""
        scripts = [e for e in self.comparison.generated_revisions if e.rev_id == revision]
        parts = [self._parts[id(each)] for each in scripts if id(each) in self._parts]
        return any(each.step is not Step.FIRST for each in parts)

    def _lines(
        self,
        container: ops.OpContainer,
        context: MigrationContext,
        imports: set[str],
        step: Step | None = None,
    ) -> Iterator[str]:
        """The code of all that is left, or of one step."""
        step_of = self._steps()
        leaves = [*_leaves(container.ops)]
        there = {id(each) for each in leaves}
        of = {id(op): each for each in self.offered for op in each.operations}
        done: set[int] = set()
        for leaf in leaves:
            if step not in (None, step_of.get(id(leaf), Step.FIRST)):
                continue
            offered = of.get(id(leaf))
            if offered is not None and _is_intact(offered, there, context):
                if id(offered) not in done:
                    done.add(id(offered))
                    imports.update(offered.piece.imports)
                    yield _commented(offered.piece)
            else:
                autogen = verbatim(context)
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


def _behind(
    whole: ops.MigrationScript, before: ops.MigrationScript, step: Step, wish: Wish
) -> ops.MigrationScript:
    """An empty revision of a chain, behind another."""
    what = "after the deploy" if step is Step.LAST else "fill rows"
    return ops.MigrationScript(
        f"{wish.rev_id}_{step.name.lower()}" if wish.rev_id else rev_id(),
        ops.UpgradeOps([]),
        ops.DowngradeOps([]),
        message=f"{whole.message}, {what}" if whole.message else what,
        imports=set(whole.imports or ()),
        head=before.rev_id,
        version_path=whole.version_path,
    )


def _said(needs: Sequence[str]) -> str:
    """What a revision says of the deploy that has to come before it."""
    said = f"Deploy before this, and let nothing older run. The code has to {'; '.join(needs)}."
    lines = textwrap.wrap(said, 90, break_long_words=False, break_on_hyphens=False)
    return "\n".join(f"# {each}" for each in lines)


def _is_intact(offered: _Offered, there: set[int], context: MigrationContext) -> bool:
    """Whether a hook has left all of it, unchanged."""
    if not all(id(each) in there for each in offered.operations):
        return False
    return [_look(context, each) for each in offered.operations] == offered.looks


def _without(container: ops.OpContainer, operations: set[int]) -> None:
    """Take some operations out of a container, and out of those in it."""
    container.ops = [each for each in container.ops if id(each) not in operations]
    for each in container.ops:
        if isinstance(each, ops.OpContainer):
            _without(each, operations)


def _look(context: MigrationContext, operation: ops.MigrateOperation) -> str:
    if isinstance(operation, Written):
        return operation.code
    try:
        return render_op_text(verbatim(context), operation)
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
