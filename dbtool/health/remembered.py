"""What the connections of a server were when it last let somebody in, for when it is full."""

import json
import os
import time
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Self

from dbtool import kept
from dbtool.database.target import Target
from dbtool.health.pool import Pool
from dbtool.health.rules.few_free_slots import arithmetic
from dbtool.report import counted, duration


@dataclass(frozen=True, slots=True)
class Memory:
    """The file of one server in one project; only its owner may read it.

    It holds numbers and names of applications, no statement and no secret. Where it cannot be
    written nothing is kept, and what somebody else has written is not believed.
    """

    path: Path

    @classmethod
    def of(cls, root: Path, target: Target, environment: str) -> Self:
        """The environment counts: one address of this machine may be a tunnel to each of them."""
        server = f"{environment}\0{target.host}\0{target.port}"
        name = sha256(server.encode()).hexdigest()[:16]
        return cls(root / ".dbtool/health" / f"{name}.json")

    def keep(self, pool: Pool) -> None:
        """Remember the arithmetic of this moment."""
        text = json.dumps({"taken": time.time(), "lines": _lines(pool)})
        new = self.path.with_name(f".{self.path.stem}-{os.getpid()}")
        with suppress(OSError):
            self._make()
            new.unlink(missing_ok=True)
            try:
                descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                with open(descriptor, "w", encoding="utf-8") as file:
                    file.write(text)
                new.replace(self.path)
            finally:
                new.unlink(missing_ok=True)

    def told(self) -> str:
        """The numbers with their age; empty where none are known."""
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW)
            with open(descriptor, encoding="utf-8") as file:
                if os.fstat(descriptor).st_uid != os.geteuid():
                    return ""
                said = json.load(file)
            age = duration(max(time.time() - said["taken"], 0.0))
            return "\n".join((f"As dbtool last saw it, {age} ago:", *said["lines"]))
        except (OSError, ValueError, TypeError, KeyError):
            return ""

    def _make(self) -> None:
        """The directory, in a project of one's own: root leaves nothing in somebody else's."""
        root = self.path.parent.parent.parent
        if root.stat().st_uid != os.geteuid():
            raise PermissionError(root)
        kept.make(self.path.parent.parent)
        self.path.parent.mkdir(mode=0o700, exist_ok=True)


def _lines(pool: Pool) -> list[str]:
    taken = f"{pool.slots.used:,} of {counted(pool.slots.usable, 'usable slot')} were taken"
    if idle := pool.idle_transaction_count:
        taken += f", {counted(idle, 'session')} sat in an open transaction"
    return [taken, *arithmetic(pool)]
