"""What a shell offers when Tab is pressed."""

import os
import pty
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dbtool.cli.program import FAMILIES

if TYPE_CHECKING:
    from tests.conftest import Dbtool, Ran

ROOT = Path(__file__).resolve().parent.parent.parent
COMMANDS = [name for names in FAMILIES.values() for name in names]
PROMPT = "ready> "
SETTINGS = """
[env.staging]
url = "env:STAGING_URL"
[env.shop-production]
url = "env:SHOP_URL"
production = true
"""


def tab(dbtool: "Dbtool", shell: str, line: str, cwd: Path | None = None) -> "Ran":
    """Ask as the script of a shell does when Tab is pressed at the end of a line."""
    variables = {
        "_DBTOOL_COMPLETE": f"complete_{shell}",
        "COMP_WORDS": line,
        "COMP_CWORD": str(line.count(" ")),
        "_TYPER_COMPLETE_ARGS": line,
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
    }
    return dbtool(env=variables, cwd=cwd)


def offered(dbtool: "Dbtool", line: str, cwd: Path | None = None) -> list[str]:
    """What bash would offer."""
    ran = tab(dbtool, "bash", line, cwd)
    assert (ran.code, ran.err) == (0, "")
    return ran.out.split()


def test_commands(dbtool: "Dbtool") -> None:
    """All commands but the hidden ones, or those that begin as the word does."""
    assert set(offered(dbtool, "dbtool ")) == set(COMMANDS) - {"ensure_version", "list_templates"}
    assert offered(dbtool, "dbtool rul") == ["rules"]
    assert offered(dbtool, "dbtool local sta") == ["start", "status"]


def test_commands_behind_an_option_with_a_value(dbtool: "Dbtool") -> None:
    """A value before the command that looks like a command misleads nobody."""
    assert offered(dbtool, "dbtool --env local rul") == ["rules"]
    assert offered(dbtool, "dbtool -c alembic.ini -x pool=1 conf") == ["config"]


def test_flags(dbtool: "Dbtool") -> None:
    """The flags of the command, shared ones among them."""
    assert offered(dbtool, "dbtool pool --") == [
        *("--pgbouncer", "--show-literals", "--url", "--env", "--fail-on", "--format", "--json"),
        *("--output", "--help"),
    ]
    assert offered(dbtool, "dbtool pool --f") == ["--fail-on", "--format"]


@pytest.mark.parametrize("line", ["dbtool pool --format ", "dbtool --format "])
def test_values(dbtool: "Dbtool", line: str) -> None:
    """The values a flag takes."""
    assert offered(dbtool, line) == [
        *("terminal", "json", "markdown", "html", "github", "gitlab", "sarif", "junit"),
        *("nagios", "prometheus", "raw"),
    ]


def test_environments(dbtool: "Dbtool", tmp_path: Path) -> None:
    """--env offers the environments of the settings, and zsh and fish say which is production."""
    (tmp_path / "dbtool.toml").write_text(SETTINGS)
    line = "dbtool pool --env "
    assert offered(dbtool, line) == ["staging", "shop-production"]
    assert tab(dbtool, "zsh", line).out == (
        """_arguments '*: :(("staging"\n"shop-production":"production"))'\n"""
    )
    assert tab(dbtool, "fish", line).out == "staging\nshop-production\tproduction\n"


def test_tables(dbtool: "Dbtool", tmp_path: Path) -> None:
    """--tables offers the tables of the models, also behind a comma, and nothing without any."""
    line = "dbtool seed run --tables "
    assert tab(dbtool, "bash", line, tmp_path).out == ""
    (tmp_path / "dbtool.toml").write_text('models = "dbtool.example:Base"\n')
    assert {"users", "posts", "orders"} <= set(offered(dbtool, line, tmp_path))
    behind = offered(dbtool, f"{line}users,post", tmp_path)
    assert "users,posts" in behind
    assert all(each.startswith("users,post") for each in behind)


def test_revisions(dbtool: "Dbtool") -> None:
    """Revision arguments offer the ids of the project around, with what each does."""
    assert "3f1c8a52d907" in offered(dbtool, "dbtool upgrade ", cwd=ROOT)
    assert offered(dbtool, "dbtool downgrade 3f1", cwd=ROOT) == ["3f1c8a52d907"]
    assert tab(dbtool, "fish", "dbtool upgrade 3f1", cwd=ROOT).out == (
        "3f1c8a52d907\tUsers, profiles and roles\n"
    )


def test_revisions_of_the_project_named_before_the_command(
    dbtool: "Dbtool", tmp_path: Path
) -> None:
    """-c before the command counts for completion as well."""
    assert offered(dbtool, "dbtool upgrade ", cwd=tmp_path) == []
    line = f"dbtool -c {ROOT / 'alembic.ini'} upgrade 3f1"
    assert offered(dbtool, line, cwd=tmp_path) == ["3f1c8a52d907"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_descriptions(dbtool: "Dbtool", shell: str) -> None:
    """Shells that show descriptions get whole sentences."""
    sentence = "Show how many connections are left, who holds them and what they do."
    expected = {
        "bash": "pool\n",
        "zsh": f"""_arguments '*: :(("pool":"{sentence}"))'\n""",
        "fish": f"pool\t{sentence}\n",
    }
    assert tab(dbtool, shell, "dbtool poo").out == expected[shell]


def test_broken_settings_are_no_noise(dbtool: "Dbtool", tmp_path: Path) -> None:
    """Tab in the middle of a line never prints an error into it."""
    (tmp_path / "dbtool.toml").write_text("not toml")
    ran = tab(dbtool, "bash", "dbtool pool --env ", tmp_path)
    assert (ran.out, ran.err) == ("", "")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_script(dbtool: "Dbtool", shell: str) -> None:
    """The script of any shell can be printed, for a package or a profile."""
    ran = dbtool(env={"_DBTOOL_COMPLETE": f"source_{shell}"})
    assert (ran.code, ran.err) == (0, "")
    assert f"_DBTOOL_COMPLETE=complete_{shell}" in ran.out


def test_the_script_of_the_shell_that_is_named(dbtool: "Dbtool") -> None:
    """It is that shell's, whichever one runs; what is no shell is refused."""
    for shell in ("zsh", "fish"):
        ran = dbtool("--show-completion", shell)
        assert (ran.code, ran.err) == (0, "")
        assert f"_DBTOOL_COMPLETE=complete_{shell}" in ran.out
    for words in (("--show-completion", "csh"), ("--install-completion", "zsh")):
        refused = dbtool(*words)
        assert (refused.code, refused.out) == (2, "")
        said = f"error: {words[0]} cannot be followed by: {words[1]}\n"
        assert refused.err.startswith(said), refused.err


def installed() -> str:
    """A PATH on which the command is found."""
    return f"{Path(sys.executable).parent}:{os.environ['PATH']}"


def interactive(command: list[str], home: Path, lines: str) -> str:
    """What an interactive shell shows for some typed lines, each typed once it prompts for one."""
    ours, theirs = pty.openpty()
    environment = {"PATH": installed(), "HOME": str(home), "TERM": "dumb"}
    typed = lines.splitlines(keepends=True)
    with subprocess.Popen(
        command, env=environment, stdin=theirs, stdout=theirs, stderr=theirs, cwd=home
    ) as process:
        os.close(theirs)
        shown, answered = b"", 0
        until = time.monotonic() + 60
        while time.monotonic() < until:
            if not select.select([ours], [], [], 0.2)[0]:
                continue
            try:
                shown += os.read(ours, 4096)
            except OSError:
                break
            if typed and shown.count(PROMPT.encode(), answered):
                answered = len(shown)
                os.write(ours, typed.pop(0).encode())
        process.kill()
    os.close(ours)
    return shown.decode(errors="replace")


def test_in_a_real_bash(dbtool: "Dbtool", tmp_path: Path) -> None:
    """Bash with the script loaded completes a command and runs it."""
    script = tmp_path / "dbtool.bash"
    source = dbtool(env={"_DBTOOL_COMPLETE": "source_bash"}).out
    script.write_text(f"PS1='{PROMPT}'\n{source}")
    shown = interactive(
        ["bash", "--noprofile", "--rcfile", str(script), "-i"],
        tmp_path,
        "dbtool rul\tfew-fr\t\nexit\n",
    )
    assert "dbtool rules few-free-slots" in shown
    assert "Nearly all connection slots are taken" in shown


@pytest.mark.skipif(not shutil.which("zsh"), reason="zsh is not installed")
def test_in_a_real_zsh(dbtool: "Dbtool", tmp_path: Path) -> None:
    """zsh with the script loaded completes a command and runs it."""
    script = dbtool(env={"_DBTOOL_COMPLETE": "source_zsh"}).out
    (tmp_path / ".zshrc").write_text(
        f"PS1='{PROMPT}'; autoload -Uz compinit; compinit -u\n{script}"
    )
    shown = interactive(["zsh", "-i"], tmp_path, "dbtool rul\tfew-fr\t\nexit\n")
    assert "Nearly all connection slots are taken" in shown


@pytest.mark.skipif(not shutil.which("fish"), reason="fish is not installed")
def test_in_a_real_fish(dbtool: "Dbtool", tmp_path: Path) -> None:
    """fish with the script loaded offers a rule with what it finds."""
    script = tmp_path / "dbtool.fish"
    script.write_text(dbtool(env={"_DBTOOL_COMPLETE": "source_fish"}).out)
    ran = subprocess.run(
        ["fish", "--no-config", "-c", f"source {script}; complete -C 'dbtool rules few-'"],
        env={"PATH": installed(), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.stdout.startswith("few-free-slots\tNearly all connection slots are taken"), ran
