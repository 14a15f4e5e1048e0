from sqlalchemy import Column, ForeignKey, Integer, MetaData, Table, Text, UniqueConstraint

from crm.types import JSONDocument, Money

metadata = MetaData()

plans = Table(
    "plans",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    Column("price", Money, nullable=False),
    schema="shared",
)

accounts = Table(
    "accounts",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("plan_id", ForeignKey("shared.plans.id", name="accounts_plan_id_fkey")),
    Column("name", Text, nullable=False),
    Column("settings", JSONDocument("account-settings"), nullable=False),
    UniqueConstraint("name", name="accounts_name_key"),
)

legacy_view = Table(
    "account_overview",
    metadata,
    Column("id", Integer),
    Column("name", Text),
    info={"is_view": True},
)
