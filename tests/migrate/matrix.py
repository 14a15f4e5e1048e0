"""Pairs of models that differ in one thing each, and pairs the server sees no difference in.

Each side is what follows the primary key of a table called like the case (`T` in the text), or
whole statements where it begins with `!`. A side may also be SQL behind `sql:`, for what no model
can say; it is run after the tables of that side are there.
"""

from collections.abc import Iterable

import sqlalchemy

X = "Column('x', Integer)"
S = "Column('s', String(50))"
_TIMES = "Column('a', DateTime(timezone=True)), Column('b', DateTime(timezone=True))"
_ENUM = "Column('s', Enum({}, name=T + '_kind'))"
_NO_KEY = "!Table(T, m, {})"


def _pair(sides: Iterable[str]) -> tuple[str, str]:
    one, other = sides
    return one, other


DIFFERENT: dict[str, tuple[str, str]] = {
    # columns
    "column": ("", X),
    "column_not_null": ("", "Column('x', Integer, nullable=False)"),
    "column_with_default": ("", "Column('x', Integer, server_default='7', nullable=False)"),
    "nullable": (X, "Column('x', Integer, nullable=False)"),
    "type_wider": (X, "Column('x', BigInteger)"),
    "type_other": ("Column('x', Text)", X),
    "type_other_with_default": (
        "Column('x', Text, server_default='1')",
        "Column('x', Integer, server_default='1')",
    ),
    "varchar_length": (S, "Column('s', String(100))"),
    "varchar_limit": (S, "Column('s', String)"),
    "varchar_text": (S, "Column('s', Text)"),
    "char": (S, "Column('s', CHAR(50))"),
    "numeric_precision": ("Column('x', Numeric)", "Column('x', Numeric(10, 2))"),
    "numeric_scale": ("Column('x', Numeric(10, 4))", "Column('x', Numeric(10, 2))"),
    "timezone": ("Column('x', DateTime)", "Column('x', DateTime(timezone=True))"),
    "time_precision": ("Column('x', TIMESTAMP(precision=3))", "Column('x', TIMESTAMP)"),
    "json": ("Column('x', JSON)", "Column('x', JSONB)"),
    "array": (X, "Column('x', ARRAY(Integer))"),
    "array_of": ("Column('x', ARRAY(Integer))", "Column('x', ARRAY(BigInteger))"),
    "uuid": ("Column('x', Text)", "Column('x', Uuid)"),
    "interval": ("Column('x', INTERVAL)", "Column('x', INTERVAL(precision=2))"),
    "bit": ("Column('x', BIT(3))", "Column('x', BIT(5))"),
    "float": ("Column('x', Float)", "Column('x', REAL)"),
    "range": ("Column('x', INT4RANGE)", "Column('x', INT8RANGE)"),
    "collation": (S, "Column('s', String(50, collation='C'))"),
    "column_comment": (X, "Column('x', Integer, comment=\"it's\")"),
    "default": (X, "Column('x', Integer, server_default='5')"),
    "default_value": (
        "Column('x', Integer, server_default='5')",
        "Column('x', Integer, server_default='6')",
    ),
    "default_function": (
        "Column('x', DateTime, server_default=text('now()'))",
        "Column('x', DateTime, server_default=text('clock_timestamp()'))",
    ),
    "default_text": (
        "Column('x', Text, server_default='a:b')",
        "Column('x', Text, server_default=\"it's 100%\")",
    ),
    "identity": (
        "Column('x', Integer, nullable=False)",
        "Column('x', Integer, Identity(always=True))",
    ),
    "identity_kind": (
        "Column('x', Integer, Identity(always=True))",
        "Column('x', Integer, Identity(always=False))",
    ),
    "identity_options": (
        "Column('x', Integer, Identity(always=True))",
        "Column('x', Integer, Identity(always=True, start=5, increment=10))",
    ),
    "serial_to_identity": (
        _NO_KEY.format("Column('id', Integer, primary_key=True)"),
        _NO_KEY.format("Column('id', Integer, Identity(always=True), primary_key=True)"),
    ),
    "serial_width": (
        _NO_KEY.format("Column('id', Integer, primary_key=True)"),
        _NO_KEY.format("Column('id', BigInteger, primary_key=True)"),
    ),
    "autoincrement": (
        _NO_KEY.format("Column('id', Integer, primary_key=True)"),
        _NO_KEY.format("Column('id', Integer, primary_key=True, autoincrement=False)"),
    ),
    "computed_from_another": (
        "",
        "Column('y', Integer, Computed('x + 1', persisted=True)), Column('x', Integer)",
    ),
    "computed": (
        X + ", Column('y', Integer, Computed('x + 1', persisted=True))",
        X + ", Column('y', Integer, Computed('x + 2', persisted=True))",
    ),
    "computed_from_plain": (
        X + ", Column('y', Integer)",
        X + ", Column('y', Integer, Computed('x + 1', persisted=True))",
    ),
    # constraints
    "primary_key_column": (
        _NO_KEY.format(
            "Column('a', Integer, primary_key=True, autoincrement=False), "
            "Column('b', Integer, nullable=False)"
        ),
        _NO_KEY.format(
            "Column('a', Integer, primary_key=True, autoincrement=False), "
            "Column('b', Integer, primary_key=True)"
        ),
    ),
    "primary_key": (
        _NO_KEY.format("Column('a', Integer, nullable=False)"),
        _NO_KEY.format("Column('a', Integer, primary_key=True, autoincrement=False)"),
    ),
    "primary_key_name": (
        _NO_KEY.format("Column('a', Integer), PrimaryKeyConstraint('a', name=T + '_one')"),
        _NO_KEY.format("Column('a', Integer), PrimaryKeyConstraint('a', name=T + '_two')"),
    ),
    "unique": (X, X + ", UniqueConstraint('x', name=T + '_uq')"),
    "unique_unnamed": (X, "Column('x', Integer, unique=True)"),
    "unique_columns": (
        X + ", Column('y', Integer), UniqueConstraint('x', name=T + '_uq')",
        X + ", Column('y', Integer), UniqueConstraint('x', 'y', name=T + '_uq')",
    ),
    "unique_deferrable": (
        X + ", UniqueConstraint('x', name=T + '_uq')",
        X + ", UniqueConstraint('x', name=T + '_uq', deferrable=True, initially='DEFERRED')",
    ),
    "unique_nulls": (
        X + ", UniqueConstraint('x', name=T + '_uq')",
        X + ", UniqueConstraint('x', name=T + '_uq', postgresql_nulls_not_distinct=True)",
    ),
    "unique_include": (
        X + ", Column('y', Integer), UniqueConstraint('x', name=T + '_uq')",
        X + ", Column('y', Integer), UniqueConstraint('x', name=T + '_uq',"
        " postgresql_include=['y'])",
    ),
    "unique_name": (
        X + ", UniqueConstraint('x', name=T + '_uq')",
        X + ", UniqueConstraint('x', name=T + '_unique')",
    ),
    "unique_or_index": (
        X + ", UniqueConstraint('x', name=T + '_uq')",
        X + ", Index(T + '_uq', 'x', unique=True)",
    ),
    "check": (X, X + ", CheckConstraint('x > 0', name=T + '_ck')"),
    "check_unnamed": (X, X + ", CheckConstraint('x > 0')"),
    "check_expression": (
        X + ", CheckConstraint('x > 0', name=T + '_ck')",
        X + ", CheckConstraint('x > 10', name=T + '_ck')",
    ),
    "check_list": _pair(
        f"{S}, CheckConstraint(\"s IN ({labels})\", name=T + '_ck'),"
        f" Index(T + '_ix', 'id', postgresql_where=text(\"s NOT IN ({labels})\"))"
        for labels in ("'a', 'b'", "'a', 'it''s'")
    ),
    "check_cast_list": (
        "Column('t', ARRAY(Text))",
        "Column('t', ARRAY(Text)), CheckConstraint("
        "\"t <@ (ARRAY['a', 'b']::varchar[])::text[]\", name=T + '_ck')",
    ),
    "check_list_new": (S, S + ", CheckConstraint(\"s IN ('a', 'b')\", name=T + '_ck')"),
    "check_text": (
        S + ", CheckConstraint(\"s <> 'a:b'\", name=T + '_ck')",
        S + ", CheckConstraint(\"s <> 'a:c' AND s NOT LIKE '%x'\", name=T + '_ck')",
    ),
    "type_under_generated": (
        "Column('x', String(10)), Column('g', Text, Computed(\"x || 'a'\", persisted=True))",
        "Column('x', String(20)), Column('g', Text, Computed(\"x || 'a'\", persisted=True))",
    ),
    "type_under_generated_index": _pair(
        f"Column('x', String({size})), Column('g', Text, Computed(\"x || 'a'\", persisted=True)),"
        " Index(T + '_ix', 'g', 'x'), CheckConstraint(\"g <> 'b'\", name=T + '_ck'),"
        " UniqueConstraint('g', name=T + '_uq')"
        for size in (10, 20)
    ),
    "computed_index": _pair(
        X + f", Column('y', Integer, Computed('x + {number}', persisted=True)),"
        " Index(T + '_ix', 'y'), CheckConstraint('y > x', name=T + '_ck')"
        for number in (1, 2)
    ),
    "computed_from_plain_index": _pair(
        X + f", Column('y', Integer{computed}), Index(T + '_ix', 'y', unique=True)"
        for computed in ("", ", Computed('x + 1', persisted=True)")
    ),
    "foreign_key": (X, X + ", ForeignKeyConstraint(['x'], [T + '.id'], name=T + '_fk')"),
    "foreign_key_unnamed": (X, "Column('x', Integer, ForeignKey(T + '.id'))"),
    "foreign_key_on_delete": (
        X + ", ForeignKeyConstraint(['x'], [T + '.id'], name=T + '_fk')",
        X + ", ForeignKeyConstraint(['x'], [T + '.id'], name=T + '_fk', ondelete='CASCADE')",
    ),
    "foreign_key_set_null": (
        X + ", ForeignKeyConstraint(['x'], [T + '.id'], name=T + '_fk', ondelete='CASCADE')",
        X + ", ForeignKeyConstraint(['x'], [T + '.id'], name=T + '_fk', ondelete='SET NULL')",
    ),
    "foreign_key_on_update": (
        X + ", ForeignKeyConstraint(['x'], [T + '.id'], name=T + '_fk')",
        X + ", ForeignKeyConstraint(['x'], [T + '.id'], name=T + '_fk', onupdate='CASCADE')",
    ),
    "foreign_key_deferrable": (
        X + ", ForeignKeyConstraint(['x'], [T + '.id'], name=T + '_fk')",
        X + ", ForeignKeyConstraint(['x'], [T + '.id'], name=T + '_fk', deferrable=True,"
        " initially='DEFERRED')",
    ),
    "foreign_key_match": (
        X + ", ForeignKeyConstraint(['x'], [T + '.id'], name=T + '_fk')",
        X + ", ForeignKeyConstraint(['x'], [T + '.id'], name=T + '_fk', match='FULL')",
    ),
    "foreign_key_to": (
        X + ", Column('y', Integer, unique=True),"
        " ForeignKeyConstraint(['x'], [T + '.id'], name=T + '_fk')",
        X + ", Column('y', Integer, unique=True),"
        " ForeignKeyConstraint(['x'], [T + '.y'], name=T + '_fk')",
    ),
    "foreign_key_twice": (
        X + ", ForeignKeyConstraint(['x'], [T + '.id'], name=T + '_fk')",
        X + ", ForeignKeyConstraint(['x'], [T + '.id'], name=T + '_fk'),"
        " ForeignKeyConstraint(['x'], [T + '.id'], name=T + '_fk2')",
    ),
    "foreign_key_twice_unnamed": (
        X + ", ForeignKeyConstraint(['x'], [T + '.id'])",
        X + ", ForeignKeyConstraint(['x'], [T + '.id']), ForeignKeyConstraint(['x'], [T + '.id'])",
    ),
    "exclude": (
        X,
        X + ", ExcludeConstraint((column('x'), '='), using='btree', name=T + '_ex')",
    ),
    "exclude_where": (
        X + ", ExcludeConstraint((column('x'), '='), using='btree', name=T + '_ex')",
        X + ", ExcludeConstraint((column('x'), '='), using='btree', where=text('x > 0'),"
        " name=T + '_ex')",
    ),
    "constraint_comment": (
        X + ", CheckConstraint('x > 0', name=T + '_ck')",
        X + ", CheckConstraint('x > 0', name=T + '_ck', comment='why')",
    ),
    # indexes
    "index": (X, X + ", Index(T + '_ix', 'x')"),
    "index_unique": (X + ", Index(T + '_ix', 'x')", X + ", Index(T + '_ix', 'x', unique=True)"),
    "index_columns": (
        _TIMES + ", Index(T + '_ix', 'a', 'b')",
        _TIMES + ", Index(T + '_ix', 'b', 'a')",
    ),
    "index_where": (
        X + ", Index(T + '_ix', 'x')",
        X + ", Index(T + '_ix', 'x', postgresql_where=text('x > 0'))",
    ),
    "index_where_other": (
        X + ", Index(T + '_ix', 'x', postgresql_where=text('x > 5'))",
        X + ", Index(T + '_ix', 'x', postgresql_where=text('x > 0'))",
    ),
    "index_method": (
        X + ", Index(T + '_ix', 'x')",
        X + ", Index(T + '_ix', 'x', postgresql_using='hash')",
    ),
    "index_include": (
        X + ", Column('y', Integer), Index(T + '_ix', 'x')",
        X + ", Column('y', Integer), Index(T + '_ix', 'x', postgresql_include=['y'])",
    ),
    "index_opclass": (
        S + ", Index(T + '_ix', 's')",
        S + ", Index(T + '_ix', 's', postgresql_ops={'s': 'varchar_pattern_ops'})",
    ),
    "index_order": (
        "!t = Table(T, m, Column('id', Integer, primary_key=True), Column('x', Integer)); "
        "Index(T + '_ix', t.c.x)",
        "!t = Table(T, m, Column('id', Integer, primary_key=True), Column('x', Integer)); "
        "Index(T + '_ix', t.c.x.desc())",
    ),
    "index_nulls_last": (
        "!t = Table(T, m, Column('id', Integer, primary_key=True), Column('x', Integer)); "
        "Index(T + '_ix', t.c.x.desc())",
        "!t = Table(T, m, Column('id', Integer, primary_key=True), Column('x', Integer)); "
        "Index(T + '_ix', t.c.x.desc().nulls_last())",
    ),
    "index_expression": (
        S + ", Index(T + '_ix', text('lower(s)'))",
        S + ", Index(T + '_ix', text('upper(s)'))",
    ),
    "index_storage": (
        X + ", Index(T + '_ix', 'x')",
        X + ", Index(T + '_ix', 'x', postgresql_with={'fillfactor': 70})",
    ),
    "index_nulls": (
        X + ", Index(T + '_ix', 'x', unique=True)",
        X + ", Index(T + '_ix', 'x', unique=True, postgresql_nulls_not_distinct=True)",
    ),
    "index_name": (X + ", Index(T + '_ix', 'x')", X + ", Index(T + '_index', 'x')"),
    # tables
    "table": (
        "!",
        _NO_KEY.format(
            "Column('id', Integer, primary_key=True), Column('x', Integer), Index(T + '_ix', 'x'),"
            " Column('s', Text), CheckConstraint(\"s LIKE '%@%'\", name=T + '_ck', comment='50%')"
        ),
    ),
    "table_check_in_a_column": (
        "!",
        _NO_KEY.format(
            "Column('x', Integer, CheckConstraint('x > 0'),"
            " CheckConstraint('x < 9', name=T + '_ck', comment='why'))"
        ),
    ),
    "table_comment": (X, X + ", comment='what for'"),
    "table_unlogged": (X, X + ", prefixes=['UNLOGGED']"),
    # Before SQLAlchemy 2.1 a table of the models has no storage parameters.
    **(
        {"table_fillfactor": (X, X + ", postgresql_with={'fillfactor': 70}")}
        if sqlalchemy.__version__ >= "2.1"
        else {}
    ),
    # types
    "enum_label": (_ENUM.format("'a', 'b'"), _ENUM.format("'a', 'b', 'c'")),
    "enum_label_between": (_ENUM.format("'a', 'c'"), _ENUM.format("'a', 'b', 'c'")),
    "enum_label_first": (_ENUM.format("'b', 'c'"), _ENUM.format("\"it's\", 'b', 'c'")),
    "enum_order": (_ENUM.format("'a', 'b'"), _ENUM.format("'b', 'a'")),
    "enum_label_renamed": (_ENUM.format("'a', 'b'"), _ENUM.format("'a', 'z'")),
    "enum_of_array": (
        "Column('s', ARRAY(Enum('a', 'b', name=T + '_kind')))",
        "Column('s', ARRAY(Enum('a', 'c', name=T + '_kind')))",
    ),
    "enum_with_default": (
        "Column('s', Enum('a', 'b', name=T + '_kind'), server_default='a')",
        "Column('s', Enum('b', 'a', name=T + '_kind'), server_default='a')",
    ),
    "enum": ("", _ENUM.format("'a', 'b'")),
    "enum_from_text": ("Column('s', Text)", _ENUM.format("'a', 'b'")),
    "enum_table": ("!", _NO_KEY.format(_ENUM.format("'a', 'b'"))),
    "enum_default_renamed": _pair(
        f"Column('s', Enum('{label}', 'c', name=T + '_kind'), server_default='{label}')"
        for label in ("a", "z")
    ),
    "enum_in_expressions": _pair(
        f"Column('s', Enum({labels}, name=T + 'Kind')),"
        " CheckConstraint(\"s <> 'b'\", name=T + '_ck', comment='why'),"
        f" CheckConstraint(\"s <> {labels[-3:]}\", name=T + '_last'),"
        " Column('g', Integer, Computed('1 + 1', persisted=True)),"
        " Index(T + '_ix', 'g', postgresql_where=text(\"s = 'a'\"))"
        for labels in ("'a', 'b', 'c'", "'a', 'b'")
    ),
    "enum_default_computed": _pair(
        f"Column('s', Enum({labels}, name=T + '_kind'), server_default=text('lower(\\'A\\')::'"
        f" + T + '_kind')), Column('n', Enum('a', 'b', name=T + '_kind_2')),"
        " CheckConstraint(\"s <> 'a' OR n <> 'a'\", name=T + '_ck'),"
        " Index(T + '_ix', 'id', postgresql_where=text(\"s = 'a'\"))"
        for labels in ("'a', 'b', 'c'", "'a', 'b'")
    ),
    "enum_array_table": (
        "!",
        _NO_KEY.format("Column('s', ARRAY(Enum('a', 'b', name=T + '_kind')))"),
    ),
    "domain_table": (
        "Column('s', DOMAIN(T + '_d', Integer))",
        "!Table(T, m, Column('id', Integer, primary_key=True),"
        " Column('s', DOMAIN(T + '_d', Integer)));"
        " Table(T + 'b', m, Column('s', ARRAY(DOMAIN(T + '_d', Integer))))",
    ),
    "type_under_check": _pair(
        f"Column('x', {kind}), CheckConstraint('x > 0', name=T + '_ck'),"
        " Index(T + '_ix', 'id', postgresql_where=text('x > 5'))"
        for kind in ("Integer", "Numeric")
    ),
    "type_under_expressions": (
        "Column('x', Integer), CheckConstraint('x > 0', name=T + '_ck'),"
        " CheckConstraint('x > 1', name=T + '_gone'), Index(T + '_ix', text('abs(x)'))",
        "Column('x', Text), CheckConstraint(\"x <> ''\", name=T + '_ck'),"
        " Index(T + '_ix', 'x', postgresql_ops={'x': 'text_pattern_ops'})",
    ),
    "type_under_foreign_key": _pair(
        f"!Table(T, m, Column('id', {kind}, primary_key=True));"
        f" Table(T + 'b', m, Column('x', {kind}, ForeignKey(T + '.id')))"
        for kind in ("Text", "Uuid")
    ),
    "table_on_a_new_key": (
        X,
        "!Table(T, m, Column('id', Integer, primary_key=True),"
        " Column('x', Integer, unique=True), Column('y', Uuid, unique=True));"
        " Table(T + 'b', m, Column('id', ForeignKey(T + '.id', name=T + '_id')),"
        " Column('x', ForeignKey(T + '.x', name=T + '_x')), Column('y', ForeignKey(T + '.y')))",
    ),
    "identity_to_text": _pair(
        _NO_KEY.format(f"Column('id', {kind}, primary_key=True)")
        for kind in ("Integer, Identity()", "Text")
    ),
    "table_with_the_index_of_another": _pair(
        f"!Table(T + '{end}', m, Column('x', Integer), Index(T + '_ix', 'x'))" for end in "ab"
    ),
    "circle": (
        "!",
        "!Table(T, m, Column('id', Integer, primary_key=True),"
        " Column('x', ForeignKey(T + 'b.id', name=T + '_fk')));"
        " Table(T + 'b', m, Column('id', Integer, primary_key=True),"
        " Column('x', ForeignKey(T + '.id', use_alter=True, name=T + 'b_fk')))",
    ),
    "sequence": ("!", "!Sequence(T, metadata=m)"),
    "sequence_options": (
        "!Sequence(T, metadata=m)",
        "!Sequence(T, metadata=m, start=5, increment=2, cycle=True, maxvalue=999)",
    ),
    "domain": (
        "Column('s', DOMAIN(T + '_d', Integer))",
        "Column('s', DOMAIN(T + '_d', Integer, not_null=True))",
    ),
    "domain_check": (
        "Column('s', DOMAIN(T + '_d', Integer, constraint_name='c', check=text('VALUE > 0')))",
        "Column('s', DOMAIN(T + '_d', Integer, constraint_name='c', check=text('VALUE > 1')))",
    ),
    "domain_default": (
        "Column('s', DOMAIN(T + '_d', Integer))",
        "Column('s', DOMAIN(T + '_d', Integer, default=text('3')))",
    ),
    "schema": ("!", "!Table('inside', m, Column('id', Integer), schema=T)"),
    "schema_table": (
        "!Table('one', m, Column('id', Integer), schema=T)",
        "!Table('one', m, Column('id', BigInteger), schema=T)",
    ),
}

BY_HAND: dict[str, tuple[str, str]] = {
    "check_not_validated": (
        X + ", CheckConstraint('x > 0', name=T + '_ck')",
        "ALTER TABLE {T} DROP CONSTRAINT {T}_ck;"
        "ALTER TABLE {T} ADD CONSTRAINT {T}_ck CHECK (x > 0) NOT VALID",
    ),
    "foreign_key_not_validated": (
        X + ", ForeignKeyConstraint(['x'], [T + '.id'], name=T + '_fk')",
        "ALTER TABLE {T} DROP CONSTRAINT {T}_fk;"
        "ALTER TABLE {T} ADD CONSTRAINT {T}_fk FOREIGN KEY (x) REFERENCES {T} NOT VALID",
    ),
    "index_invalid": (
        X + ", Index(T + '_ix', 'x')",
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = '{T}_ix'::regclass",
    ),
    "sequence_too_short": (
        "!Table(T, m, Column('id', BigInteger, primary_key=True))",
        "ALTER SEQUENCE {T}_id_seq AS integer",
    ),
    "sequence_of_another": (
        X,
        "CREATE SEQUENCE {T}_shared OWNED BY {T}.x;"
        "ALTER TABLE {T} ALTER id SET DEFAULT nextval('{T}_shared')",
    ),
    "sequence_left_alone": (
        X,
        "ALTER SEQUENCE {T}_id_seq RENAME TO {T}_seq; ALTER TABLE {T} ALTER id DROP DEFAULT",
    ),
    "sequence_by_hand": (X, "CREATE SEQUENCE {T}_by_hand"),
    "enum_left_behind": (X, "CREATE TYPE {T}_left AS ENUM ('a')"),
    "domain_left_behind": (X, "CREATE DOMAIN {T}_left AS int"),
}
"""What was done to a database by hand, after the models were created in it."""

EQUAL: dict[str, tuple[str, str]] = {
    "identity_two_ways": (
        "Column('x', Integer, Identity(always=True))",
        "Column('x', Integer, Identity(always=True, start=1, increment=1, minvalue=1,"
        " maxvalue=2147483647, cycle=False, cache=1))",
    ),
    "now": (
        "Column('x', DateTime, server_default=func.now())",
        "Column('x', DateTime, server_default=text('NOW ( )'))",
    ),
    "default_cast": (
        "Column('x', Text, server_default='a')",
        "Column('x', Text, server_default=text(\"'a'::text\"))",
    ),
    "check_spelling": (
        X + ", CheckConstraint('x>0 and x!=5', name=T + '_ck')",
        X + ", CheckConstraint('(x > 0) AND (x <> 5)', name=T + '_ck')",
    ),
    "check_not_valid": (
        X + ", CheckConstraint('x > 0', name=T + '_ck', postgresql_not_valid=True)",
        X + ", CheckConstraint('x > 0', name=T + '_ck')",
    ),
    "descending": (
        "!t = Table(T, m, Column('id', Integer, primary_key=True), Column('x', Integer)); "
        "Index(T + '_ix', t.c.x.desc())",
        X + ", Index(T + '_ix', text('x DESC NULLS FIRST'))",
    ),
    "index_cast": (
        S + ", Index(T + '_ix', text('lower(s)'))",
        S + ", Index(T + '_ix', text('lower(s::text)'))",
    ),
    "where_spelling": (
        X + ", Index(T + '_ix', 'x', postgresql_where=text('x>0'))",
        X + ", Index(T + '_ix', 'x', postgresql_where=text('(x > (0))'))",
    ),
    "computed_spelling": (
        X + ", Column('y', Integer, Computed('x+1', persisted=True))",
        X + ", Column('y', Integer, Computed('(x + 1)', persisted=True))",
    ),
    "unnamed": (
        X + ", UniqueConstraint('x', name=T + '_some_name')",
        "Column('x', Integer, unique=True)",
    ),
    "foreign_key_of_any_name": (
        X + ", ForeignKeyConstraint(['x'], [T + '.id'], name=T + '_some_name')",
        "Column('x', Integer, ForeignKey(T + '.id'))",
    ),
    "column_order": (X + ", Column('y', Text)", "Column('y', Text), " + X),
    "array_dimensions": (
        "Column('x', ARRAY(Integer))",
        "Column('x', ARRAY(Integer, dimensions=2))",
    ),
    "type_spelling": (
        "Column('x', Numeric(10, 2)), Column('y', VARCHAR(5)), Column('z', Float(53))",
        "Column('x', DECIMAL(10, 2)), Column('y', String(5)), Column('z', DOUBLE_PRECISION)",
    ),
    "no_action": (
        X + ", ForeignKeyConstraint(['x'], [T + '.id'], name=T + '_fk')",
        X + ", ForeignKeyConstraint(['x'], [T + '.id'], name=T + '_fk', ondelete='NO ACTION')",
    ),
    "enum_wrapped": (
        _ENUM.format("'a', 'b'"),
        "Column('s', ENUM('a', 'b', name=T + '_kind', create_type=False))",
    ),
}
