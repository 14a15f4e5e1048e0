"""What other programs read of the repository says what is so."""

import os
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from benchmarks.__main__ import NAMES
from tests.conftest import ROOT
from tests.test_guides import parse

_ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
_HOOKS = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("hook", _HOOKS, ids=lambda hook: hook["id"])
def test_hooks_run_commands(hook: dict[str, Any]) -> None:
    """Each hook of pre-commit is a command line that the program takes."""
    program, *words = shlex.split(hook["entry"])
    assert program == "dbtool"
    parse(words)


def test_the_action_runs_a_command() -> None:
    """What it runs unasked is a command line that the program takes."""
    parse(shlex.split(_ACTION["inputs"]["run"]["default"]))


def test_the_action_expands_nothing(tmp_path: Path) -> None:
    """The words arrive as they were written; a name of a branch in them is run by nobody."""
    program = tmp_path / "dbtool"
    program.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\nexit 5\n', encoding="utf-8")
    program.chmod(0o755)
    (tmp_path / "python").symlink_to(sys.executable)
    ran = subprocess.run(
        ["bash", "-c", _ACTION["runs"]["steps"][-1]["run"]],
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}", "RUN": "lint 'a b' $(id) `id` ;id"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.stdout.splitlines() == ["lint", "a b", "$(id)", "`id`", ";id"]
    assert ran.returncode == 5


def test_the_image_is_made_of_what_the_package_is() -> None:
    """The context of the image has each file that the wheel is built from."""
    package = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wheel = package["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = {*wheel["packages"], *wheel["force-include"], package["project"]["readme"]}
    needed |= {"pyproject.toml", *package["project"]["license-files"]}
    context = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    assert {each.removeprefix("!") for each in context if each.startswith("!")} == needed


def test_every_benchmark_is_in_the_results() -> None:
    """`python -m benchmarks` runs each of them but the scripts of the peers."""
    files = {path.stem for path in (ROOT / "benchmarks").glob("*.py")}
    assert files - {"__init__", "__main__", "seed_peers"} == {*NAMES}
