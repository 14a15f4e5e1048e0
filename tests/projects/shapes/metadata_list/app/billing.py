from sqlalchemy import Column, Integer, MetaData, Table, Text

metadata = MetaData(schema="billing")

payouts = Table(
    "payouts",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("iban", Text, nullable=False),
)
