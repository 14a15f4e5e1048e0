"""Whether an expression has one value for all rows."""

from dbtool.lint.effects.making import State
from dbtool.lint.expression import SPECIAL, Expression, Form
from dbtool.lint.schema import Name

_DIFFERENT_EACH_TIME = """
    random random_normal clock_timestamp timeofday gen_random_uuid uuidv4 uuidv7
    nextval currval lastval setval setseed set_config current_query
    array_sample array_shuffle pg_sleep pg_sleep_for pg_sleep_until
    pg_current_wal_lsn pg_current_wal_insert_lsn pg_current_wal_flush_lsn
    pg_last_committed_xact pg_xact_commit_timestamp txid_status pg_xact_status
    pg_database_size pg_relation_size pg_table_size pg_total_relation_size pg_indexes_size
    pg_advisory_lock pg_try_advisory_lock pg_advisory_xact_lock pg_notify lo_create lo_creat
    uuid_generate_v1 uuid_generate_v1mc uuid_generate_v4 uuid_generate_v7 uuid_generate_v6
    gen_random_bytes gen_salt gen_ulid generate_ulid ulid_generate snowflake_id nanoid
"""

VOLATILE = frozenset(_DIFFERENT_EACH_TIME.split())
"""Functions of PostgreSQL and of common extensions that give another value for each row."""

_SAME_EACH_TIME = """
    now transaction_timestamp statement_timestamp lower upper length trim btrim coalesce
    to_char to_timestamp to_date to_number date_trunc date_part extract age make_date
    make_interval make_timestamp make_timestamptz make_time abs round floor ceil ceiling mod
    power sqrt greatest least concat concat_ws format left right lpad rpad replace substr
    substring split_part repeat reverse md5 sha256 sha512 encode decode digest crypt
    jsonb_build_object jsonb_build_array json_build_object json_build_array to_json to_jsonb
    array_append array_prepend array_cat array_length cardinality string_to_array
    array_to_string current_setting current_user session_user current_database
    current_schema txid_current pg_current_xact_id timezone inet_client_addr version
    uuid_nil uuid_generate_v3 uuid_generate_v5 hashtext pg_backend_pid nullif int4range
    int8range numrange tsrange tstzrange daterange to_tsvector plainto_tsquery
"""

SETTLED = frozenset(_SAME_EACH_TIME.split())
"""Functions of PostgreSQL that keep their value within a statement."""


def volatile(expression: Expression, state: State) -> bool | str:
    """Whether it differs from row to row; the name of a function nobody knows where that decides.

    SQL's own `CURRENT_TIMESTAMP` and the like stay the same within a statement. A function whose
    body takes the place of its call is as volatile as that body, whatever it is declared.
    """
    unknown = elsewhere = ""
    nodes, seen = [*expression.walk()], set[Name]()
    for node in nodes:
        if node.form is not Form.FUNCTION:
            continue
        schema, _, name = node.word.rpartition(".")
        found = state.schema.function(Name(schema, name))
        if found is not None:
            if found.volatility == "volatile" and found.inlined is None:
                return True
            if found.volatility == "volatile" and found.inlined and found.name not in seen:
                seen.add(found.name)
                nodes.extend(found.inlined.walk())
        elif name in VOLATILE:
            return True
        elif schema:
            elsewhere = node.word
        elif name not in SETTLED and name not in SPECIAL:
            unknown = node.word
    # Where all functions of the team are known, another one without a schema is PostgreSQL's.
    return elsewhere or (unknown if not state.schema.complete else "") or False
