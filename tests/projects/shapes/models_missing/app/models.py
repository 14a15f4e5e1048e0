from sqlalchemy import Numeric, String
from sqlalchemy.orm import Mapped, mapped_column

from app.base import Base


class Customer(Base):
    __tablename__ = "customers"

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(String(320), unique=True)
    balance: Mapped[float] = mapped_column(Numeric(12, 2))
