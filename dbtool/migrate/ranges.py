"""From one revision to another, as `from:to` or in steps."""

import re

from dbtool.errors import UsageError


def split_range(revision: str, *, needed: bool = False) -> tuple[str, str]:
    """Both ends of `from:to`; the first is empty where nobody gave one."""
    start, colon, end = revision.rpartition(":")
    if ":" in start:
        raise UsageError(f'"{revision}" is not a range', hint="Give both ends, from:to.")
    if needed and not colon:
        raise UsageError(
            "downgrade --sql needs a range",
            detail="Without a database nobody says where to begin.",
            hint=f"Give both ends, for example dbtool downgrade head:{revision} --sql.",
        )
    return start, end


def in_steps(revision: str) -> bool:
    """Whether it is so many steps from where a database stands: once more, it leads further."""
    return re.search(r"(?:^|@)[+-]\d+$", revision) is not None
