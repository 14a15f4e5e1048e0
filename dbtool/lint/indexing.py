"""The way to build an index while writes go on."""

from dbtool.finding import Fix
from dbtool.lint.actions import CreateIndex
from dbtool.lint.code import create_index, partitioned_index
from dbtool.lint.constraining import beside_column
from dbtool.lint.replay.naming import index_name
from dbtool.lint.subject import Subject
from dbtool.lint.values import replace


def while_writes_go_on(subject: Subject, action: CreateIndex) -> Fix:
    """Build it concurrently, of a partitioned table on each of its partitions."""
    table = subject.table(action.table)
    index = action.index
    if not index.name:
        taken = table.indexes if table is not None else ()
        index = replace(index, name=index_name(index.table.name, index, taken))
    if table is None or not table.partition_by:
        code = create_index(index, subject.statement)
        kept = beside_column(subject, "index")
        return Fix("python", kept + code, "build it while writes go on")
    code = partitioned_index(index, subject.schema.family(table))
    return Fix("python", code, "build it on each partition while writes go on")
