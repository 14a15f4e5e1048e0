"""Projects that are not ours: their shapes, and how one is set up in a temporary directory.

A shape is what is particular about a project. Its files lie over `base`, a small shop with
three revisions; `@URL@` in a file is the database the project believes to be its own.
"""

import io
import shutil
from collections.abc import Callable, Mapping
from contextlib import chdir, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path

from dbtool.database.target import Target

HERE = Path(__file__).parent
_DRIVERS = {"@URL@": "", "@URL:psycopg@": "psycopg", "@URL:asyncpg@": "asyncpg"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """One kind of project, and what Alembic and dbtool are told to run it."""

    name: str
    about: str
    x: tuple[str, ...] = ()
    section: str | None = None
    config: str | None = None
    directory: str = "."
    head: str = "head"
    without: tuple[str, ...] = ()
    moves: Mapping[str, str] = field(default_factory=dict)
    template: str | None = None
    before: str = ""
    finish: Callable[[Path], None] | None = None

    @property
    def arguments(self) -> tuple[str, ...]:
        """The options that stand before Alembic's command."""
        named = ("-n", self.section) if self.section else ()
        config = ("-c", self.config) if self.config else ()
        return (*config, *named, *(part for each in self.x for part in ("-x", each)))


@dataclass(frozen=True, slots=True)
class Built:
    """A project on disk: where commands run, and the environment they run in."""

    shape: Shape
    root: Path
    environment: Mapping[str, str]

    @property
    def directory(self) -> Path:
        """The directory in which its people type commands."""
        return self.root / self.shape.directory

    def files(self) -> dict[str, bytes]:
        """Every file and its content, without what Python and dbtool keep for themselves."""
        return {
            str(path.relative_to(self.root)): path.read_bytes()
            for path in sorted(self.root.rglob("*"))
            if path.is_file() and not {"__pycache__", ".dbtool"} & {*path.parts}
        }


def build(shape: Shape, root: Path, own: Target) -> Built:
    """Set the project up in `root`, pointed at the database `own`."""
    if shape.template is not None:
        _from_template(shape.template, root)
    else:
        _copy(HERE / "base", root, without=shape.without)
        _copy(HERE / "shapes" / shape.name, root)
    for source, destination in shape.moves.items():
        _move(root / source, root / destination)
    _point_at(root, own)
    if shape.finish is not None:
        shape.finish(root)
    return Built(
        shape, root, {"SHOP_DATABASE_URL": plain_url(own), "REPORTS_DATABASE_URL": plain_url(own)}
    )


def plain_url(target: Target, driver: str = "") -> str:
    """The URL as people write it, with or without a driver."""
    url = target.sqlalchemy_url(driver or "psycopg")
    return url if driver else url.replace("+psycopg", "", 1)


def _copy(source: Path, root: Path, without: tuple[str, ...] = ()) -> None:
    for path in sorted(source.rglob("*")) if source.is_dir() else ():
        name = path.relative_to(source).as_posix()
        if path.is_dir() or "__pycache__" in path.parts or name.startswith(without or ("/",)):
            continue
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, root / name)


def _move(source: Path, destination: Path) -> None:
    destination.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(source, destination)


def _point_at(root: Path, own: Target) -> None:
    for path in root.rglob("*"):
        if path.is_file() and b"@URL" in (content := path.read_bytes()):
            text = content.decode()
            for mark, driver in _DRIVERS.items():
                url = plain_url(own, driver)
                text = text.replace(mark, url.replace("%", "%%") if path.suffix == ".ini" else url)
            path.write_text(text)


def _from_template(template: str, root: Path) -> None:
    """What `alembic init` writes, given a model and revisions as its documentation says."""
    from alembic import command
    from alembic.config import Config

    root.mkdir(parents=True, exist_ok=True)
    config = Config("alembic.ini", toml_file="pyproject.toml")
    with chdir(root), redirect_stdout(io.StringIO()):
        command.init(config, "migrations", template)
    if template == "multidb":
        _finish_multidb(root)
    else:
        _finish_template(root, "asyncpg" if "async" in template else "psycopg")


def _finish_template(root: Path, driver: str) -> None:
    _copy(HERE / "base/app", root / "app")
    _copy(HERE / "base/migrations/versions", root / "migrations/versions")
    _replace(root / "alembic.ini", "driver://user:pass@localhost/dbname", f"@URL:{driver}@")
    _replace(
        root / "migrations/env.py",
        "\ntarget_metadata = None",
        "\nfrom app.models import Base\n\ntarget_metadata = Base.metadata",
    )


def _finish_multidb(root: Path) -> None:
    _copy(HERE / "templates/multidb/versions", root / "migrations/versions")
    for number in (1, 2):
        tail = "" if number == 1 else "2"
        _replace(
            root / "alembic.ini", f"driver://user:pass@localhost/dbname{tail}\n", "@URL:psycopg@\n"
        )


def _replace(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text, f"{old!r} is not in {path.name}"
    path.write_text(text.replace(old, new))
