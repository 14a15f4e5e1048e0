"""Scenarios: what they say is what is loaded, and what is wrong in them is named by its place."""

import textwrap
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.errors import UsageError
from dbtool.guard import Permission
from dbtool.metadata import Models
from dbtool.ports import Silent
from dbtool.seed import live
from dbtool.seed.files import Seeds
from dbtool.seed.plan import Request
from dbtool.seed.run import seed
from dbtool.seed.scenario import Scenario, load
from dbtool.seed.scenes import Given, Scenes
from tests.seed.conftest import planned, texts

Write = Callable[..., Scenario]

SHOP = """
extends: base
seed: 7
tables:
  users:
    rows: 40
    columns:
      status: {weights: {active: 3, suspended: 1}}
      country: [NO, DE]
      last_seen_at: {null: 1}
      created_at: {range: [2025-01-01, 2025-12-31]}
  posts:
    per: author_id
    count: [2, 3]
    columns:
      slug: {pattern: "post-{n:04}-##??"}
      view_count: {range: [10, 12]}
  comments: {rows: 300}
  profiles: 10
  orders: {per: users, count: {zipf: [0, 50]}}
rows:
  users:
    demo: {email: demo@example.com, name: Demo, country: FR}
    other: {email: other@example.com}
  posts:
    hello: {author: demo, title: Hello world}
    again: {author: other, title: Once more}
    third: {author: other, title: A third}
    fourth: {author: other, title: A fourth}
    fifth: {author: other, title: A fifth}
  comments:
    first: {author: other, post: hello, body: Welcome}
"""
BASE = """
default_rows: 12
tables:
  users: {rows: 3, columns: {preferences: {constant: {theme: dark}}}}
  comments: {count: 1}
rows:
  tags: [{name: News, slug: news}, {name: Ärger, slug: aerger, color: "#ff0000"}]
"""


@pytest.fixture
def write(tmp_path: Path, example: Models) -> Write:
    """Write scenarios and load the last one."""

    def written(text: str, **others: str) -> Scenario:
        (tmp_path / "seeds/scenarios").mkdir(parents=True, exist_ok=True)
        for name, each in {**others, "shop": text}.items():
            path = tmp_path / f"seeds/scenarios/{name}.yaml"
            path.write_text(textwrap.dedent(each), encoding="utf-8")
        return load(Seeds(tmp_path, tmp_path / "seeds"), "shop", example)

    return written


def request_of(scenario: Scenario) -> Request:
    """What a scenario asks for."""
    return Request(rows=scenario.default_rows or 20, rules=scenario.rules)


def test_what_is_said_is_loaded(migrated: Target, example: Models, write: Write) -> None:
    """Counts, values, shares and named rows are as the scenario says, and the server takes them."""
    request = request_of(write(SHOP, base=BASE))
    made = planned(migrated, example, request)
    found = texts(made)
    assert len(found["users.id"]) == 40
    assert set(found["users.status"]) == {"active", "suspended"}
    assert Counter(found["users.country"])["FR"] == 1
    assert set(found["users.country"]) == {"NO", "DE", "FR"}
    assert set(found["users.last_seen_at"]) == {r"\N"}
    assert set(found["users.preferences"]) == {'{"theme": "dark"}'}
    assert {text[:4] for text in found["users.created_at"]} == {"2025"}
    assert found["posts.view_count"]
    assert set(found["posts.view_count"]) <= {"10", "11", "12"}
    assert found["posts.slug"][0][:10] == "post-0001-"
    per_author = Counter(found["posts.author_id"])
    assert set(per_author.values()) == {2, 3, 4}
    assert [per_author["1"], per_author["2"]][1] == 4
    assert len(found["comments.id"]) == 300
    assert len(found["profiles.user_id"]) == 10
    assert max(Counter(found["orders.customer_id"]).values()) <= 50
    assert found["tags.name"][:2] == ["News", "Ärger"]
    assert found["users.email"][:2] == ["demo@example.com", "other@example.com"]
    titles = dict(zip(found["posts.title"], found["posts.author_id"], strict=True))
    assert (titles["Hello world"], titles["Once more"], titles["A fifth"]) == ("1", "2", "2")
    seed(migrated, example, request)
    with SyncConnection(migrated) as connection:
        (row,) = connection.fetch(
            "SELECT u.email, p.title FROM comments c JOIN users u ON u.id = c.author_id "
            "JOIN posts p ON p.id = c.post_id WHERE c.body = 'Welcome'"
        )
    assert tuple(row) == ("other@example.com", "Hello world")
    users = next(table for table in made.plan.tables if table.name == "users")
    shown = {each.name: (each.source, each.detail) for each in users.columns}
    assert shown["status"] == ("override", "active 75%, suspended 25%")
    assert shown["created_at"] == ("override", "2025-01-01 to 2025-12-31")
    assert shown["preferences"] == ("override", 'always {"theme": "dark"}')


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("tables: {usr: 3}", "1:10: no table \"usr\" in the models", ""),
        (
            "tables:\n  users:\n    columns: {emial: x}",
            '3:15: no column "emial" in users',
            "Did you mean email?",
        ),
        ("table: {}", '1:1: unknown key "table"', "Did you mean tables?"),
        ("tables: {users: {rows: -1}}", "1:24: this must be at least 0", ""),
        ("tables: {users: {rows: 1.5}}", "1:24: this must be a whole number", ""),
        ("tables: {posts: {count: [3, 1]}}", "1:25: 3 is more than 1", ""),
        ("tables: {posts: {rows: 3, count: 1}}", "1:34: rows says how many in all, count", ""),
        ("tables: {posts: {per: tags}}", "1:23: posts does not refer to tags", ""),
        (
            "tables: {user_roles: {per: users}}",
            "1:28: user_roles refers to users more than once",
            "Name the foreign key: per: granted_by_id or user_id.",
        ),
        (
            "tables: {users: {columns: {status: actve}}}",
            '1:36: "actve" is no value of users.status',
            "Did you mean active?",
        ),
        ("rows: {posts: {x: {author: nobody}}}", "1:28: no row of users has this name", ""),
        ("users: {\n", "while parsing", ""),
        ("seed: 1\nseed: 2", '2:1: "seed" stands here twice, first on line 1', ""),
        ("extends: bse", '1:10: no scenario "bse"', "Did you mean base?"),
        ("extends: shop", "1:10: scenarios extend each other: shop -> shop", ""),
        ("tables: {users: {columns: {name: {null: 2}}}}", "1:41: a share of NULL is", ""),
        ("- 1", "1:1: a scenario is a mapping", ""),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_by_its_place(
    write: Write, text: str, message: str, hint: str
) -> None:
    """No server is needed to tell, and near names are given."""
    with pytest.raises(UsageError) as raised:
        write(text, base="seed: 1")
    error = raised.value
    assert error.message.startswith("seeds/scenarios/shop.yaml:")
    assert message in f"{error.message}\n{error.detail}"
    assert hint in error.hint


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tables: {users: 5, profiles: {count: 2}}", "profiles cannot have 2 to each"),
        ("tables: {users: 5, profiles: 6}", "profiles cannot have 6 rows"),
        (
            "tables: {users: 5, roles: 2, user_roles: {count: 3}}",
            "user_roles cannot have 3 to each",
        ),
        ("tables: {tags: {rows: 9, columns: {name: [a, b]}}}", "2 values for 9 rows"),
        ("tables: {users: {columns: {name: {null: 0.5}}}}", "name takes no NULL"),
        ("tables: {users: {columns: {name: {range: [1, 2]}}}}", "which has no ranges"),
        ("tables: {posts: {columns: {view_count: {range: [a, b]}}}}", "a to b is no range of int"),
        ("tables: {order_lines: {columns: {total: 3}}}", "total is computed by the server"),
        ("rows: {users: [{id: 7}]}", "id of users is numbered, from 1 on"),
        ("tables: {users: 1}\nrows: {users: [{name: a}, {name: b}]}", "fewer than are named"),
    ],
)
def test_the_impossible_is_refused_before_anything_is_touched(
    migrated: Target, example: Models, write: Write, text: str, message: str
) -> None:
    """What the constraints cannot hold is said with the place that asks for it."""
    request = request_of(write(text))
    with pytest.raises(UsageError) as raised:
        planned(migrated, example, request)
    assert message in raised.value.message
    assert raised.value.message.startswith("seeds/scenarios/shop.yaml:")


def test_a_sample_keeps_small_tables_whole(migrated: Target, example: Models, write: Write) -> None:
    """What a scenario asks for is possible in a sample of it too, and at another scale."""
    text = "tables: {users: 3000, profiles: 2900, roles: 3, user_roles: {count: [1, 3]}}"
    request = request_of(write(text + "\nrows: {users: [{name: Ann}, {name: Bob}]}"))
    for changed, users, roles in (
        (replace(request, sample=40), 40, 3),
        (replace(request, scale=0.0001), 2, 1),
    ):
        rules = tuple(each for each in changed.rules if "user_roles" not in each[0] or roles == 3)
        found = planned(migrated, example, replace(changed, rules=rules))
        counts = {table.name: table.rows for table in found.plan.tables}
        assert (counts["users"], counts["roles"]) == (users, roles)
        assert counts["profiles"] <= users


def test_named_rows_refer_to_reference_rows_by_their_keys(
    migrated: Target, example: Models, tmp_path: Path
) -> None:
    """Also where rows are dealt along that relationship; a key that no file has is refused."""
    for name in ("reference", "scenarios"):
        (tmp_path / name).mkdir()
    rows = "[{slug: cups, name: Cups, position: 1}, {slug: mugs, name: Mugs, position: 2}]"
    (tmp_path / "reference/categories.yaml").write_text(f"key: slug\nrows: {rows}")
    scenario = "{tables: {products: {per: category, count: 3}}, rows: {products: ROWS}}"
    named = "{one: {category: mugs, name: One}, two: {category: mugs, name: Two}}"
    (tmp_path / "scenarios/shop.yaml").write_text(scenario.replace("ROWS", named))
    (tmp_path / "scenarios/bad.yaml").write_text(scenario.replace("ROWS", "[{category: mgs}]"))
    scenes = Scenes(Seeds(tmp_path, tmp_path), example)
    kept = scenes.kept(migrated, Permission(), Silent(), dry_run=False)
    request = scenes.request("shop", Given(tables=("products",)), kept)
    seed(migrated, example, request)
    with SyncConnection(migrated) as session:
        found = session.fetch("""
            SELECT c.slug, count(*), count(*) FILTER (WHERE p.name IN ('One', 'Two')) AS named
            FROM products p JOIN categories c ON c.id = p.category_id GROUP BY 1 ORDER BY 1
        """)
    assert [tuple(each) for each in found] == [("cups", 3, 0), ("mugs", 3, 2)]
    with pytest.raises(UsageError) as caught:
        scenes.request("bad", Given(), kept)
    assert caught.value.message.endswith(
        "no row of categories has this name in this scenario or its reference file"
    )
    assert "mugs" in caught.value.hint


def test_reference_rows_that_are_not_found_by_their_keys(
    migrated: Target, example: Models, tmp_path: Path
) -> None:
    """Each refusal says why; keys are any text, and rows without one are parents all the same."""
    for name in ("reference", "scenarios"):
        (tmp_path / name).mkdir()
    (tmp_path / "reference/categories.yaml").write_text(
        "key: name\nrows: [{slug: cups, name: Cups}, {slug: mugs, name: 'M\\ugs'}]"
    )
    scenario = "tables: {products: {per: category, count: 2}}\n"
    (tmp_path / "scenarios/plain.yaml").write_text(scenario)
    named = "rows: {products: [{category: 'M\\ugs', name: One}]}"
    (tmp_path / "scenarios/shop.yaml").write_text(scenario + named)
    scenes = Scenes(Seeds(tmp_path, tmp_path), example)

    def refused() -> UsageError:
        with pytest.raises(UsageError) as caught:
            planned(migrated, example, request)
        assert caught.value.message.endswith(r'no row "M\ugs" of categories is there to refer to')
        return caught.value

    def change(sql: str) -> None:
        with SyncConnection(migrated) as session:
            session.execute(sql)

    scenes.kept(migrated, Permission(), Silent(), dry_run=False)
    request = scenes.planned("shop", Given(tables=("products",)))
    change("""
        ALTER TABLE categories ALTER name DROP NOT NULL;
        INSERT INTO categories (slug, position) VALUES ('nameless', 3);
    """)
    assert [each.rows for each in planned(migrated, example, request).plan.tables] == [6]
    change("DELETE FROM categories WHERE slug = 'mugs'")
    assert refused().hint == "dbtool seed reference brings it in."
    change("""
        INSERT INTO categories (slug, name, position)
        SELECT 'more-' || n, 'More ' || n, n FROM generate_series(1, 4096) AS n
    """)
    assert refused().hint == "dbtool seed reference brings it in."
    scenes.kept(migrated, Permission(), Silent(), dry_run=False)
    seed(migrated, example, request)
    with SyncConnection(migrated) as session:
        (one,) = session.fetch("""
            SELECT c.slug, c.id > 4096 AS behind FROM products p JOIN categories c
            ON c.id = p.category_id WHERE p.name = 'One'
        """)
    assert tuple(one) == ("mugs", True)
    change("DELETE FROM products; ALTER TABLE categories RENAME name TO title")
    assert "lacks the column" in refused().detail
    plain = scenes.planned("plain", Given(tables=("products",)))
    assert [each.rows for each in planned(migrated, example, plain).plan.tables] == [8192]


def test_wanted_rows_stay_beside_those_behind_the_first(database: Target) -> None:
    """What is looked up behind them takes the places of rows that nobody asked for."""
    with SyncConnection(database) as session:
        session.execute("""
            CREATE TABLE shelves (id int PRIMARY KEY, slug text NOT NULL);
            INSERT INTO shelves SELECT n, 'shelf-' || n FROM generate_series(1, 9) AS n
        """)
        (table,) = session.run(lambda c: live.read(c, ["public.shelves"])).tables

        def found(*wanted: str) -> tuple[str | None, ...]:
            beside = live.Beside(("slug",), tuple((each,) for each in wanted))
            return session.run(lambda c: live.keys(c, table, ["id"], 4, beside))["id"]

        assert found() == ("1", "2", "3", "4")
        assert found("shelf-4") == ("1", "2", "3", "4")
        assert found("shelf-4", "shelf-9") == ("1", "2", "4", "9")
        assert found("shelf-3", "shelf-4", "shelf-8", "shelf-9") == ("3", "4", "8", "9")
        assert found(*(f"shelf-{n}" for n in range(1, 7))) == ("1", "2", "3", "4", "5", "6")


def test_named_rows_refer_by_keys_of_several_columns(
    migrated: Target, example: Models, tmp_path: Path
) -> None:
    """In either spelling that reference files know; a key that lacks a column is refused."""
    for name in ("reference", "scenarios"):
        (tmp_path / name).mkdir()
    rows = "[{slug: cups, name: Cups, position: 1}, {slug: mugs, name: Mugs, position: 2}]"
    (tmp_path / "reference/categories.yaml").write_text(f"key: [position, name]\nrows: {rows}")
    scenario = "{tables: {products: {per: category, count: 2}}, rows: {products: [ROW]}}"
    whole = "{category: {name: Mugs, position: 2}, name: One}"
    dotted = "{category.name: Mugs, category.position: 2, name: One}"
    part = "{category: {name: Mugs}, name: One}"
    for name, row in (("whole", whole), ("dotted", dotted), ("part", part)):
        (tmp_path / f"scenarios/{name}.yaml").write_text(scenario.replace("ROW", row))
    scenes = Scenes(Seeds(tmp_path, tmp_path), example)
    kept = scenes.kept(migrated, Permission(), Silent(), dry_run=False)
    asked = [
        scenes.request(name, Given(tables=("products",)), kept) for name in ("whole", "dotted")
    ]
    made = [texts(planned(migrated, example, each)) for each in asked]
    assert made[0] == made[1]
    at = made[0]["products.name"].index("One")
    assert made[0]["products.category_id"][at] == "2"
    with pytest.raises(UsageError) as caught:
        scenes.request("part", Given(), kept)
    assert caught.value.hint == "Its file tells rows apart by {position: …, name: …}."
