"""Reference rows: upserted by the keys people know, and nothing written that does not differ."""

import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.errors import DbtoolError, OperationError, UsageError
from dbtool.guard import Consent, Permission
from dbtool.metadata import Models
from dbtool.ports import Silent
from dbtool.seed.files import Seeds
from dbtool.seed.maintain import Maintained, Wanted, maintain
from dbtool.seed.reference import load

Keep = Callable[..., Maintained]

ROLES = """
- {name: admin, description: Everything, permissions: [read, write]}
- {name: "no", description: null, permissions: []}
"""
CATEGORIES = """
key: slug
rows:
  - {slug: lamps, name: Lamps, parent: {slug: home}}
  - {slug: desk-lamps, name: Desk lamps, parent: lamps}
  - {slug: home, name: Home, position: 007}
"""
PRODUCTS = """
key: sku
rows:
  - &lamp
    sku: LAMP-1
    name: Lamp
    category: lamps
    price: 12.5
    currency: EUR
    attributes: {color: red, sizes: [1, 2]}
  - {<<: *lamp, sku: LAMP-2, price: "0013.00"}
"""
FILES = {
    "roles.yaml": ROLES,
    "10-categories.yaml": CATEGORIES,
    "products.yaml": PRODUCTS,
    "tags.csv": 'slug,name,color\nnews,"News, all",\nold,Old,#112233\n',
}


@pytest.fixture
def keep(tmp_path: Path, migrated: Target, example: Models) -> Keep:
    """Write files and bring their rows into the migrated database."""

    def kept(files: dict[str, str], *, prune: bool = False, dry_run: bool = False) -> Maintained:
        directory = tmp_path / "seeds/reference"
        directory.mkdir(parents=True, exist_ok=True)
        for old in directory.iterdir():
            old.unlink()
        for name, text in files.items():
            (directory / name).write_text(textwrap.dedent(text), encoding="utf-8")
        wanted = Wanted(load(Seeds(tmp_path, tmp_path / "seeds"), example), prune, dry_run)
        allowed = Permission(Consent(yes=True))
        return maintain(migrated, example, wanted, allowed, Silent())

    return kept


def rows_of(target: Target, sql: str) -> list[tuple[object, ...]]:
    """What a query returns."""
    with SyncConnection(target) as connection:
        return [tuple(row) for row in connection.fetch(sql)]


def counts(done: Maintained) -> tuple[int, int, int, int]:
    """Rows inserted, updated, deleted and left alone."""
    tables = done.compared.tables
    return (
        sum(each.inserted for each in tables),
        sum(each.updated for each in tables),
        sum(each.deleted for each in tables),
        sum(each.unchanged for each in tables),
    )


def test_rows_are_written_once(keep: Keep, migrated: Target) -> None:
    """Parents first in any order of the files, and a second run writes nothing at all."""
    shown = keep(FILES, dry_run=True)
    assert counts(shown) == (9, 0, 0, 0)
    assert rows_of(migrated, "SELECT count(*) FROM roles") == [(0,)]
    assert counts(keep(FILES)) == (9, 0, 0, 0)
    assert rows_of(
        migrated,
        "SELECT c.slug, p.slug, c.position FROM categories c LEFT JOIN categories p "
        "ON p.id = c.parent_id ORDER BY 1",
    ) == [("desk-lamps", "lamps", 0), ("home", None, 7), ("lamps", "home", 0)]
    products = "SELECT sku, price::text, version, attributes->>'color', xmin::text FROM products"
    before = rows_of(migrated, f"{products} ORDER BY 1")
    assert [each[:4] for each in before] == [
        ("LAMP-1", "12.50", 1, "red"),
        ("LAMP-2", "13.00", 1, "red"),
    ]
    assert rows_of(migrated, "SELECT slug, name, color FROM tags ORDER BY 1") == [
        ("news", "News, all", "#808080"),
        ("old", "Old", "#112233"),
    ]
    assert counts(keep(FILES)) == (0, 0, 0, 9)
    assert rows_of(migrated, f"{products} ORDER BY 1") == before


def test_only_what_differs_is_updated(keep: Keep, migrated: Target) -> None:
    """A changed row gets its new values, a new version and time; columns left out stay."""
    keep(FILES)
    rows_of(migrated, "UPDATE products SET stock = 5, updated_at = '2020-01-01' RETURNING 1")
    done = keep({**FILES, "products.yaml": PRODUCTS.replace("12.5", "14")})
    assert counts(done) == (0, 1, 0, 8)
    (change,) = done.compared.changes
    assert (change.kind, change.key, change.columns) == (
        "update",
        "LAMP-1",
        (("price", "12.50", "14.00"),),
    )
    assert change.place == "seeds/reference/products.yaml:4:5"
    assert rows_of(
        migrated,
        "SELECT sku, price::int, stock, version, updated_at > '2021-01-01' FROM products "
        "ORDER BY 1",
    ) == [("LAMP-1", 14, 5, 2, True), ("LAMP-2", 13, 5, 1, False)]


def test_pruning_takes_what_no_file_has(keep: Keep, migrated: Target) -> None:
    """It deletes children first, takes no other row along, and a file without rows takes none."""
    keep(FILES)
    fewer = {
        **FILES,
        "10-categories.yaml": "- {slug: home, name: Home, position: 7}\n",
        "products.yaml": "key: sku\nrows: [{sku: LAMP-3, name: x, category: home, price: 1}]\n",
    }
    left = keep(fewer)
    assert [each.other for each in left.compared.tables if each.table == "categories"] == [2]
    done = keep(fewer, prune=True)
    deleted = [(each.table, each.key) for each in done.compared.changes if each.kind == "delete"]
    assert sorted(deleted) == [
        ("categories", "desk-lamps"),
        ("categories", "lamps"),
        ("products", "LAMP-1"),
        ("products", "LAMP-2"),
    ]
    rows_of(
        migrated,
        "WITH u AS (INSERT INTO users (email, name, country) VALUES ('a@b', 'a', 'DE') "
        "RETURNING id) INSERT INTO user_roles (user_id, role_id) SELECT u.id, r.id "
        "FROM u, roles r WHERE r.name = 'no' RETURNING 1",
    )
    with pytest.raises(OperationError) as raised:
        keep({"roles.yaml": "- {name: admin}"}, prune=True)
    assert raised.value.message == "1 row of user_roles would lose what they refer to in roles"
    with pytest.raises(UsageError, match="the file has no row, and all 2 of tags would be lost"):
        keep({"tags.csv": "slug,name\n"}, prune=True)
    assert rows_of(migrated, "SELECT count(*) FROM roles") == [(2,)]


class Late:
    """Says yes, and meanwhile somebody else inserts a row."""

    def __init__(self, target: Target) -> None:
        self._target = target

    def confirm(self, question: str) -> bool:
        """Insert it."""
        assert "1 row will be deleted: tags old" in question
        rows_of(self._target, "INSERT INTO tags (slug, name) VALUES ('late', 'Late') RETURNING 1")
        return True

    def type_name(self, question: str, name: str) -> bool:
        """Nothing asks for it."""
        raise AssertionError(question + name)


def test_pruning_takes_no_row_that_was_not_named(
    keep: Keep, migrated: Target, example: Models, tmp_path: Path
) -> None:
    """A row that came after the question stays, and with it all the others."""
    keep(FILES)
    (tmp_path / "seeds/reference/tags.csv").write_text("slug,name\nnews,News\n", encoding="utf-8")
    wanted = Wanted(load(Seeds(tmp_path, tmp_path / "seeds"), example), prune=True)
    with pytest.raises(OperationError, match=r"not named would be deleted: tags late$"):
        maintain(migrated, example, wanted, Permission(ask=Late(migrated)), Silent())
    found = rows_of(migrated, "SELECT slug, name FROM tags ORDER BY 1")
    assert found == [("late", "Late"), ("news", "News, all"), ("old", "Old")]


def test_two_spellings_of_one_key_do_not_differ(keep: Keep, migrated: Target) -> None:
    """Where the server takes them for one, a key in the file finds the row and stays as it is."""
    rows_of(migrated, "ALTER TABLE roles ALTER name TYPE numeric USING name::numeric")
    keep({"roles.yaml": '- {name: "1.0"}'})
    again = keep({"roles.yaml": '- {name: "1.00"}'})
    assert counts(again) == (0, 0, 0, 1)


@pytest.mark.parametrize(
    ("name", "text", "message", "more"),
    [
        ("rolls.yaml", "[]", ":1:1: the file is named after no table", "Did you mean roles"),
        ("roles.yaml", "- {nam: x}", '1:4: no column "nam" in roles', "Did you mean name?"),
        ("roles.yaml", "- {description: x}", "nothing tells the rows of roles apart", "name or id"),
        ("roles.yaml", "- {name: x}\n- {name: x}", "2:3: the same row as at", ":1:3"),
        ("roles.yaml", "key: name\nrow: []", '2:1: unknown key "row"', "Did you mean rows?"),
        ("roles.json", '[{"name": "a",}]', ": this is not JSON", ""),
        ("roles.csv", "name,description\na\n", "roles.csv:2: 1 fields where the header has 2", ""),
        (
            "categories.yaml",
            "- {slug: home, name: Home}\n- {slug: x, name: X, parent: hme}",
            '2:30: no row of categories with slug "hme"',
            "Did you mean home?",
        ),
        (
            "categories.yaml",
            "- {slug: x, name: X, position: many}",
            '1:3: position: invalid input syntax for type integer: "many"',
            "Nothing was written.",
        ),
        (
            "tags.yaml",
            "- {slug: x, name: X}\n- {slug: y, name: Y, color: '#zzzzzz'}",
            'violates check constraint "ck_tags_color_is_hexadecimal"',
            "Y, y, #zzzzzz",
        ),
        (
            "categories.yaml",
            "- {slug: a, name: A, parent: b}\n- {slug: b, name: B, parent: a}",
            "the rows refer to each other in a circle",
            "",
        ),
        (
            "products.yaml",
            "key: sku\nrows: [{sku: A, name: A, category: {slug: home}, price: 1, search: x}]",
            "search is computed by the server",
            "",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_by_its_place(
    keep: Keep, migrated: Target, name: str, text: str, message: str, more: str
) -> None:
    """By file, line and column, with near names, and nothing is written."""
    with pytest.raises(DbtoolError) as raised:
        keep({"tags.yaml": "- {slug: z, name: Z}", name: text})
    error = raised.value
    assert error.message.startswith(f"seeds/reference/{name}")
    assert message in error.message
    assert more in f"{error.message}\n{error.detail}\n{error.hint}"
    assert rows_of(migrated, "SELECT count(*) FROM tags") == [(0,)]
