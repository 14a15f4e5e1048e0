"""What users buy: orders and their lines."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from sqlalchemy import (
    CHAR,
    CheckConstraint,
    Computed,
    ForeignKey,
    Index,
    Integer,
    Numeric,
    SmallInteger,
    String,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from dbtool.example.accounts import User
from dbtool.example.base import Audited, Base, BigId, stored_values
from dbtool.example.catalogue import Product


class OrderStatus(StrEnum):
    """How far an order has come."""

    PENDING = "pending"
    PAID = "paid"
    SHIPPED = "shipped"
    DELIVERED = "delivered"
    CANCELLED = "cancelled"
    REFUNDED = "refunded"


class Order(Audited, Base):
    """A purchase; each status demands the time stamps that lead to it."""

    __tablename__ = "orders"
    __table_args__ = (
        CheckConstraint("paid_at >= placed_at", name="paid_after_placed"),
        CheckConstraint("shipped_at >= paid_at", name="shipped_after_paid"),
        CheckConstraint("delivered_at >= shipped_at", name="delivered_after_shipped"),
        CheckConstraint(
            "status NOT IN ('paid', 'shipped', 'delivered') OR paid_at IS NOT NULL",
            name="paid_at_is_set",
        ),
        CheckConstraint(
            "status NOT IN ('shipped', 'delivered') OR shipped_at IS NOT NULL",
            name="shipped_at_is_set",
        ),
        CheckConstraint(
            "(status = 'refunded') = (refunded_at IS NOT NULL)", name="refunded_at_with_status"
        ),
        CheckConstraint("updated_at >= created_at", name="updated_after_created"),
        Index("ix_orders_customer_id_placed_at", "customer_id", text("placed_at DESC")),
        Index(
            "ix_orders_placed_at_open",
            "placed_at",
            postgresql_where=text("status IN ('pending', 'paid')"),
        ),
    )

    id: Mapped[BigId]
    number: Mapped[str] = mapped_column(String(20), unique=True)
    customer_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    status: Mapped[OrderStatus] = mapped_column(
        stored_values("order_status", OrderStatus), server_default=OrderStatus.PENDING.value
    )
    currency: Mapped[str] = mapped_column(CHAR(3), server_default="EUR")
    placed_at: Mapped[datetime] = mapped_column(server_default=func.now())
    paid_at: Mapped[datetime | None]
    shipped_at: Mapped[datetime | None]
    delivered_at: Mapped[datetime | None]
    cancelled_at: Mapped[datetime | None]
    shipping_address: Mapped[dict[str, object] | None]
    note: Mapped[str | None]
    version: Mapped[int] = mapped_column(Integer, server_default=text("1"))
    refunded_at: Mapped[datetime | None]

    customer: Mapped[User] = relationship(back_populates="orders")
    lines: Mapped[list["OrderLine"]] = relationship(
        back_populates="order", order_by="OrderLine.line_number", passive_deletes=True
    )

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - SQLAlchemy reads it as declared


class OrderLine(Base):
    """One product of an order, at the price agreed then; its total is kept by the server."""

    __tablename__ = "order_lines"
    __table_args__ = (
        UniqueConstraint("order_id", "product_id"),
        CheckConstraint("line_number >= 1", name="line_number_is_positive"),
        CheckConstraint("quantity BETWEEN 1 AND 1000", name="quantity_is_bounded"),
        CheckConstraint("unit_price >= 0::numeric", name="unit_price_is_not_negative"),
        CheckConstraint("discount >= 0 AND discount < 1", name="discount_is_a_share"),
    )

    order_id: Mapped[int] = mapped_column(
        ForeignKey("orders.id", ondelete="CASCADE"), primary_key=True
    )
    line_number: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    product_id: Mapped[UUID] = mapped_column(ForeignKey("products.id"), index=True)
    quantity: Mapped[int] = mapped_column(SmallInteger)
    unit_price: Mapped[Decimal]
    discount: Mapped[Decimal] = mapped_column(Numeric(5, 4), server_default=text("0"))
    total: Mapped[Decimal] = mapped_column(
        Numeric(14, 2),
        Computed(
            "round(quantity::numeric * unit_price * (1::numeric - discount), 2)", persisted=True
        ),
    )

    order: Mapped[Order] = relationship(back_populates="lines")
    product: Mapped[Product] = relationship()
