"""What models came out as, kept by their content: equal models are built once."""

import json
import os
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path

from dbtool import __version__, kept
from dbtool.catalog import parse
from dbtool.interrupts import uninterrupted
from dbtool.migrate.diff.build import Around, Built
from dbtool.migrate.diff.ddl import Script, Unbuilt
from dbtool.scratch.binaries import Binaries, has_extension

_KEPT = 16


@dataclass(frozen=True, slots=True)
class Cache:
    """The directory of one project; one that cannot be written to keeps nothing."""

    directory: Path

    def name(self, binaries: Binaries, script: Script, beside: Around) -> str:
        """What the outcome depends on, as a file name.

        The files of an extension may come later, and with them what could not be built.
        """
        digest = sha256()
        said: Iterable[str] = (
            __version__,
            f"{binaries.major} {binaries.directory}",
            *beside.search_path,
            *beside.statements,
            *(f"has {each}" for each in beside.extensions if has_extension(binaries, each)),
            *sorted(each.sql for each in script.statements),
            *(f"{each.name} {each.reason}" for each in script.unbuilt),
        )
        for each in said:
            digest.update(each.encode() + b"\0")
        return f"{digest.hexdigest()[:32]}.json"

    def get(self, name: str) -> Built | None:
        """What was kept under a name."""
        try:
            said = json.loads((self.directory / name).read_text("utf-8"))
            unbuilt = tuple(Unbuilt(**each) for each in said["unbuilt"])
            found = Built(parse(said["catalog"]), unbuilt, frozenset(said["suspect"]), "")
        except (OSError, ValueError, TypeError, KeyError):
            return None
        with suppress(OSError):
            os.utime(self.directory / name)
        return found

    def put(self, name: str, built: Built) -> None:
        """Keep it, and the last few others."""
        said = {
            "catalog": built.text,
            "unbuilt": [asdict(each) for each in built.unbuilt],
            "suspect": sorted(built.suspect),
        }
        with suppress(OSError):
            self._make()
            with uninterrupted():
                descriptor, new = tempfile.mkstemp(dir=self.directory, prefix=".new-")
                with open(descriptor, "w", encoding="utf-8") as file:
                    json.dump(said, file)
                Path(new).replace(self.directory / name)
            files = sorted(self.directory.glob("*.json"), key=lambda file: file.stat().st_mtime)
            for old in files[:-_KEPT]:
                old.unlink()

    def _make(self) -> None:
        if not self.directory.is_dir():
            kept.make(self.directory.parent)
            self.directory.mkdir(exist_ok=True)
