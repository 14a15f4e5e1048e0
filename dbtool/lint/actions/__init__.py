"""What one statement does, in the words of a database team; one dataclass per kind of change."""

from dbtool.lint.actions.commands import Comment as Comment
from dbtool.lint.actions.commands import DoBlock as DoBlock
from dbtool.lint.actions.commands import Grant as Grant
from dbtool.lint.actions.commands import LockTable as LockTable
from dbtool.lint.actions.commands import Maintain as Maintain
from dbtool.lint.actions.commands import Other as Other
from dbtool.lint.actions.commands import Select as Select
from dbtool.lint.actions.commands import SetVariable as SetVariable
from dbtool.lint.actions.commands import TooDeep as TooDeep
from dbtool.lint.actions.commands import Transaction as Transaction
from dbtool.lint.actions.commands import Truncate as Truncate
from dbtool.lint.actions.commands import Unparsable as Unparsable
from dbtool.lint.actions.commands import Write as Write
from dbtool.lint.actions.commands import Writes as Writes
from dbtool.lint.actions.objects import AddEnumValue as AddEnumValue
from dbtool.lint.actions.objects import AlterDomain as AlterDomain
from dbtool.lint.actions.objects import AlterFunction as AlterFunction
from dbtool.lint.actions.objects import AlterType as AlterType
from dbtool.lint.actions.objects import AttachIndex as AttachIndex
from dbtool.lint.actions.objects import CreateFunction as CreateFunction
from dbtool.lint.actions.objects import CreateIndex as CreateIndex
from dbtool.lint.actions.objects import CreateRule as CreateRule
from dbtool.lint.actions.objects import CreateSequence as CreateSequence
from dbtool.lint.actions.objects import CreateTrigger as CreateTrigger
from dbtool.lint.actions.objects import CreateType as CreateType
from dbtool.lint.actions.objects import CreateView as CreateView
from dbtool.lint.actions.objects import DomainChange as DomainChange
from dbtool.lint.actions.objects import Drop as Drop
from dbtool.lint.actions.objects import DropIndex as DropIndex
from dbtool.lint.actions.objects import OwnSequence as OwnSequence
from dbtool.lint.actions.objects import Policy as Policy
from dbtool.lint.actions.objects import RefreshView as RefreshView
from dbtool.lint.actions.objects import Reindex as Reindex
from dbtool.lint.actions.objects import Rename as Rename
from dbtool.lint.actions.objects import SetSchema as SetSchema
from dbtool.lint.actions.tables import AddColumn as AddColumn
from dbtool.lint.actions.tables import AddConstraint as AddConstraint
from dbtool.lint.actions.tables import AlterColumnType as AlterColumnType
from dbtool.lint.actions.tables import AlterConstraint as AlterConstraint
from dbtool.lint.actions.tables import AlterTable as AlterTable
from dbtool.lint.actions.tables import AttachPartition as AttachPartition
from dbtool.lint.actions.tables import ChangeIdentity as ChangeIdentity
from dbtool.lint.actions.tables import CreateTable as CreateTable
from dbtool.lint.actions.tables import CreateTableAs as CreateTableAs
from dbtool.lint.actions.tables import DetachPartition as DetachPartition
from dbtool.lint.actions.tables import DropColumn as DropColumn
from dbtool.lint.actions.tables import DropConstraint as DropConstraint
from dbtool.lint.actions.tables import DropNotNull as DropNotNull
from dbtool.lint.actions.tables import Inherit as Inherit
from dbtool.lint.actions.tables import Like as Like
from dbtool.lint.actions.tables import SetDefault as SetDefault
from dbtool.lint.actions.tables import SetExpression as SetExpression
from dbtool.lint.actions.tables import SetNotNull as SetNotNull
from dbtool.lint.actions.tables import ValidateConstraint as ValidateConstraint

Action = (
    CreateTable
    | CreateTableAs
    | Drop
    | AddColumn
    | DropColumn
    | AlterColumnType
    | SetDefault
    | SetNotNull
    | DropNotNull
    | SetExpression
    | ChangeIdentity
    | AddConstraint
    | ValidateConstraint
    | AlterConstraint
    | DropConstraint
    | AlterTable
    | CreateIndex
    | DropIndex
    | Reindex
    | Rename
    | SetSchema
    | CreateType
    | AddEnumValue
    | AlterDomain
    | AlterType
    | Inherit
    | AttachPartition
    | AttachIndex
    | DetachPartition
    | CreateView
    | RefreshView
    | CreateTrigger
    | CreateFunction
    | AlterFunction
    | CreateSequence
    | OwnSequence
    | Policy
    | CreateRule
    | Maintain
    | Truncate
    | Write
    | Select
    | LockTable
    | SetVariable
    | Transaction
    | DoBlock
    | Grant
    | Comment
    | Other
    | TooDeep
    | Unparsable
)
