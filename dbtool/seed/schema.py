"""The JSON Schema of scenarios, made from the models, for the completion of editors."""

import json
from typing import Any

from sqlalchemy import Column, Enum, Table, TypeDecorator

from dbtool.metadata import Models
from dbtool.seed.document import Place
from dbtool.seed.drawn import COLUMN_KEYS, COUNT_KEYS
from dbtool.seed.vocabulary import Vocabulary

_ENDS = {"type": "array", "minItems": 2, "maxItems": 2}
_COUNT = {"type": "integer", "minimum": 0}
_VALUE = {"type": ["string", "number", "boolean", "null", "object", "array"]}
_MEANT = {"type": ["string", "integer", "null", "object"]}


def schema_of(models: Models) -> dict[str, Any]:
    """The schema of a scenario for these models."""
    vocabulary = Vocabulary(models)
    tables = {name: vocabulary.table(name, Place("")) for name in vocabulary.names()}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Scenario of dbtool seed",
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "extends": _says(
                "Scenarios this one adds to, or differs from.",
                {"type": ["string", "array"], "items": {"type": "string"}},
            ),
            "description": {"type": "string"},
            "seed": _says("Another number, other rows.", {"type": "integer"}),
            "as_of": _says("The day the rows end at.", {"type": "string", "format": "date"}),
            "default_rows": _says(
                "Rows of each table that depends on no other.", {"type": "integer", "minimum": 1}
            ),
            "tables": _closed({name: _table(vocabulary, each) for name, each in tables.items()}),
            "rows": _closed({name: _rows(vocabulary, each) for name, each in tables.items()}),
        },
        "$defs": {"count": _count(), "value": _VALUE},
    }


def written(schema: dict[str, Any]) -> str:
    """The schema as the text of a file."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _says(description: str, what: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, **what}


def _closed(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "properties": properties}


def _table(vocabulary: Vocabulary, table: Table) -> dict[str, Any]:
    ties = vocabulary.ties(table)
    names = {name for tie in ties for name in tie.names}
    parents = sorted(names | {str(tie.parent.fullname) for tie in ties})
    said: dict[str, Any] = {
        "rows": _says("How many rows in all.", _COUNT),
        "count": {"$ref": "#/$defs/count"},
        "columns": _closed(
            {str(each.name): _column(each) for each in table.columns if each.computed is None}
        ),
    }
    if parents:
        said["per"] = _says("What each row belongs to.", {"enum": parents})
    return {"anyOf": [_says("How many rows in all.", _COUNT), _closed(said)]}


def _column(column: "Column[Any]") -> dict[str, Any]:
    value = _value(column)
    how: dict[str, Any] = {
        "constant": value,
        "choice": {"type": "array", "items": value, "minItems": 1},
        "weights": {"type": "object", "additionalProperties": {"type": "number", "minimum": 0}},
        "range": _ENDS,
        "pattern": _says("{n} is the row's number, # a digit, ? a letter.", {"type": "string"}),
        "null": _says("The share of NULL.", {"type": "number", "minimum": 0, "maximum": 1}),
    }
    if "enum" in value:
        labels = {str(label): {"type": "number", "minimum": 0} for label in value["enum"]}
        how["weights"] = _closed({name: each for name, each in labels.items() if name != "None"})
    ruled = _closed({key: how[key] for key in COLUMN_KEYS})
    return {"anyOf": [value, how["choice"], ruled]}


def _value(column: "Column[Any]") -> dict[str, Any]:
    kind = column.type
    inner = kind.impl_instance if isinstance(kind, TypeDecorator) else kind
    if isinstance(inner, Enum):
        return {"enum": [*inner.enums, *([None] if column.nullable else [])]}
    return {"$ref": "#/$defs/value"}


def _rows(vocabulary: Vocabulary, table: Table) -> dict[str, Any]:
    columns = {str(each.name): _value(each) for each in table.columns if each.computed is None}
    names = {name for tie in vocabulary.ties(table) for name in tie.names}
    row = _closed({**columns, **dict.fromkeys(names, _MEANT)})
    return {
        "description": "Rows that are there in any case, by name or as a list.",
        "anyOf": [{"type": "array", "items": row}, {"type": "object", "additionalProperties": row}],
    }


def _count() -> dict[str, Any]:
    one_of: dict[str, Any] = {
        "exact": _COUNT,
        "uniform": _ENDS,
        "zipf": _ENDS,
        "weights": {"type": "object", "additionalProperties": {"type": "number", "minimum": 0}},
    }
    ruled = {
        **_closed({key: one_of[key] for key in COUNT_KEYS}), "minProperties": 1, "maxProperties": 1
    }  # fmt: skip
    return _says("How many rows to each parent.", {"anyOf": [_COUNT, _ENDS, ruled]})
