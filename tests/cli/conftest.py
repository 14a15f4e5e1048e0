"""The shell of the program around commands made to test it."""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent


@dataclass(frozen=True, slots=True)
class Sample:
    """How to run the sample commands: the words of the process, its directory, its variables."""

    directory: Path
    variables: Mapping[str, str] = field(default_factory=dict)

    def words(self, *arguments: str) -> list[str]:
        """The command line of a sample command."""
        return [sys.executable, "-m", "tests.cli.sample", *arguments]

    @property
    def environment(self) -> dict[str, str]:
        """A clean environment in which the sample is found."""
        return {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **self.variables}

    def run(
        self, *arguments: str, env: Mapping[str, str] | None = None
    ) -> "subprocess.CompletedProcess[str]":
        """Run it to its end."""
        return subprocess.run(
            self.words(*arguments),
            cwd=self.directory,
            env=self.environment | dict(env or {}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def shell(self, script: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run it inside a bash script, where `"$@"` stands for the command."""
        return subprocess.run(
            ["bash", "-c", script, "bash", *self.words(*arguments)],
            cwd=self.directory,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """Start it and leave it running; it hears hang-ups, also where the tests do not."""
        return subprocess.Popen(
            ["env", "--default-signal=HUP", *self.words(*arguments)],
            cwd=self.directory,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


@pytest.fixture
def sample(tmp_path: Path) -> Sample:
    """The sample commands, run in an empty directory."""
    return Sample(tmp_path)
