"""What only Alembic, or a library beside it, can tell of a change: its operations as pieces."""

from collections.abc import Iterator

from alembic.autogenerate import RevisionContext
from alembic.autogenerate.render import render_op_text
from alembic.operations import ops
from alembic.runtime.migration import MigrationContext

from dbtool.migrate.autogenerate.proposed import Proposed, proposed
from dbtool.migrate.compare import differences
from dbtool.migrate.difference import Difference
from dbtool.migrate.verbatim import verbatim


def changes(comparison: RevisionContext, context: MigrationContext) -> Iterator[Proposed]:
    """The operations of Alembic's own comparison, each with its way back."""
    containers = (each.upgrade_ops_list for each in comparison.generated_revisions)
    leaves = [leaf for lists in containers for each in lists for leaf in _leaves(each)]
    for difference, leaf in zip(differences(comparison, context), leaves, strict=True):
        code, imports = _written(leaf, context)
        said = Difference(
            difference.kind, difference.name, difference.text, code, difference.drops, None, None,
            imports,
        )  # fmt: skip
        yield proposed(said, _undo(leaf, context))


def _leaves(container: ops.OpContainer) -> Iterator[ops.MigrateOperation]:
    for each in container.ops:
        if isinstance(each, ops.OpContainer):
            yield from _leaves(each)
        elif not isinstance(each, ops.AlterColumnOp) or each.has_changes():
            yield each


def _written(
    operation: ops.MigrateOperation, context: MigrationContext
) -> tuple[str, tuple[str, ...]]:
    autogen = verbatim(context)
    try:
        text = render_op_text(autogen, operation)
    except Exception:  # a team's own renderer may fail in any way
        return "", ()
    return text.strip(), tuple(sorted(autogen.imports or ()))


def _undo(operation: ops.MigrateOperation, context: MigrationContext) -> str:
    try:
        return _written(operation.reverse(), context)[0]
    except Exception:  # an operation need not know its way back
        return ""
