"""What types of the team's own store is made through them, whatever objects they demand."""

import re
import uuid
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal, NewType, Required

import pytest
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    RootModel,
    StringConstraints,
    TypeAdapter,
    field_validator,
)
from sqlalchemy import JSON, String, TypeDecorator
from sqlalchemy.dialects.postgresql import JSONB
from typing_extensions import TypedDict

from dbtool.seed.stored import texts


class Cat(BaseModel):
    """One side of a union; it takes no number but 9."""

    kind: Literal["cat"]
    lives: Annotated[int, Field(ge=9, le=9)]


class Dog(BaseModel):
    """The other side; a list of some length."""

    kind: Literal["dog"]
    tags: Annotated[list[str], Field(min_length=2)]


class Never(BaseModel):
    """An alternative that the annotations allow and the validators do not."""

    name: str

    @field_validator("name")
    @classmethod
    def refused(cls, name: str) -> str:
        """Take nothing."""
        raise ValueError(name)


class Tree(BaseModel):
    """It holds its like, without end."""

    name: str
    branches: list["Tree"]


class Stamped(BaseModel):
    """Defaults that are other ones each time."""

    id: str = Field(default_factory=lambda: str(uuid.uuid4()))
    at: datetime = Field(default_factory=lambda: datetime.now(UTC))
    made_by: uuid.UUID | None = Field(default_factory=uuid.uuid4, alias="madeBy")


class Shape(TypedDict, total=False):
    """A dictionary with one key that must be there."""

    width: Required[int]
    note: str


class Plain:
    """No more than a constructor."""

    def __init__(self, host: str, port: int) -> None:
        self.host, self.port = host, int(port)


class Address(BaseModel):
    """A field of a class that nothing is known of."""

    model_config = ConfigDict(arbitrary_types_allowed=True)
    at: Plain


Code = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}-\d{4}$")]
Pet = Annotated[Cat | Dog, Field(discriminator="kind")]


class Through(TypeDecorator[Any]):
    """A document that pydantic writes and reads."""

    impl = JSON
    cache_ok = False

    def __init__(self, wanted: Any) -> None:
        super().__init__()
        self.adapter: TypeAdapter[Any] = TypeAdapter(wanted)

    def process_bind_param(self, value: Any, dialect: Any) -> Any:  # noqa: ARG002
        """Dump what is valid."""
        return self.adapter.dump_python(self.adapter.validate_python(value), mode="json")

    def process_result_value(self, value: Any, dialect: Any) -> Any:  # noqa: ARG002
        """Validate."""
        return self.adapter.validate_python(value)


class Expression(TypeDecorator[re.Pattern[str]]):
    """Text of a compiled expression."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Any) -> Any:  # noqa: ARG002
        """Take nothing else."""
        return value.pattern

    def process_result_value(self, value: Any, dialect: Any) -> Any:  # noqa: ARG002
        """Compile."""
        return re.compile(value)


class HostAndPort(TypeDecorator[Plain]):
    """Text of an object with nothing but a constructor."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Any) -> Any:  # noqa: ARG002
        """Take nothing else."""
        return f"{value.host}:{value.port:d}"

    def process_result_value(self, value: Any, dialect: Any) -> Any:  # noqa: ARG002
        """Take it apart."""
        return Plain(*value.split(":"))


def _written(steps: list[Dog | dict[str, Any]] | None) -> Any:
    return [each if isinstance(each, dict) else each.model_dump() for each in steps or ()]


def _read(document: Any) -> Any:
    return [Dog(**each) for each in document]


class Elsewhere(TypeDecorator[Any]):
    """A document whose type only the functions it is handed to are annotated with."""

    impl = JSON
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Any) -> Any:  # noqa: ARG002
        """Hand it on."""
        return _written(value)

    def process_result_value(self, value: Any, dialect: Any) -> Any:  # noqa: ARG002
        """Hand it on."""
        return _read(value)


class OfClass(Elsewhere):
    """A document whose type is named in the code alone."""

    def process_bind_param(self, value: Any, dialect: Any) -> Any:  # noqa: ARG002
        """Take nothing else."""
        if not isinstance(value, Plain):
            raise TypeError(value)
        return vars(value)

    def process_result_value(self, value: Any, dialect: Any) -> Any:  # noqa: ARG002
        """Build."""
        return Plain(**value)


@pytest.mark.parametrize(
    "wanted",
    [
        Pet,
        list[Pet],
        Never | Dog,
        dict[str, Pet],
        Tree,
        Stamped,
        Shape,
        list[Never],
        RootModel[Code],
        NewType("Name", str),
        Code,
        Annotated[float, Field(gt=0, lt=1)],
        Annotated[int, Field(gt=10, multiple_of=7)],
        Annotated[timedelta, Field(gt=timedelta(hours=1))],
        Annotated[str, Field(min_length=20, max_length=24)],
    ],
    ids=str,
)
def test_documents_as_pydantic_demands_them(wanted: Any) -> None:
    """What is made is valid, loads again, and is the same each time."""
    made = texts(Through(wanted), wanted)
    assert made
    adapter: TypeAdapter[Any] = TypeAdapter(wanted)
    for text in made:
        adapter.validate_json(text.replace("\\\\", "\\"))
    assert made == texts(Through(wanted), wanted)


@pytest.mark.parametrize("wanted", [Never, Address], ids=str)
def test_what_nothing_satisfies_is_not_made(wanted: Any) -> None:
    """No value is better than one that cannot be loaded or says where in memory it was."""
    assert texts(Through(wanted), wanted) == ()


@pytest.mark.parametrize(
    ("kind", "annotation", "first"),
    [
        (Expression(), re.Pattern[str], "value 1"),
        (HostAndPort(), Plain, "value 1:1"),
        (Elsewhere(), dict, '[{"kind": "dog", "tags": ["value 1", "value 2"]}]'),
        (OfClass(), dict, '{"host": "value 1", "port": 1}'),
        (JSONB(), list[Dog], '[{"kind": "dog", "tags": ["value 1", "value 2"]}]'),
    ],
    ids=str,
)
def test_objects_of_other_classes(kind: Any, annotation: Any, first: str) -> None:
    """Compiled expressions, classes with a constructor, models in a plain document."""
    assert texts(kind, annotation)[0] == first
