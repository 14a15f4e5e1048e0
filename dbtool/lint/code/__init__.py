"""The Alembic code that does safely what a statement does at once."""

from dbtool.lint.code.calls import KEPT as KEPT
from dbtool.lint.code.calls import NEXT as NEXT
from dbtool.lint.code.calls import autocommit as autocommit
from dbtool.lint.code.calls import call as call
from dbtool.lint.code.calls import chain as chain
from dbtool.lint.code.calls import execute as execute
from dbtool.lint.code.calls import schema_of as schema_of
from dbtool.lint.code.calls import sql_name as sql_name
from dbtool.lint.code.calls import sql_string as sql_string
from dbtool.lint.code.calls import string as string
from dbtool.lint.code.columns import not_null_chain as not_null_chain
from dbtool.lint.code.columns import within as within
from dbtool.lint.code.indexes import create_index as create_index
from dbtool.lint.code.indexes import drop_index as drop_index
from dbtool.lint.code.indexes import index_call as index_call
from dbtool.lint.code.indexes import partitioned_index as partitioned_index
from dbtool.lint.code.indexes import rebuild_index as rebuild_index
from dbtool.lint.code.partitions import attach_partition as attach_partition
from dbtool.lint.code.partitions import exclude_bound as exclude_bound
from dbtool.lint.code.rows import in_batches as in_batches
from dbtool.lint.code.undoing import undo as undo
