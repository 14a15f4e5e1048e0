"""Categories, products and orders

Revision ID: c47d1e9b3a68
Revises: 8b2e6d41c5f0
Create Date: 2026-04-07 08:05:00 UTC
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "c47d1e9b3a68"
down_revision: str | Sequence[str] | None = "8b2e6d41c5f0"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "categories",
        sa.Column("id", sa.Integer(), sa.Identity(), nullable=False),
        sa.Column("parent_id", sa.Integer()),
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("slug", sa.String(90), nullable=False),
        sa.Column("position", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_categories")),
        sa.UniqueConstraint("slug", name=op.f("uq_categories_slug")),
        sa.ForeignKeyConstraint(
            ["parent_id"], ["categories.id"], name=op.f("fk_categories_parent_id_categories")
        ),
        sa.CheckConstraint(
            "parent_id <> id", name=op.f("ck_categories_parent_is_another_category")
        ),
    )
    op.create_index(op.f("ix_categories_parent_id"), "categories", ["parent_id"])
    op.create_table(
        "products",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("category_id", sa.Integer(), nullable=False),
        sa.Column("sku", sa.String(32), nullable=False),
        sa.Column("name", sa.String(160), nullable=False),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("price", sa.Numeric(12, 2), nullable=False),
        sa.Column("list_price", sa.Numeric(12, 2)),
        sa.Column("currency", sa.CHAR(3), server_default="EUR", nullable=False),
        sa.Column("stock", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column(
            "labels",
            postgresql.ARRAY(sa.Text()),
            server_default=sa.text("'{}'::text[]"),
            nullable=False,
        ),
        sa.Column(
            "attributes", postgresql.JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
        sa.Column(
            "search",
            postgresql.TSVECTOR(),
            sa.Computed(
                "to_tsvector('english'::regconfig, (name::text || ' '::text) || description)",
                persisted=True,
            ),
            nullable=False,
        ),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False
        ),
        sa.Column(
            "updated_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False
        ),
        sa.Column("created_by_id", sa.BigInteger()),
        sa.Column("updated_by_id", sa.BigInteger()),
        sa.Column("deleted_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_products")),
        sa.ForeignKeyConstraint(
            ["category_id"], ["categories.id"], name=op.f("fk_products_category_id_categories")
        ),
        sa.ForeignKeyConstraint(
            ["created_by_id"],
            ["users.id"],
            name=op.f("fk_products_created_by_id_users"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["updated_by_id"],
            ["users.id"],
            name=op.f("fk_products_updated_by_id_users"),
            ondelete="SET NULL",
        ),
        sa.CheckConstraint("sku ~ '^[A-Z0-9-]+$'", name=op.f("ck_products_sku_is_upper_case")),
        sa.CheckConstraint("price > 0", name=op.f("ck_products_price_is_positive")),
        sa.CheckConstraint(
            "list_price >= price", name=op.f("ck_products_list_price_is_not_below_price")
        ),
        sa.CheckConstraint("stock >= 0", name=op.f("ck_products_stock_is_not_negative")),
    )
    op.create_index(
        "uq_products_sku_live",
        "products",
        ["sku"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index("ix_products_category_id_price", "products", ["category_id", "price"])
    op.create_index("ix_products_labels", "products", ["labels"], postgresql_using="gin")
    op.create_index("ix_products_search", "products", ["search"], postgresql_using="gin")
    op.execute(
        "CREATE TYPE order_status AS ENUM ('pending', 'paid', 'shipped', 'delivered', 'cancelled')"
    )
    op.create_table(
        "orders",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("number", sa.String(20), nullable=False),
        sa.Column("customer_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "status",
            postgresql.ENUM(name="order_status", create_type=False),
            server_default="pending",
            nullable=False,
        ),
        sa.Column("currency", sa.CHAR(3), server_default="EUR", nullable=False),
        sa.Column(
            "placed_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False
        ),
        sa.Column("paid_at", sa.DateTime(timezone=True)),
        sa.Column("shipped_at", sa.DateTime(timezone=True)),
        sa.Column("delivered_at", sa.DateTime(timezone=True)),
        sa.Column("cancelled_at", sa.DateTime(timezone=True)),
        sa.Column("shipping_address", postgresql.JSONB()),
        sa.Column("note", sa.Text()),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False
        ),
        sa.Column(
            "updated_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_orders")),
        sa.UniqueConstraint("number", name=op.f("uq_orders_number")),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["users.id"], name=op.f("fk_orders_customer_id_users")
        ),
        sa.CheckConstraint("paid_at >= placed_at", name=op.f("ck_orders_paid_after_placed")),
        sa.CheckConstraint("shipped_at >= paid_at", name=op.f("ck_orders_shipped_after_paid")),
        sa.CheckConstraint(
            "delivered_at >= shipped_at", name=op.f("ck_orders_delivered_after_shipped")
        ),
        sa.CheckConstraint(
            "status NOT IN ('paid', 'shipped', 'delivered') OR paid_at IS NOT NULL",
            name=op.f("ck_orders_paid_at_is_set"),
        ),
        sa.CheckConstraint(
            "status NOT IN ('shipped', 'delivered') OR shipped_at IS NOT NULL",
            name=op.f("ck_orders_shipped_at_is_set"),
        ),
        sa.CheckConstraint(
            "updated_at >= created_at", name=op.f("ck_orders_updated_after_created")
        ),
    )
    op.create_index(
        "ix_orders_customer_id_placed_at", "orders", ["customer_id", sa.text("placed_at DESC")]
    )
    op.create_table(
        "order_lines",
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("line_number", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("quantity", sa.SmallInteger(), nullable=False),
        sa.Column("unit_price", sa.Numeric(12, 2), nullable=False),
        sa.Column("discount", sa.Numeric(5, 4), server_default=sa.text("0"), nullable=False),
        sa.Column(
            "total",
            sa.Numeric(14, 2),
            sa.Computed(
                "round(quantity::numeric * unit_price * (1::numeric - discount), 2)",
                persisted=True,
            ),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("order_id", "line_number", name=op.f("pk_order_lines")),
        sa.UniqueConstraint(
            "order_id", "product_id", name=op.f("uq_order_lines_order_id_product_id")
        ),
        sa.ForeignKeyConstraint(
            ["order_id"],
            ["orders.id"],
            name=op.f("fk_order_lines_order_id_orders"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["product_id"], ["products.id"], name=op.f("fk_order_lines_product_id_products")
        ),
        sa.CheckConstraint("line_number >= 1", name=op.f("ck_order_lines_line_number_is_positive")),
        sa.CheckConstraint(
            "quantity BETWEEN 1 AND 1000", name=op.f("ck_order_lines_quantity_is_bounded")
        ),
        sa.CheckConstraint(
            "unit_price >= 0::numeric", name=op.f("ck_order_lines_unit_price_is_not_negative")
        ),
        sa.CheckConstraint(
            "discount >= 0 AND discount < 1", name=op.f("ck_order_lines_discount_is_a_share")
        ),
    )
    op.create_index(op.f("ix_order_lines_product_id"), "order_lines", ["product_id"])


def downgrade() -> None:
    op.drop_table("order_lines")
    op.drop_table("orders")
    op.execute("DROP TYPE order_status")
    op.drop_table("products")
    op.drop_table("categories")
