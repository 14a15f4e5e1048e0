"""Every option of every command of Alembic is taken, and has Alembic's effect.

The list of what there is comes from Alembic's own parser, so that an option a later Alembic
adds fails here until somebody has compared it.
"""

import argparse
import compileall
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from alembic.config import CommandLine

from dbtool.database.target import Target
from dbtool.scratch.server import Server
from tests.migrate.projects import FROM_CONFIG, INI, Small, small
from tests.projects.build import build as templated
from tests.projects.pair import files, paired
from tests.projects.runner import Ran, Runner
from tests.projects.shapes import OTHERS
from tests.projects.snapshot import snapshot

Setup = Callable[[Small], object]
SHAPES = {shape.name: shape for shape in OTHERS}

SEEN = """
from pathlib import Path
told = {key: value for key, value in vars(context.config.cmd_opts).items()
        if key not in ("cmd", "config")}
told["cmd"] = [context.config.cmd_opts.cmd[0].__name__, *context.config.cmd_opts.cmd[1:]]
Path("seen.txt").write_text(repr((
    sorted(told.items(), key=str), context.get_tag_argument(),
    sorted(context.get_x_argument(as_dictionary=True).items()),
    context.config.config_ini_section, context.config.get_main_option("marker"),
)))
"""
MODELS = """
metadata = sa.MetaData()
sa.Table("t1", metadata, sa.Column("id", sa.Integer()))
sa.Table("t2", metadata, sa.Column("id", sa.Integer()))
sa.Table("fresh", metadata, sa.Column("id", sa.Integer(), primary_key=True))
"""
WITH_MODELS = (
    "import sqlalchemy as sa\n"
    + MODELS
    + FROM_CONFIG.replace(
        "context.configure(connection=connection)",
        "context.configure(connection=connection, target_metadata=metadata)",
    )
)
HOOK = """
[post_write_hooks]
hooks = stamp, second
stamp.type = exec
stamp.executable = %(here)s/hook
stamp.options = REVISION_SCRIPT_FILENAME
second.type = module
second.module = compileall
second.options = -q %(here)s/migrations/versions
"""


def seeing(env: str) -> str:
    """An env.py that first writes down what it is told."""
    return env.replace("from alembic import context\n", f"from alembic import context\n{SEEN}\n", 1)


def plain_project(root: Path, env: str = FROM_CONFIG) -> Small:
    """Three revisions, and two more branches; env.py writes down what it is told."""
    project = small(root, seeing(env), revisions=3)
    up, back = 'op.execute("CREATE TABLE b1 (id int)")', 'op.execute("DROP TABLE b1")'
    project.revision("bbbb00000001", "aaaa00000001", up, back, branch_labels=("contract",))
    up, back = up.replace("b1", "c1"), back.replace("b1", "c1")
    project.revision("cccc00000001", None, up, back, depends_on="aaaa00000002")
    return project


def with_models(project: Small) -> None:
    """Models that differ from the history, which has one head."""
    for name in ("aaaa00000003", "bbbb00000001", "cccc00000001"):
        (project.root / f"migrations/versions/{name}.py").unlink()
    project.env(seeing(WITH_MODELS))


def through_env(project: Small) -> None:
    """A configuration that runs env.py for every new revision; the template uses its words."""
    project.env(
        seeing(FROM_CONFIG).replace("configure(", "configure(template_args={'word': 'W'}, ")
    )
    project.write("alembic.ini", INI + "revision_environment = true\n")
    mako = (project.root / "migrations/script.py.mako").read_text()
    project.write("migrations/script.py.mako", mako + "\nword = ${repr(word)}\n")


def named_section(project: Small) -> None:
    """A second section with another marker."""
    ini = INI + "marker = first\n"
    project.write("alembic.ini", ini + ini.replace("[alembic]", "[other]").replace("first", "two"))


def both_files(project: Small) -> None:
    """The URL in an .ini, the rest in pyproject.toml, neither where they are looked for."""
    project.write("conf/app.ini", "[alembic]\n" + INI[INI.index("sqlalchemy.url") :])
    project.write(
        "conf/pyproject.toml",
        """
        [tool.alembic]
        script_location = "%(here)s/../migrations"
        prepend_sys_path = ["."]
        """,
    )
    (project.root / "alembic.ini").unlink()


def elsewhere(project: Small) -> None:
    """An .ini of another name in another directory."""
    (project.root / "alembic.ini").rename(project.write("conf/app.ini", ""))


def several_locations(project: Small) -> None:
    """Two bases in directories of their own, with folders below."""
    lines = "version_locations = %(here)s/migrations/versions:%(here)s/more\n"
    project.write("alembic.ini", INI + lines + "recursive_version_locations = true\n")
    below = project.root / "more/2026"
    below.mkdir(parents=True)
    (project.root / "migrations/versions/cccc00000001.py").rename(below / "cccc00000001.py")


def with_hooks(project: Small) -> None:
    """Two hooks that run after a file was written."""
    project.write("alembic.ini", INI + "file_template = %%(year)d/%%(rev)s-%%(slug)s\n" + HOOK)
    hook = project.write("hook", '#!/bin/sh\necho "# hooked" >> "$1"\n')
    hook.chmod(0o755)


def sourceless(project: Small) -> None:
    """Revisions without their source."""
    project.write("alembic.ini", INI + "sourceless = true\n")
    versions = project.root / "migrations/versions"
    compileall.compile_dir(versions, quiet=1, legacy=True)
    for path in versions.glob("*.py"):
        path.unlink()


def as_package(project: Small) -> None:
    """The environment is a package that prepend_sys_path leads to."""
    (project.root / "src/app").mkdir(parents=True)
    (project.root / "migrations").rename(project.root / "src/app/migrations")
    for name in ("", "migrations"):
        (project.root / "src/app" / name / "__init__.py").touch()
    ini = INI.replace("script_location = migrations", "script_location = app:migrations")
    project.write("alembic.ini", ini.replace("prepend_sys_path = .", "prepend_sys_path = src"))


def editor(project: Small) -> None:
    """An editor that notes what it opens."""
    path = project.write("editor", '#!/bin/sh\nbasename "$1" >> opened\n')
    path.chmod(0o755)


@dataclass(frozen=True, slots=True)
class Case:
    """Command lines run one after the other, and what is particular about the project.

    `says` compares what stands on stdout: the SQL to the letter, or the revisions named.
    """

    lines: tuple[str, ...]
    setup: Setup = lambda _: None
    says: str = ""
    env: Mapping[str, str] = field(default_factory=dict)


def case(*lines: str, setup: Setup = lambda _: None, says: str = "", **env: str) -> Case:
    """A case, shortly."""
    return Case(lines, setup, says, env)


CASES = {
    "upgrade": case("upgrade heads"),
    "upgrade --tag": case("upgrade --tag blue contract@head"),
    "upgrade --sql": case("upgrade aaaa00000001:aaaa00000003 --sql", says="sql"),
    "upgrade --sql --tag": case("upgrade heads --sql --tag blue", says="sql"),
    "downgrade": case("upgrade heads", "downgrade contract@base", "downgrade -1"),
    "downgrade --tag": case("upgrade heads", "downgrade --tag red base"),
    "downgrade --sql": case("downgrade aaaa00000003:base --sql --tag red", says="sql"),
    "stamp": case("stamp aaaa00000003 contract@head", "stamp aaaa00000001"),
    "stamp --purge": case("upgrade heads", "stamp --purge --tag t aaaa00000002"),
    "stamp --sql": case("stamp aaaa00000002 --sql", says="sql"),
    "ensure_version": case("ensure_version", "ensure_version"),
    "ensure_version --sql": case("ensure_version --sql", says="sql"),
    "check, nothing": case("upgrade heads", "check"),
    "check, drift": case("upgrade heads", "check", setup=with_models),
    "check, behind": case("check", setup=with_models),
    "current": case("upgrade contract@head", "current", says="ids"),
    "current -v": case("upgrade heads", "current -v", "current --verbose", says="ids"),
    "current -c": case("upgrade aaaa00000003", "current -c"),
    "current --check-heads": case("upgrade heads", "current --check-heads", "current -c"),
    "heads": case("heads", says="ids"),
    "heads -v": case("heads -v", "heads --verbose", says="ids"),
    "heads --resolve-dependencies": case("heads --resolve-dependencies", says="ids"),
    "branches": case("branches", "branches -v", "branches --verbose", says="ids"),
    "history": case("history", "history -v", "history --verbose", says="ids"),
    "history -r": case(
        "history -r aaaa00000001:", "history --rev-range :contract@head", says="ids"
    ),
    "history -r, relative": case("history -r contract@head-1:contract@head", says="ids"),
    "history -r current": case(
        "upgrade aaaa00000002", "history -r current:", "history -r :current", says="ids"
    ),
    "history -i": case("upgrade aaaa00000002", "history -i", says="ids"),
    "history --indicate-current": case("upgrade heads", "history --indicate-current", says="ids"),
    "show": case("show contract@head", "show heads", "show aaaa", says="ids"),
    "show current": case("upgrade aaaa00000003", "show current", says="ids"),
    "edit": case("edit contract@head", setup=editor, EDITOR="./editor", PATH="/usr/bin:/bin"),
    "edit current": case("upgrade aaaa00000002", "edit current", setup=editor, EDITOR="./editor"),
    "edit, nothing": case("edit current", setup=editor, EDITOR="./editor"),
    "revision": case("revision --rev-id n1 -m next --head aaaa00000003"),
    "revision --message": case("revision --rev-id n1 --message next --head aaaa00000003 --splice"),
    "revision --branch-label": case(
        "revision --rev-id n1 --head base --branch-label fresh --depends-on contract"
    ),
    "revision --version-path": case(
        "revision --rev-id n1 -m x --head base --version-path more/2026",
        "revision --rev-id n2 -m x --head base --version-path nowhere",
        setup=several_locations,
    ),
    "revision --sql": case("revision --sql --rev-id n1 --head base"),
    "revision --sql through env.py": case(
        "revision --sql --rev-id n1 --head base", setup=through_env
    ),
    "revision through env.py": case(
        "upgrade heads", "revision --rev-id n1 --head base", setup=through_env
    ),
    "merge": case("merge --rev-id m1 -m join aaaa00000003 contract"),
    "merge --message": case("merge --rev-id m1 --message join --branch-label joined heads"),
    "merge --splice": case("merge --rev-id m1 --splice aaaa00000002 bbbb"),
    "merge through env.py": case("upgrade heads", "merge --rev-id m1 heads", setup=through_env),
    "-n": case("-n other upgrade heads", setup=named_section),
    "--name": case("--name other upgrade heads", setup=named_section),
    "-n, no such section": case("-n third upgrade heads", setup=named_section),
    "-c": case("-c conf/app.ini upgrade heads", setup=elsewhere),
    "-c twice": case("-c conf/app.ini -c conf/pyproject.toml upgrade heads", setup=both_files),
    "-c twice, turned": case(
        "-c conf/pyproject.toml -c conf/app.ini upgrade heads", setup=both_files
    ),
    "--config": case("--config alembic.ini upgrade heads"),
    "ALEMBIC_CONFIG": case("upgrade heads", ALEMBIC_CONFIG="alembic.ini"),
    "-x": case("-x one=1 -x two=2 -x flag upgrade aaaa00000001"),
    "-q": case("-q upgrade heads", "-q revision --rev-id n1 --head base"),
    "--quiet": case("--quiet upgrade heads"),
    "--raiseerr": case("--raiseerr upgrade no_such_revision"),
    "several version locations": case("upgrade heads", "downgrade base", setup=several_locations),
    "post_write_hooks": case(
        "revision --rev-id n1 -m hooked --head aaaa00000003", setup=with_hooks
    ),
    "sourceless": case("upgrade heads", "downgrade base", setup=sourceless),
    "package": case("upgrade heads", "revision --rev-id n1 --head base", setup=as_package),
}
OURS = {
    ("", "--version"): "each program names its own",
    ("", "-h"): "each program has its own words",
    ("", "--help"): "each program has its own words",
    ("init", "-t"): "test_init",
    ("init", "--template"): "test_init",
    ("init", "--package"): "test_init_makes_what_alembic_makes",
    ("list_templates", ""): "test_templates_are_listed",
    ("revision", "--autogenerate"): "test_autogenerated_leads_to_the_same_database",
    ("init", ""): "test_init_makes_what_alembic_makes",
}
"""What is compared elsewhere, or is not to be the same."""


def documented() -> Iterator[tuple[str, str]]:
    """Each command and each spelling of each option of the installed Alembic."""
    parser = CommandLine(prog="alembic").parser
    (group,) = (each for each in parser._actions if isinstance(each, argparse._SubParsersAction))
    for command, inner in (("", parser), *group.choices.items()):
        if command:
            yield command, ""
        for action in inner._actions:
            for spelling in action.option_strings:
                if not (command and spelling in ("-h", "--help")):
                    yield command, spelling


def compared() -> set[tuple[str, str]]:
    """Each command and each spelling that stands in a case."""
    commands = {command for command, _ in documented() if command}
    found: set[tuple[str, str]] = set()
    for words in (line.split() for each in CASES.values() for line in each.lines):
        at = next(number for number, word in enumerate(words) if word in commands)
        found |= {("", word) for word in words[:at]} | {(words[at], "")}
        found |= {(words[at], word) for word in words[at + 1 :]}
    return found


def test_nothing_is_left_out() -> None:
    """A command or option of the installed Alembic that no case has is a defect of this list."""
    assert [each for each in documented() if each not in compared() | OURS.keys()] == []


@pytest.fixture
def databases(server: Server, database: Target) -> Iterator[tuple[Target, Target]]:
    """Two empty databases."""
    name = f"{database.database}_alembic"
    yield database, server.create_database(name)
    server.drop_database(name)


@pytest.mark.parametrize("each", CASES.values(), ids=CASES.keys())
def test_same_as_alembic(
    each: Case, databases: tuple[Target, Target], runner: Runner, tmp_path: Path
) -> None:
    """Success, the database, the files, the SQL and the revisions named are Alembic's."""

    def build(root: Path) -> None:
        each.setup(plain_project(root))

    pair = paired(build, tmp_path, databases, runner)
    for line in each.lines:
        ours, theirs = pair.both(*line.split(), env=each.env)
        assert (ours.code == 0) == (theirs.code == 0), (ours, theirs)
        assert ours.code in (0, 1, 2, 4), ours
        if each.says == "sql":
            assert (ours.out, ours.err) == (theirs.out, "")
        if each.says == "ids" and not line.startswith("upgrade") and ours.code == 0:
            assert listed(pair.dbtool(*line.split(), "--json", env=each.env)) == ids(theirs), ours
    assert pair.databases_differ() == []
    assert pair.files_differ() == []


def test_autogenerated_leads_to_the_same_database(
    databases: tuple[Target, Target], runner: Runner, tmp_path: Path
) -> None:
    """The file says more than Alembic's; its place, its name and what it does are the same."""

    def build(root: Path) -> None:
        with_models(plain_project(root))

    pair = paired(build, tmp_path, databases, runner)
    pair.both("upgrade", "heads")
    words = ("revision", "--autogenerate", "--rev-id", "n1", "-m", "more")
    theirs = runner("alembic", *words, cwd=pair.theirs.root)
    ours = pair.dbtool(*words, "--no-proof")
    assert (ours.code, theirs.code) == (0, 0), (ours, theirs)
    pair.both("upgrade", "heads")
    assert pair.databases_differ() == []
    assert files(pair.ours.root).keys() == files(pair.theirs.root).keys()
    assert any("fresh" in line for line in snapshot(databases[0]))


def listed(ran: Ran) -> set[str]:
    """The revisions our JSON is about."""
    data = json.loads(ran.out)["data"]
    return {each["revision"] for each in data.get("revisions", data.get("points"))}


def ids(ran: Ran) -> set[str]:
    """The revisions Alembic's lines are about, without those they lead from or branch to."""
    verbose = re.findall(r"^Rev: (\w+)", ran.out, re.MULTILINE)
    return set(
        verbose or re.findall(r"^(?! )(?:[\w, <>()]+ -> )?(\w{12})\b", ran.out, re.MULTILINE)
    )


def test_reads_write_nothing(
    databases: tuple[Target, Target], runner: Runner, tmp_path: Path
) -> None:
    """Plain Alembic creates its version table where it only reads; here it takes a change."""
    pair = paired(plain_project, tmp_path, databases, runner)
    for line in ("current", "check", "history -i", "show current", "heads"):
        assert pair.dbtool(*line.split()).code in (0, 1, 4), line
    assert snapshot(databases[0]) == ("schema public",)


def test_quiet(databases: tuple[Target, Target], runner: Runner, tmp_path: Path) -> None:
    """`-q` leaves results and errors."""
    pair = paired(plain_project, tmp_path, databases, runner)
    ours, _ = pair.both("-q", "upgrade", "heads")
    assert (ours.code, ours.err) == (0, "")
    ours, _ = pair.both("upgrade", "-q", "nothing_like_it")
    assert ours.err.startswith("error: there is no revision")


def test_traceback(databases: tuple[Target, Target], runner: Runner, tmp_path: Path) -> None:
    """`--raiseerr` adds the traceback to the error, without the password in it."""

    def build(root: Path) -> None:
        project = plain_project(root)
        project.env("raise RuntimeError('postgresql://app:hunter2@db/app')")

    pair = paired(build, tmp_path, databases, runner)
    ours, theirs = pair.both("--raiseerr", "upgrade", "heads")
    for ran in (ours, theirs):
        assert "Traceback (most recent call last):" in ran.err
        assert 'migrations/env.py", line 1' in ran.err
    assert "hunter2" not in ours.err
    assert ours.err.count("\nerror: env.py failed\n") == 1


@pytest.mark.parametrize("line", ["upgrade head --sql", "downgrade head:base --sql"])
def test_sql_of_several_databases(
    databases: tuple[Target, Target], runner: Runner, tmp_path: Path, line: str
) -> None:
    """The multidb template writes a file for each of its databases; here, too."""

    def build(root: Path) -> None:
        made = templated(SHAPES["template_multidb"], root, databases[0])
        assert made.root == root

    pair = paired(build, tmp_path, databases, runner)
    ours, theirs = pair.both(*line.split())
    assert (ours.code, theirs.code) == (0, 0), (ours, theirs)
    assert ours.out == theirs.out == ""
    assert pair.files_differ() == []
    assert (pair.ours.root / "engine1.sql").read_text().count("TABLE ledger") == 1


def test_templates_are_listed(runner: Runner, tmp_path: Path) -> None:
    """`list_templates` names what Alembic names, with the same words."""
    theirs = runner("alembic", "list_templates", cwd=tmp_path)
    for spelling in ("list_templates", "list-templates"):
        ours = runner("dbtool", spelling, "--json", cwd=tmp_path)
        found = json.loads(ours.out)["data"]["templates"]
        lines = {f"{each['name']} - {each['synopsis']}" for each in found}
        assert lines == set(re.findall(r"^\w+ - .*", theirs.out, re.MULTILINE))


@pytest.mark.parametrize("template", ["generic", "async", "pyproject"])
def test_init_makes_what_alembic_makes(runner: Runner, tmp_path: Path, template: str) -> None:
    """Where a template is asked for, its files are there, and the parts nobody fills are equal."""
    made = {}
    for program, yes in (("alembic", ()), ("dbtool", ("--yes",))):
        root = tmp_path / program
        root.mkdir()
        words = ("init", "-t", template, "--package", "db", *yes)
        ran = runner(program, *words, cwd=root)
        assert ran.code == 0, ran
        made[program] = files(root)
    assert made["alembic"].keys() - made["dbtool"].keys() == set()
    for name in ("db/script.py.mako", "db/README", "db/__init__.py", "db/versions/__init__.py"):
        assert made["dbtool"][name] == made["alembic"][name], name


def test_two_configurations_of_one_kind(runner: Runner, tmp_path: Path) -> None:
    """Which one is meant cannot be told."""
    plain_project(tmp_path)
    ran = runner("dbtool", "-c", "alembic.ini", "-c", "./alembic.ini", "heads", cwd=tmp_path)
    assert ran.code == 2
    assert ran.err.startswith("error: -c names two Alembic configurations of one kind\n")
