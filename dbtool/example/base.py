"""The declarative base of the reference models: naming convention, common types, mixins."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    DateTime,
    Enum,
    ForeignKey,
    Identity,
    MetaData,
    Numeric,
    Text,
    Uuid,
    func,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

NAMING_CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """What every reference model derives from; the settings name it `dbtool.example:Base`."""

    metadata = MetaData(naming_convention=NAMING_CONVENTION)
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy reads it as declared
        str: Text(),
        datetime: DateTime(timezone=True),
        Decimal: Numeric(12, 2),
        UUID: Uuid(),
        list[str]: ARRAY(Text()),
        dict[str, object]: JSONB(),
    }


BigId = Annotated[int, mapped_column(BigInteger, Identity(), primary_key=True)]


def stored_values(name: str, members: type[StrEnum], *, native: bool = True) -> Enum:
    """An enum type that stores the members' values, not their Python names."""
    return Enum(
        members,
        name=name,
        values_callable=lambda chosen: [member.value for member in chosen],
        native_enum=native,
        create_constraint=not native,
        length=None if native else 20,
    )


class Audited:
    """When the row was written and last changed."""

    created_at: Mapped[datetime] = mapped_column(server_default=func.now(), sort_order=900)
    updated_at: Mapped[datetime] = mapped_column(
        server_default=func.now(), onupdate=func.now(), sort_order=901
    )


class AuditedBy(Audited):
    """When the row was written and changed, and by whom; erasing that user empties the link."""

    created_by_id: Mapped[int | None] = mapped_column(
        ForeignKey("users.id", ondelete="SET NULL"), sort_order=902
    )
    updated_by_id: Mapped[int | None] = mapped_column(
        ForeignKey("users.id", ondelete="SET NULL"), sort_order=903
    )


class SoftDeleted:
    """Rows are marked as deleted and filtered out, not removed."""

    deleted_at: Mapped[datetime | None] = mapped_column(sort_order=910)
