from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import Column, DateTime, func
from sqlmodel import Field, SQLModel


class Hero(SQLModel, table=True):
    __tablename__ = "hero"

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    name: str = Field(max_length=80, index=True)
    secret_name: str
    age: int | None = None
    created_at: datetime = Field(
        sa_column=Column(DateTime(timezone=True), server_default=func.now(), nullable=False)
    )
