"""What only one side knows: the models, or the tables as they stand."""

from collections.abc import Iterator, Mapping, Sequence

from dbtool.seed.live import LiveTable
from dbtool.seed.meaning import Meaning


def drift(tables: Sequence[LiveTable], meanings: Mapping[str, Meaning]) -> list[str]:
    """Columns that only one side knows."""
    said: list[str] = []
    for table in tables:
        known = meanings[table.name].columns if table.name in meanings else ()
        live = [column.name for column in table.columns]
        if known:
            only_models = [f"{table.shown}.{name} is in the models only" for name in known]
            only_live = [f"{table.shown}.{name} is in the database only" for name in live]
            said += [
                text for name, text in zip(known, only_models, strict=True) if name not in live
            ]
            said += [text for name, text in zip(live, only_live, strict=True) if name not in known]
            said += _missing_labels(table, meanings[table.name])
    return said


def _missing_labels(table: LiveTable, meaning: Meaning) -> Iterator[str]:
    """Labels of enum types that the models have and the database has not."""
    for column in table.columns:
        meant = meaning.labels.get(column.name, ()) if column.labels else ()
        if missing := [label for label in meant if label not in column.labels]:
            listed = ", ".join(f'"{label}"' for label in missing)
            yield (
                f"{table.shown}.{column.name}: the enum of the database lacks {listed};"
                f" a revision has to ALTER TYPE {column.element or column.type} ADD VALUE"
            )
