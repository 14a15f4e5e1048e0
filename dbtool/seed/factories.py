"""The user's own generators, in seeds/factories.py: `factory`, `after` and `use`.

    from dbtool.seed.factories import after, factory, use

    @factory(User.nickname)
    def nicknames(rows):
        return [f"user-{number}" for number in rows.index]

A function is called once per block of rows and returns a list, or with several columns one
list each; with `each=True` it is called once per row. The file is imported as the project's
own code, and only because the project has it.
"""

import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any

from sqlalchemy import Column, Table, inspect

from dbtool.errors import OperationError, UsageError
from dbtool.seed.bound import text_of
from dbtool.seed.document import Place
from dbtool.seed.keys import KeyOf
from dbtool.seed.meaning import sql_name
from dbtool.seed.overrides import ColumnRule, TableRule
from dbtool.seed.plan import Afterwards
from dbtool.seed.rows import NULL, Generator, Rows
from dbtool.seed.values import Sometimes, escaped
from dbtool.seed.vocabulary import Vocabulary

_UNESCAPED = {"\\\\": "\\", "\\t": "\t", "\\n": "\n", "\\r": "\r"}


@dataclass(frozen=True, slots=True)
class Batch:
    """The rows a factory makes values for; `batch["status"]` is another column's values."""

    _rows: Rows
    _stream: str
    _inner: dict[str, Generator]

    def __len__(self) -> int:
        return self._rows.size

    @property
    def index(self) -> range:
        """The number of each row, from 0 on."""
        return self._rows.indices

    @property
    def rng(self) -> Random:
        """Chance that depends on the seed, the columns and the block alone."""
        return Random(self._rows.stream(self._stream).word(self._rows.block))

    def __getitem__(self, column: str) -> list[str | None]:
        """The values of another column as text; of an own one, what would be made without us."""
        if column in self._inner:
            return [_plain(text) for text in self._inner[column].texts(self._rows)]
        if column not in self._rows.population.generators:
            raise KeyError(f"{column} is not made here: it is left to the server, or misspelt")
        return [_plain(text) for text in self._rows.texts(column)]

    def parent(self, foreign_key: str, column: str) -> list[str | None]:
        """A column of the row that each row refers to by a foreign key."""
        made = self._rows.population.generators.get(foreign_key)
        made = made.inner if isinstance(made, Sometimes) else made
        if not isinstance(made, KeyOf):
            raise KeyError(f"{foreign_key} is no foreign key that is made here")
        indices = self._rows.parents(made.reference)
        return [_plain(text) for text in made.population.lookup(column, indices)]


@dataclass(frozen=True, slots=True)
class One:
    """One row of a batch, for factories that make rows one at a time."""

    batch: Batch
    at: int
    rng: Random

    @property
    def index(self) -> int:
        """The number of the row, from 0 on."""
        return self.batch.index[self.at]

    def __getitem__(self, column: str) -> str | None:
        """The value of another column as text."""
        return self.batch[column][self.at]

    def parent(self, foreign_key: str, column: str) -> str | None:
        """A column of the row it refers to."""
        return self.batch.parent(foreign_key, column)[self.at]


def _plain(text: str) -> str | None:
    """A field of COPY's text format as the value it is."""
    if text == NULL:
        return None
    for written, character in _UNESCAPED.items() if "\\" in text else ():
        text = text.replace(written, character)
    return text


@dataclass(frozen=True)
class Factory:
    """A function and the columns whose values it makes."""

    columns: tuple["Column[Any]", ...]
    function: Callable[..., Any]
    each: bool = False
    slow: str = ""
    _last: dict[int, tuple[Rows, list[Sequence[Any]]]] = field(default_factory=dict, hash=False)

    @property
    def table(self) -> Table:
        """The table of the columns."""
        return self.columns[0].table

    @property
    def name(self) -> str:
        """Where the function stands."""
        code = getattr(self.function, "__code__", None)
        place = f"{Path(code.co_filename).name}:{code.co_firstlineno} " if code else ""
        return f"{place}{getattr(self.function, '__name__', 'factory')}"

    def values(self, rows: Rows, inner: dict[str, Generator]) -> list[Sequence[Any]]:
        """The values of each column in one block; made once for all columns."""
        kept = self._last.get(0)
        if kept is None or kept[0] is not rows:
            batch = Batch(rows, ",".join(str(each.name) for each in self.columns), inner)
            kept = self._last[0] = (rows, self._made(batch))
        return kept[1]

    def _made(self, batch: Batch) -> list[Sequence[Any]]:
        try:
            made = self._one_by_one(batch) if self.each else self.function(batch)
        except Exception as error:
            raise OperationError(
                f"the factory {self.name} failed",
                detail=f"{type(error).__name__}: {error}\nNo row was loaded.",
            ) from error
        columns = [made] if len(self.columns) == 1 else list(made)
        counts = [len(each) for each in columns]
        if counts != [len(batch)] * len(self.columns):
            wanted = f"{len(self.columns)} lists of" if len(self.columns) > 1 else "a list of"
            raise OperationError(
                f"the factory {self.name} returned {counts} values",
                detail=f"It has to return {wanted} {len(batch)} values.",
            )
        return columns

    def _one_by_one(self, batch: Batch) -> Any:
        rng = batch.rng
        made = [self.function(One(batch, at, rng)) for at in range(len(batch))]
        return made if len(self.columns) == 1 else list(zip(*made, strict=True))


@dataclass(frozen=True, slots=True)
class After:
    """A function that returns SQL to run once the rows are loaded, in the same transaction."""

    table: Table
    function: Callable[[], str]


def factory(*columns: Any, each: bool = False) -> Callable[[Callable[..., Any]], Factory]:
    """Make the values of these mapped attributes, or columns of a Table, with a function."""
    found = tuple(_column(column) for column in columns)
    if not found or any(column.table is not found[0].table for column in found):
        raise UsageError("factory takes columns of one table", hint="@factory(User.name)")
    return lambda function: Factory(found, function, each)


def after(model: Any) -> Callable[[Callable[[], str]], After]:
    """Run the SQL a function returns when the rows of a model are loaded."""
    return lambda function: After(_table(model), function)


def use(existing: Any) -> Factory:
    """Take the values of a factory_boy or polyfactory class; it builds each row, which is slow.

    Keys and foreign keys stay with dbtool, and with factory_boy what the class does not declare.
    """
    meta = getattr(existing, "_meta", None)
    model = getattr(meta, "model", None) or getattr(existing, "__model__", None)
    if model is None:
        raise UsageError(f"{existing!r} is no class of factory_boy or polyfactory with a model")
    declared = set(meta.declarations) if meta is not None else None
    mapper = inspect(model)
    names = {
        attribute.key: attribute.columns[0]
        for attribute in mapper.column_attrs
        if (declared is None or attribute.key in declared) and _is_free(attribute.columns[0])
    }

    def build(batch: Batch) -> Any:
        _reseed(existing, batch.rng.getrandbits(32))
        built = [existing.build() for _ in range(len(batch))]
        columns = [[getattr(each, name) for each in built] for name in names]
        return columns[0] if len(columns) == 1 else columns

    build.__name__ = existing.__name__
    return Factory(tuple(names.values()), build, slow=existing.__name__)


def _is_free(column: "Column[Any]") -> bool:
    return not (column.primary_key or column.foreign_keys or column.computed is not None)


def _reseed(existing: Any, number: int) -> None:
    """Let the library's own chance follow ours."""
    if hasattr(existing, "seed_random"):
        existing.seed_random(number)
    elif "factory" in sys.modules:
        importlib.import_module("factory.random").reseed_random(number)


def _column(column: Any) -> "Column[Any]":
    if isinstance(column, Column):
        return column
    columns = getattr(getattr(column, "property", None), "columns", ())
    if not columns:
        raise UsageError(f"{column!r} is no column", hint="Name a mapped attribute: User.name.")
    found: Column[Any] = columns[0]
    return found


def _table(model: Any) -> Table:
    table = model if isinstance(model, Table) else getattr(model, "__table__", None)
    if table is None:
        raise UsageError(f"{model!r} is no mapped class and no table")
    return table


@dataclass(frozen=True, slots=True)
class Called:
    """One column of a factory, as a generator."""

    factory: Factory
    at: int
    inner: Generator | None = None
    kind: str = "factory"

    def over(self, inner: Generator | None) -> "Called":
        """With what would be made without it."""
        return replace(self, inner=inner)

    def texts(self, rows: Rows) -> Sequence[str]:
        """The values as the column stores them."""
        column = self.factory.columns[self.at]
        inner = {str(column.name): self.inner} if self.inner is not None else {}
        values = self.factory.values(rows, inner)[self.at]
        texts = (text_of(column, value) for value in values)
        return [NULL if text is None else escaped(text) for text in texts]


@dataclass(frozen=True, slots=True)
class Own:
    """What the project's factories say: rules by table, and SQL to run after the load."""

    rules: tuple[tuple[str, TableRule], ...] = ()
    after: tuple[Afterwards, ...] = ()
    slow: tuple[str, ...] = ()


def load(path: Path, shown: str, vocabulary: Vocabulary) -> Own:
    """Import the file and collect what it defines."""
    module = _imported(path, shown)
    found = [value for value in vars(module).values() if isinstance(value, Factory)]
    columns: dict[str, dict[str, ColumnRule]] = {}
    for each in _once(found):
        name = str(each.table.fullname)
        if vocabulary.table(name, Place(shown)) is not each.table:
            raise UsageError(f"{shown}: {name} is a table of other models than the settings name")
        rules = columns.setdefault(sql_name(each.table), {})
        for at, column in enumerate(each.columns):
            said = f"{each.name}, row by row" if each.each or each.slow else each.name
            rules[str(column.name)] = ColumnRule(shown, said, made=Called(each, at))
    return Own(
        rules=tuple(
            (name, TableRule(shown, columns=tuple(rules.items())))
            for name, rules in columns.items()
        ),
        after=tuple(_afterwards(each) for each in vars(module).values() if isinstance(each, After)),
        slow=tuple(each.slow for each in found if each.slow),
    )


def _afterwards(hook: After) -> Afterwards:
    code = hook.function.__code__
    name = f"{Path(code.co_filename).name}:{code.co_firstlineno} {hook.function.__name__}"
    try:
        sql = hook.function()
    except Exception as error:
        raise UsageError(
            f"the hook {name} failed", detail=f"{type(error).__name__}: {error}"
        ) from error
    if not isinstance(sql, str):
        raise UsageError(f"the hook {name} returned {sql!r}", hint="It has to return SQL.")
    return Afterwards(sql_name(hook.table), name, sql)


def _once(found: Iterable[Factory]) -> Iterator[Factory]:
    """Each factory once, under however many names a module holds it."""
    seen: list[Factory] = []
    for each in found:
        if not any(each is other for other in seen):
            seen.append(each)
            yield each


def _imported(path: Path, shown: str) -> Any:
    spec = importlib.util.spec_from_file_location("dbtool_seed_factories", path)
    if spec is None or spec.loader is None:
        raise UsageError(f"{shown} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except UsageError:
        raise
    except Exception as error:
        raise UsageError(
            f"{shown} cannot be imported", detail=f"{type(error).__name__}: {error}"
        ) from error
    return module
