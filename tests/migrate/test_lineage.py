"""What follows from headers alone equals what Alembic makes of the same revisions."""

import warnings
from pathlib import Path

import pytest
from alembic.script.revision import Revision, RevisionMap
from hypothesis import given, settings
from hypothesis import strategies as st

from dbtool.migrate.headers import Header
from dbtool.migrate.lineage import lineage

HERE = Path("versions")
LABELS = ("web", "jobs", "r3", "r1")


@st.composite
def histories(draw: st.DrawFn, related: bool = True) -> list[Header]:
    """Revisions in any order in the directory, some with labels and dependencies by any name."""
    found: list[Header] = []
    labels: list[str] = []
    for number in range(draw(st.integers(1, 14))):
        known = [each.revision for each in found]
        some = st.lists(st.sampled_from(known), max_size=3, unique=True)
        parents: list[str] = draw(some) if known else []
        if parents and draw(st.sampled_from((True, False))):
            parents = [known[-1]]
        label = draw(st.sampled_from((None, None, None, *LABELS))) if related else None
        names = [*known, *labels]
        depends: list[str] = draw(
            st.lists(st.sampled_from(names or [""]), max_size=2 if names and related else 0)
        )
        found.append(
            Header(
                f"r{number}", tuple(parents), (label,) if label else (), tuple(depends), "", HERE
            )
        )
        labels += [label] if label else []
    return draw(st.permutations(found))


def alembic(headers: list[Header]) -> RevisionMap | None:
    """The same revisions as Alembic has them; None where it objects."""
    made = RevisionMap(
        lambda: [
            Revision(each.revision, each.down_revisions, each.depends_on, each.branch_labels)
            for each in headers
        ]
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            assert made.heads is not None
        except Exception:
            return None
    return made


def upgrade(made: RevisionMap, recorded: tuple[str, ...]) -> tuple[str, ...]:
    """What Alembic would run to reach the heads."""
    walked = made.iterate_revisions("heads", recorded or None, implicit_base=True)
    return tuple(each.revision for each in walked)[::-1]


EXAMPLES = pytest.mark.parametrize("count", [100, pytest.param(1_000, marks=pytest.mark.slow)])


@EXAMPLES
def test_heads_and_pending_are_those_of_alembic(count: int) -> None:
    """Where an answer is given at all, it is Alembic's, from any place a database can be at."""
    settings(max_examples=count)(given(histories(), st.data())(compare_pending))()


def compare_pending(headers: list[Header], data: st.DataObject) -> None:
    """What is pending from some place in one history."""
    line, made = lineage(headers), alembic(headers)
    if line is None:
        return
    assert made is not None
    assert line.heads == made.heads
    names = [each.revision for each in headers]
    chosen = data.draw(st.lists(st.sampled_from(names), max_size=3, unique=True))
    applied = line.applied(chosen) or frozenset()
    recorded = tuple(each for each in chosen if not applied.intersection(line.after[each]))
    pending = line.pending(recorded)
    if pending is not None:
        assert pending == upgrade(made, recorded)
    else:
        assert upgrade(made, recorded)


@EXAMPLES
def test_order_is_that_of_alembic(count: int) -> None:
    """A history without labels and dependencies has an answer, in the very same order."""
    settings(max_examples=count)(given(histories(related=False))(compare_order))()


def compare_order(headers: list[Header]) -> None:
    """One history from its newest revision on."""
    line, made = lineage(headers), alembic(headers)
    assert line is not None
    assert made is not None
    walked = tuple(each.revision for each in made.iterate_revisions("heads", "base"))
    assert line.newest_first() == walked


def header(name: str, *down: str, labels: tuple[str, ...] = ()) -> Header:
    """One revision."""
    return Header(name, down, labels, (), "", HERE)


def test_what_alembic_objects_to_has_no_answer() -> None:
    """A missing parent, a circle, a file twice, a label twice and a reserved name."""
    assert lineage([header("a", "gone")]) is None
    assert lineage([header("a", "b"), header("b", "a")]) is None
    assert lineage([header("a"), header("a")]) is None
    assert lineage([header("a", labels=("x",)), header("b", labels=("x",))]) is None
    assert lineage([header("head")]) is None


def test_unknown_revision_has_no_answer() -> None:
    """A database that records what no file has is not said to be up to date."""
    line = lineage([header("a"), header("b", "a")])
    assert line is not None
    assert line.pending(("z",)) is None
    assert line.pending(("b",)) == ()
    assert line.pending(()) == ("a", "b")
