"""What a finding is recognised by from one run to the next, when lines have moved."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator

from dbtool.finding import Finding, Unknown


def fingerprints(told: Iterable[Finding | Unknown]) -> Iterator[str]:
    """A mark for each, of its rule, file and words; the second of two equal ones differs."""
    seen: Counter[str] = Counter()
    for each in told:
        said = each.title if isinstance(each, Finding) else each.reason
        place = each.location
        key = "\0".join(
            (each.rule, (place and place.file) or "", (place and place.name) or "", said)
        )
        mark = f"{key}\0{seen[key]}" if seen[key] else key
        seen[key] += 1
        yield hashlib.sha256(mark.encode()).hexdigest()[:32]
