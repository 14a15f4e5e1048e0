"""What a revision says about itself is read off its source, or not at all: never wrongly."""

import ast
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from alembic.script import Script, ScriptDirectory
from alembic.util import to_tuple
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dbtool.migrate import headers
from dbtool.migrate.headers import Header, created, message, read

PLAIN = '''"""add users

Revision ID: {id}
Revises: base
Create Date: 2026-11-20 10:11:12.131415

"""
from alembic import op

# revision identifiers, used by Alembic.
revision = "{id}"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass
'''


def by_alembic(path: Path) -> Header:
    """What Alembic learns by executing the file."""
    directory = ScriptDirectory(path.parent)
    script = Script._from_path(directory, path)
    assert script is not None
    return Header(
        script.revision,
        script._versioned_down_revisions,
        tuple(script._orig_branch_labels or ()),
        to_tuple(script.dependencies, default=()),
        script.module.__doc__ or "",
        path,
    )


def test_plain_revision(tmp_path: Path) -> None:
    """The file Alembic's template makes."""
    path = tmp_path / "a.py"
    path.write_text(PLAIN.format(id="abc123"))
    header = read(path)
    assert header == by_alembic(path)
    assert header is not None
    assert header.message == "add users"
    assert created(header.doc) == "2026-11-20 10:11"


@pytest.mark.parametrize("recursive", [False, True])
def test_files_are_those_alembic_loads(tmp_path: Path, recursive: bool) -> None:
    """Nested, linked, cached, hidden and oddly named: the same files, whoever looks."""
    versions, elsewhere = tmp_path / "versions", tmp_path / "elsewhere"
    places = (
        *("a.py", "__init__.py", ".#a.py", "a.txt", "below/b.py", "below/more/c.py"),
        *("__pycache__/d.py", "odd__pycache__/e.py", "named.py/f.py", ".hidden/g.py"),
    )
    for number, place in enumerate(places):
        path = versions / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(PLAIN.format(id=f"abc{number}"))
    for name in ("linked.py", "inside.py"):
        (elsewhere / name).parent.mkdir(exist_ok=True)
        (elsewhere / name).write_text(PLAIN.format(id=name[:-3]))
    (versions / "link.py").symlink_to(elsewhere / "linked.py")
    (versions / "twin.py").symlink_to(versions / "a.py")
    (versions / "directory").symlink_to(elsewhere)
    directory = ScriptDirectory(
        tmp_path, version_locations=[versions], recursive_version_locations=recursive
    )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "File .* loaded twice")
        loaded = sorted(Path(each.path) for each in directory._load_revisions())
    assert sorted(headers.files([versions], recursive)) == loaded
    assert len(loaded) == (6 if recursive else 2)


LITERAL = [
    'revision: str = "b"\ndown_revision: str | None = "a"',
    'revision = "b"\ndown_revision = ("a", "c")\ndepends_on = ["d"]\nbranch_labels = ("x",)',
    'revision = "b" "2"\ndown_revision = None',
    'import os\nif os:\n    import sys\nrevision = "b"\ndown_revision = "a"',
    'def f():\n    revision = "local"\n\nrevision = "b"\ndown_revision = "a"',
    'revision = "b"\ndown_revision = "a"\ndef upgrade():\n    down_revision = "local"',
    'revision = "b"\ndown_revision = "a"\ndef upgrade(): pass\ndepends_on = ("z",)',
]

OPAQUE = [
    'revision = "b"\ndown_revision = "".join("a")',
    'revision = "b"\ndown_revision = None\nif True:\n    down_revision = "a"',
    'revision = "b"\ndown_revision = None\ndef upgrade(): pass\ndown_revision = "a"',
    'revision = "b"\ndown_revision = None\nrevision += "c"',
    'revision = "b"\ndown_revision = None\nglobals()["down_revision"] = "a"',
    'revision = "b"\ndown_revision = None\nfor down_revision in ("a",): pass',
    'revision = "b"\ndown_revision = None\nclass down_revision: pass\ndown_revision = "a"',
    'revision = "b"\ndown_revision = None\n'
    'def change():\n    global down_revision\n    down_revision = "a"\nchange()',
    'revision = down_revision = "b"\ndown_revision = "a"',
    'revision, down_revision = "b", "a"',
    'revision = "b"\ndown_revision = None\n__doc__ = "another"',
    'revision = "b"\ndown_revision = None\nexec("down_revision = \'a\'")',
    'revision = "b"\ndown_revision = None\nimport sys as down_revision\ndown_revision = "a"',
    'revision = "b"\ndown_revision = None\ntry:\n    down_revision = "a"\nexcept E: pass',
    'revision = "b"\ndown_revision = None\nwith open(__file__) as f: down_revision = "a"',
    'revision = "b"\ndown_revision = None\n(down_revision := "a")',
    'revision = "b"\ndown_revision = "a" if True else None',
]


@pytest.mark.parametrize("source", LITERAL)
def test_literal_headers_say_what_alembic_finds(tmp_path: Path, source: str) -> None:
    """Literal headers in every notation are read as Alembic reads them."""
    path = tmp_path / "a.py"
    path.write_text(f'"""doc"""\n{source}\n')
    assert read(path) == by_alembic(path)


@pytest.mark.parametrize("source", OPAQUE)
def test_anything_else_is_opaque(tmp_path: Path, source: str) -> None:
    """What is computed, changed or hidden is left to Alembic."""
    path = tmp_path / "a.py"
    path.write_text(f'"""doc"""\n{source}\n')
    assert by_alembic(path).revision
    assert read(path) is None


@pytest.mark.parametrize("source", ["", "def (", 'revision = "a@b"\ndown_revision = None'])
def test_files_that_are_no_revisions_are_opaque(tmp_path: Path, source: str) -> None:
    """Alembic says what is wrong with them."""
    path = tmp_path / "a.py"
    path.write_text(source)
    assert read(path) is None


names = st.from_regex(r"[a-z0-9_]{1,12}", fullmatch=True)
values = st.one_of(
    st.none(),
    names,
    st.lists(names, min_size=1, max_size=3, unique=True).map(tuple),
    st.lists(names, min_size=1, max_size=3, unique=True),
)
lines = st.sampled_from(
    [
        "from alembic import op",
        "import os",
        "X = [1, 2]",
        "# revision = 'comment'",
        "'''revision = 'text' '''",
        "def helper():\n    revision = 'inner'\n    return revision",
        "if True:\n    down_revision = 'changed'",
        "class Status:\n    revision = 'attribute'",
        "for n in range(2):\n    pass",
        "lambda: 1",
    ]
)


@st.composite
def sources(draw: st.DrawFn) -> str:
    """A revision file with its parts in any order, and other code between."""
    revision = draw(names)
    parts = [
        f"revision = {revision!r}",
        f"down_revision = {draw(values)!r}",
        *([f"branch_labels = {draw(values)!r}"] if draw(st.booleans()) else []),
        *([f"depends_on: object = {draw(values)!r}"] if draw(st.booleans()) else []),
        *draw(st.lists(lines, max_size=4)),
    ]
    body = "\n".join(draw(st.permutations(parts)))
    doc = draw(st.one_of(st.none(), st.text("ab \n:é", max_size=30)))
    return (f'"""{doc}"""\n' if doc is not None else "") + body + "\n"


@example('""" """\nrevision = "a"\ndown_revision = None\n')
@example('"""One.\n\n    Two.\n  """\nrevision = "a"\ndown_revision = None\n')
@settings(max_examples=300)
@given(sources())
def test_never_a_wrong_answer(source: str) -> None:
    """Whatever is read equals what Alembic finds by executing the file."""
    with TemporaryDirectory() as directory:
        path = Path(directory) / "a.py"
        path.write_text(source, encoding="utf-8")
        header = read(path)
        if header is not None:
            assert header == expected(path)


def expected(path: Path) -> Header | None:
    """What Alembic finds; None where it refuses the file."""
    try:
        return by_alembic(path)
    except Exception:
        return None


@pytest.mark.parametrize(
    ("doc", "said"),
    [
        ("add users\n\nRevision ID: x", "add users"),
        ("\nadd\n  users\nRevision ID: x", "add users"),
        ("", ""),
        ("one line", "one line"),
    ],
)
def test_message(doc: str, said: str) -> None:
    """The message is the first paragraph, on one line."""
    assert message(doc) == said


@settings(max_examples=300)
@given(sources())
def test_the_quick_look_sees_what_a_parser_sees(source: str) -> None:
    """Where a source is so plain that it is not parsed, parsing it says the same."""
    if plain := headers._PLAIN.match(source):
        path = Path("a.py")
        assert headers._of_plain(plain, path) == headers._header(ast.parse(source), path)
