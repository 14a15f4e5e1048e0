"""What the shop sells: a tree of categories and the products in it."""

from decimal import Decimal
from uuid import UUID, uuid4

from sqlalchemy import (
    CHAR,
    CheckConstraint,
    Computed,
    ForeignKey,
    Identity,
    Index,
    Integer,
    String,
    text,
)
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column, relationship

from dbtool.example.accounts import User
from dbtool.example.base import AuditedBy, Base, SoftDeleted


class Category(Base):
    """A shelf of the shop; shelves hold shelves."""

    __tablename__ = "categories"
    __table_args__ = (CheckConstraint("parent_id <> id", name="parent_is_another_category"),)

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("categories.id"), index=True)
    name: Mapped[str] = mapped_column(String(80))
    slug: Mapped[str] = mapped_column(String(90), unique=True)
    position: Mapped[int] = mapped_column(server_default=text("0"))

    parent: Mapped["Category | None"] = relationship(
        back_populates="children", remote_side="Category.id"
    )
    children: Mapped[list["Category"]] = relationship(back_populates="parent")
    products: Mapped[list["Product"]] = relationship(back_populates="category")


class Product(AuditedBy, SoftDeleted, Base):
    """Something for sale; two editors cannot overwrite each other (optimistic lock)."""

    __tablename__ = "products"
    __table_args__ = (
        CheckConstraint("sku ~ '^[A-Z0-9-]+$'", name="sku_is_upper_case"),
        CheckConstraint("price > 0", name="price_is_positive"),
        CheckConstraint("list_price >= price", name="list_price_is_not_below_price"),
        CheckConstraint("stock >= 0", name="stock_is_not_negative"),
        Index(
            "uq_products_sku_live",
            "sku",
            unique=True,
            postgresql_where=text("deleted_at IS NULL"),
        ),
        Index("ix_products_category_id_price", "category_id", "price"),
        Index("ix_products_labels", "labels", postgresql_using="gin"),
        Index("ix_products_search", "search", postgresql_using="gin"),
    )

    id: Mapped[UUID] = mapped_column(
        primary_key=True, default=uuid4, server_default=text("gen_random_uuid()")
    )
    category_id: Mapped[int] = mapped_column(ForeignKey("categories.id"))
    sku: Mapped[str] = mapped_column(String(32))
    name: Mapped[str] = mapped_column(String(160))
    description: Mapped[str] = mapped_column(server_default="")
    price: Mapped[Decimal]
    list_price: Mapped[Decimal | None]
    currency: Mapped[str] = mapped_column(CHAR(3), server_default="EUR")
    stock: Mapped[int] = mapped_column(server_default=text("0"))
    labels: Mapped[list[str]] = mapped_column(server_default=text("'{}'::text[]"))
    attributes: Mapped[dict[str, object]] = mapped_column(server_default=text("'{}'::jsonb"))
    search: Mapped[str] = mapped_column(
        TSVECTOR,
        Computed(
            "to_tsvector('english'::regconfig, (name::text || ' '::text) || description)",
            persisted=True,
        ),
        deferred=True,
    )
    version: Mapped[int] = mapped_column(Integer, server_default=text("1"))

    category: Mapped[Category] = relationship(back_populates="products")
    created_by: Mapped[User | None] = relationship(foreign_keys="Product.created_by_id")
    updated_by: Mapped[User | None] = relationship(foreign_keys="Product.updated_by_id")

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - SQLAlchemy reads it as declared
