"""Let an action change the replayed catalog."""

from collections.abc import Callable
from typing import Any

from dbtool.lint import actions as act
from dbtool.lint.replay import columns, constraints, creating, others, renaming, sequences
from dbtool.lint.replay.running import BY_EXTENSIONS, run
from dbtool.lint.schema import Schema


def apply(schema: Schema, action: act.Action, sql: str) -> None:
    """Change the catalog as the server's would change by an action of a statement."""
    change = _CHANGES.get(type(action))
    if change is not None:
        change(schema, action)
    if schema.functions or type(action) in BY_EXTENSIONS:
        run(schema, action, sql)


# Each function takes the action it stands beside: one type per entry, which no type can say.
_CHANGES: dict[type, Callable[[Schema, Any], None]] = {
    act.CreateTable: creating.create,
    act.CreateTableAs: creating.create_as,
    act.AddColumn: columns.add,
    act.DropColumn: columns.drop,
    act.AlterColumnType: columns.set_type,
    act.SetDefault: columns.set_default,
    act.SetNotNull: columns.set_not_null,
    act.DropNotNull: columns.drop_not_null,
    act.SetExpression: columns.set_expression,
    act.ChangeIdentity: columns.change_identity,
    act.AddConstraint: constraints.add,
    act.AlterConstraint: constraints.alter,
    act.ValidateConstraint: constraints.validate,
    act.DropConstraint: constraints.drop,
    act.AlterTable: others.alter_table,
    act.CreateIndex: others.create_index,
    act.DropIndex: others.drop_index,
    act.Drop: others.drop,
    act.Rename: renaming.rename,
    act.SetSchema: renaming.set_schema,
    act.CreateType: others.create_type,
    act.AddEnumValue: others.add_enum_value,
    act.AlterDomain: others.alter_domain,
    act.CreateView: others.create_view,
    act.CreateFunction: others.create_function,
    act.AlterFunction: others.alter_function,
    act.CreateSequence: sequences.create,
    act.OwnSequence: sequences.own,
    act.CreateTrigger: others.create_trigger,
    act.Policy: others.policy,
    act.Inherit: others.inherit,
    act.AttachPartition: others.attach,
    act.DetachPartition: others.detach,
    act.AttachIndex: others.attach_index,
    act.DoBlock: others.run_block,
    act.Select: others.call,
    act.Transaction: others.transaction,
    act.Other: others.other,
    act.SetVariable: others.set_variable,
}
