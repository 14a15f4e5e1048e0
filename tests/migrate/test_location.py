"""Alembic's configuration is found where people keep it, and its paths mean what they meant."""

from pathlib import Path

import pytest

from dbtool.errors import UsageError
from dbtool.migrate.location import find, script_directory, version_directories


def write(root: Path, files: dict[str, str]) -> Path:
    """Write files, and an env.py wherever a directory is called `migrations`."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def environment(root: Path, *names: str) -> None:
    """Script directories."""
    write(root, {f"{name}/env.py": "" for name in names})
    for name in names:
        (root / name / "versions").mkdir()


INI = "[alembic]\nscript_location = migrations\n"


def test_nearest_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one in the current directory, else the nearest up to the root."""
    write(tmp_path, {"alembic.ini": INI, "part/alembic.ini": INI})
    environment(tmp_path, "migrations", "part/migrations")
    below = tmp_path / "part" / "deeper"
    below.mkdir()
    for here, expected in ((tmp_path, tmp_path), (below, tmp_path / "part")):
        monkeypatch.chdir(here)
        place = find(None, None, tmp_path)
        assert (place.ini, place.base) == (expected / "alembic.ini", expected)
        assert script_directory(place) == expected / "migrations"


def test_paths_of_an_ini_outside_the_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Relative paths start where Alembic is run, which is not where the file is."""
    write(tmp_path, {"deploy/alembic.ini": INI})
    environment(tmp_path, "repo/migrations")
    monkeypatch.chdir(tmp_path / "repo")
    place = find(Path("../deploy/alembic.ini"), None, tmp_path / "repo")
    assert place.base == tmp_path / "repo"
    assert script_directory(place) == tmp_path / "repo/migrations"


def test_configuration_named_from_above(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`-c backend/alembic.ini` from the root works without `%(here)s` too."""
    write(tmp_path, {"backend/alembic.ini": INI})
    environment(tmp_path, "backend/migrations")
    monkeypatch.chdir(tmp_path)
    place = find(Path("backend/alembic.ini"), None, tmp_path)
    assert place.base == tmp_path / "backend"


def test_here_and_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`%(here)s` and `package:directory`."""
    ini = "[alembic]\nscript_location = %(here)s/migrations\n[app]\nscript_location = app:db\n"
    ini += "prepend_sys_path = src\n"
    write(tmp_path, {"alembic.ini": ini, "src/app/__init__.py": ""})
    environment(tmp_path, "migrations", "src/app/db")
    monkeypatch.chdir(tmp_path)
    assert script_directory(find(None, None, tmp_path)) == tmp_path / "migrations"
    assert script_directory(find(None, "app", tmp_path)) == tmp_path / "src/app/db"


@pytest.mark.parametrize("package", ["of_nobody_else", "src/of_nobody_else"])
def test_package_of_the_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    """One that is not installed is found without prepend_sys_path, below src too."""
    write(tmp_path, {"alembic.ini": "[alembic]\nscript_location = of_nobody_else:db\n"})
    write(tmp_path, {f"{package}/__init__.py": ""})
    environment(tmp_path, f"{package}/db")
    monkeypatch.chdir(tmp_path)
    assert script_directory(find(None, None, tmp_path)) == tmp_path / package / "db"


def test_pyproject(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`[tool.alembic]` alone, and named with -c."""
    toml = (
        '[tool.alembic]\nscript_location = "%(here)s/migrations"\nversion_locations = ["a", "b"]\n'
    )
    write(tmp_path, {"pyproject.toml": toml, "a/x": "", "b/x": ""})
    environment(tmp_path, "migrations")
    monkeypatch.chdir(tmp_path)
    for config in (None, Path("pyproject.toml")):
        place = find(config, None, tmp_path)
        assert (place.ini, place.toml) == (None, tmp_path / "pyproject.toml")
        assert version_directories(place) == (tmp_path / "a", tmp_path / "b")


@pytest.mark.parametrize(
    ("separator", "value"),
    [
        ("path_separator = os", "a:b"),
        ("path_separator = space", "a b"),
        ("path_separator = newline", "\n  a\n  b"),
        ("path_separator = ;", "a;b"),
        ("version_path_separator = os", "a:b"),
        ("", "a, b"),
        ("", "a b"),
    ],
)
def test_separators(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, separator: str, value: str
) -> None:
    """Version locations in every notation."""
    ini = f"{INI}{separator}\nversion_locations = {value}\n"
    write(tmp_path, {"alembic.ini": ini, "a/x": "", "b/x": ""})
    environment(tmp_path, "migrations")
    monkeypatch.chdir(tmp_path)
    found = version_directories(find(None, None, tmp_path))
    assert found == (tmp_path / "a", tmp_path / "b")


def test_stray_percent_sign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An option nobody reads here may be broken."""
    write(tmp_path, {"alembic.ini": INI + "sqlalchemy.url = postgresql://u:100%@h/d\n"})
    environment(tmp_path, "migrations")
    monkeypatch.chdir(tmp_path)
    assert script_directory(find(None, None, tmp_path)) == tmp_path / "migrations"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("alembic.ini", "script_location"),
        ("alembic.ini", "[alembic]\n" + "sqlalchemy.url = postgresql://u:hunter2@h/d\n" * 2),
        ("pyproject.toml", "[tool.alembic]\nsqlalchemy.url = hunter2\n"),
    ],
)
def test_file_that_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str
) -> None:
    """A broken file is named."""
    write(tmp_path, {name: text})
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=f"{name} cannot be read") as caught:
        find(None, None, tmp_path)
    assert "hunter2" not in caught.value.detail
    assert "line" in caught.value.detail


def test_file_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A -c that leads nowhere."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="does not exist"):
        find(Path("nope.ini"), None, tmp_path)


def test_both_files_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An .ini and a pyproject.toml work together wherever they lie, in either order."""
    toml = '[tool.alembic]\nscript_location = "%(here)s/../migrations"\n'
    write(tmp_path, {"one/app.ini": "[alembic]\nsqlalchemy.url = x\n", "two/pyproject.toml": toml})
    environment(tmp_path, "migrations")
    monkeypatch.chdir(tmp_path)
    names = [Path("one/app.ini"), Path("two/pyproject.toml")]
    for named in (names, names[::-1]):
        place = find(named, None, tmp_path)
        assert (place.ini, place.toml) == (tmp_path / names[0], tmp_path / names[1])
        assert place.named == tuple(map(str, named))
        assert script_directory(place) is not None


@pytest.mark.parametrize("name", ["a.ini", "pyproject.toml"])
def test_two_of_one_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Which one is meant cannot be told."""
    write(tmp_path, {name: INI, f"other/{name}": INI})
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="-c names two Alembic configurations of one kind"):
        find([Path(name), Path("other") / name], None, tmp_path)
