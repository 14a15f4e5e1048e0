"""The directory of seed files: reference rows, scenarios and factories, each where there is one."""

from dataclasses import dataclass
from pathlib import Path

from dbtool.errors import UsageError
from dbtool.seed.document import YAML, near

DEFAULT = "default"
"""The scenario that runs where none is named."""

SCHEMA = "schema.json"
"""What editors complete scenarios by; the one data file beside the directories."""

_SCENARIOS = (*YAML, ".json")
_REFERENCE = (*_SCENARIOS, ".csv")


@dataclass(frozen=True, slots=True)
class Seeds:
    """What a project keeps in its directory of seed files."""

    root: Path
    directory: Path

    def shown(self, path: Path) -> str:
        """A path as errors name it: from the project root, where it lies below that."""
        return str(path.relative_to(self.root) if path.is_relative_to(self.root) else path)

    def reference(self) -> tuple[Path, ...]:
        """The files of reference rows, by name."""
        return _files(self.directory / "reference", _REFERENCE)

    def strays(self) -> tuple[str, ...]:
        """Files that look like rows or scenarios and lie where nothing reads them."""
        found = _files(self.directory, _REFERENCE)
        return tuple(self.shown(path) for path in found if path.name != SCHEMA)

    def factories(self) -> Path | None:
        """The file of the user's own generators."""
        path = self.directory / "factories.py"
        return path if path.is_file() else None

    def scenarios(self) -> tuple[str, ...]:
        """The names of all scenarios."""
        return tuple(path.stem for path in _files(self.directory / "scenarios", _SCENARIOS))

    def scenario(self, name: str) -> Path:
        """The file of a scenario; raises UsageError with near names where there is none."""
        found = [
            path for path in _files(self.directory / "scenarios", _SCENARIOS) if path.stem == name
        ]
        if len(found) > 1:
            listed = " and ".join(self.shown(path) for path in found)
            raise UsageError(f'"{name}" is two scenarios: {listed}')
        if not found:
            place = self.shown(self.directory / "scenarios")
            raise UsageError(
                f'no scenario "{name}"',
                detail="" if self.scenarios() else f"There are none in {place}.",
                hint=near(name, self.scenarios()) or f"Write {place}/{name}.yaml.",
            )
        return found[0]


def _files(directory: Path, suffixes: tuple[str, ...]) -> tuple[Path, ...]:
    if not directory.is_dir():
        return ()
    return tuple(
        sorted(
            path
            for path in directory.iterdir()
            if path.suffix in suffixes and path.is_file() and not path.name.startswith(".")
        )
    )
