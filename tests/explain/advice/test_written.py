"""An index as SQL, as a model's line and as operations, and the name it gets."""

from collections.abc import Iterable
from dataclasses import replace

import pytest

from dbtool.explain.advice.candidate import name_of
from dbtool.explain.advice.tables import Known, Part, Table
from dbtool.explain.advice.wished import parse
from dbtool.explain.advice.written import Written, write


def table(kind: str = "r") -> Table:
    """A table without anything but its name."""
    own = ("public", "t")
    parts = (Part("public", "t_1", own), Part("old", "t_2", own)) if kind == "p" else ()
    nothing = {"rows": 0.0, "pages": 0, "all_visible": 0, "columns": {}, "indexes": ()}
    counted = {"inserted": 0, "updated": 0, "hot": 0, "deleted": 0}
    return Table("public", "t", kind, ("public", "t"), **nothing, **counted, parts=parts)  # type: ignore[arg-type]


def written(body: str, kind: str = "r", on: str = "public.t") -> Written:
    """The forms of an index."""
    candidate, _ = parse(f"CREATE INDEX ON {on} {body}")
    return write(candidate, "ix", table(kind))


@pytest.mark.parametrize(
    ("body", "model", "operation"),
    [
        ("(a, b)", 'Index("ix", "a", "b")', 'op.create_index("ix", "t", ["a", "b"]'),
        (
            "(a DESC NULLS LAST)",
            'Index("ix", text("a DESC NULLS LAST"))',
            'op.create_index("ix", "t", [sa.text("a DESC NULLS LAST")]',
        ),
        (
            "(lower(a))",
            'Index("ix", text("lower(a)"))',
            'op.create_index("ix", "t", [sa.text("lower(a)")]',
        ),
        (
            "USING gin (a gin_trgm_ops)",
            'Index("ix", "a", postgresql_using="gin", postgresql_ops={"a": "gin_trgm_ops"})',
            'op.create_index("ix", "t", ["a"], postgresql_using="gin",'
            ' postgresql_ops={"a": "gin_trgm_ops"}',
        ),
        (
            "(a) INCLUDE (b) WHERE c = 'x\"y'",
            'Index("ix", "a", postgresql_include=["b"], postgresql_where=text("c = \'x\\"y\'"))',
            'op.create_index("ix", "t", ["a"], postgresql_include=["b"],'
            ' postgresql_where=sa.text("c = \'x\\"y\'")',
        ),
    ],
)
def test_forms(body: str, model: str, operation: str) -> None:
    """The same index in each of them, created without keeping anybody from writing."""
    found = written(body)
    assert found.sql == (f"CREATE INDEX CONCURRENTLY ix ON public.t {body}",)
    assert found.model == model
    block = "with op.get_context().autocommit_block():"
    assert found.upgrade == (block, f"    {operation}, postgresql_concurrently=True)")
    drop = 'op.drop_index("ix", table_name="t", postgresql_concurrently=True)'
    assert found.downgrade == (block, f"    {drop}")


def test_a_schema_is_named() -> None:
    """Alembic would look in public."""
    candidate, _ = parse("CREATE UNIQUE INDEX ON app.t (a)")
    found = write(candidate, "ix", None)
    assert found.sql == ("CREATE UNIQUE INDEX CONCURRENTLY ix ON app.t (a)",)
    assert '["a"], schema="app", unique=True, postgresql_con' in found.upgrade[1]


def test_parts_come_one_by_one() -> None:
    """CONCURRENTLY knows no partitioned table."""
    found = written("(a)", "p")
    assert found.sql == (
        "CREATE INDEX ix ON ONLY public.t (a)",
        "CREATE INDEX CONCURRENTLY t_1_ix ON public.t_1 (a)",
        "ALTER INDEX public.ix ATTACH PARTITION public.t_1_ix",
        "CREATE INDEX CONCURRENTLY t_2_ix ON old.t_2 (a)",
        "ALTER INDEX public.ix ATTACH PARTITION old.t_2_ix",
    )
    assert found.upgrade[1] == '    op.execute("CREATE INDEX ix ON ONLY public.t (a)")'
    assert found.downgrade == ('op.drop_index("ix", table_name="t")',)


def test_no_two_parts_share_an_index() -> None:
    """PostgreSQL takes 63 letters of a name, where those of many partitions are alike."""
    candidate, _ = parse("CREATE INDEX ON public.t (a)")
    parts = tuple(Part("public", f"t_{number}", ("public", "t")) for number in range(9))
    found = write(candidate, "i" * 62, replace(table("p"), parts=parts)).sql
    names = [each.split()[3] for each in found if "CONCURRENTLY" in each]
    assert len(set(names)) == 9
    assert max(map(len, names)) == 63


def built(name: str, *parts: Part, taken: Iterable[str] = ()) -> list[str]:
    """The names of the parts' indexes."""
    candidate, _ = parse("CREATE INDEX ON public.t (a)")
    held = frozenset(("public", each) for each in taken)
    found = write(candidate, name, replace(table("p"), parts=parts, taken=held)).sql
    return [each.split()[3].strip('"') for each in found if "CONCURRENTLY" in each]


def test_an_index_of_a_part_takes_no_name_that_is_taken() -> None:
    """Neither by a relation that is there nor by one that a shortened name falls together with."""
    own = ("public", "t")
    assert built("ix", Part("public", "t_1", own), taken=("t_1_ix",)) == ["t_1_ix_2"]
    alike = built("i" * 60 + "_2", *(Part("public", f"t_{each}", own) for each in range(4)))
    assert len(set(alike)) == 4


def test_a_name_is_cut_between_its_letters() -> None:
    """PostgreSQL counts its bytes."""
    own = ("public", "t")
    found = built("ix", *(Part("public", "ü" * 31 + each, own) for each in "12"))
    assert found == ["ü" * 30 + "_ix", "ü" * 30 + "__2"]
    assert max(len(each.encode()) for each in found) <= 63


def test_a_colon_in_a_name_binds_nothing() -> None:
    """The op.execute of a revision takes :x for a parameter."""
    found = written('("k :x")', "p")
    assert found.sql[0] == 'CREATE INDEX ix ON ONLY public.t ("k :x")'
    assert "k \\\\:x" in found.upgrade[1]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ([], "ix_t_a_b"),
        (["idx_u_c", "idx_u_d", "ix_u_e"], "idx_t_a_b"),
        (["u_c_idx"], "t_a_b_idx"),
        (["index_u_on_c"], "index_t_on_a_and_b"),
        (["ix_t_a_b"], "ix_t_a_b_2"),
    ],
)
def test_names(names: list[str], expected: str) -> None:
    """As the indexes of the database are named, and not as one that is there."""
    candidate, _ = parse("CREATE INDEX ON public.t (a, b)")
    there = tuple(("public", "t" if "_t_" in each else "u", each) for each in names)
    assert name_of(candidate, Known(18, "C", (), there, ())) == expected


def test_no_name_is_too_long() -> None:
    """PostgreSQL would cut it off without a word."""
    candidate, _ = parse(f"CREATE INDEX ON public.t ({'a' * 40}, {'b' * 40}) WHERE c IS NULL")
    assert len(name_of(candidate, Known(18, "C", (), (), ()))) == 63
