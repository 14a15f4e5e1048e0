from sqlalchemy import types
from sqlalchemy.dialects.postgresql import JSONB


class Money(types.TypeDecorator):
    """Cents in a bigint, euros in Python."""

    impl = types.BigInteger
    cache_ok = True

    def process_bind_param(self, value, dialect):
        return None if value is None else int(value * 100)

    def process_result_value(self, value, dialect):
        return None if value is None else value / 100


class JSONDocument(types.TypeDecorator):
    impl = JSONB
    cache_ok = True

    def __init__(self, schema: str):
        super().__init__()
        self.schema = schema
