"""What is done about a table whose made rows the server would refuse."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from dbtool.seed.joint import KEPT, Masked, Part, Tuples
from dbtool.seed.keys import AnyParent, EarlierRow, KeyOf, OlderRow
from dbtool.seed.rows import Generator
from dbtool.seed.subject import Choice, Unfit
from dbtool.seed.times import Stage, Written
from dbtool.seed.values import Sometimes


@dataclass(frozen=True, slots=True)
class Remedy:
    """Columns chosen together as constraints demand it; with a `reason` nothing would help.

    `parts` are options drawn per row: for each column its own value, or another. `rows` are
    whole accepted samples. `left_out` are columns whose values the type does not take, and
    `filled` those that are not to be NULL but where an option says so.
    """

    group: str = ""
    parts: Mapping[str, tuple[Part, ...]] = field(default_factory=dict)
    rows: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    left_out: Mapping[str, str] = field(default_factory=dict)
    filled: frozenset[str] = frozenset()
    reason: str = ""


def _always(made: Generator | None) -> Generator | None:
    """The generator without the NULLs that are there for variety."""
    match made:
        case Sometimes():
            return made.inner
        case KeyOf(reference=AnyParent() | EarlierRow() | OlderRow() as reference):
            return replace(made, reference=replace(reference, null_share=0))
        case Written(of=Stage() as stage) if not stage.status:
            return replace(made, of=replace(stage, share=256))
    return made


def apply(remedies: tuple[Remedy, ...], choices: dict[str, Choice]) -> dict[str, Choice]:
    """The choices with the remedies; raises Unfit where there is none."""
    made = dict(choices)
    for remedy in remedies:
        if remedy.reason:
            raise Unfit(remedy.reason)
        for name, parts in remedy.parts.items():
            before = made[name]
            if all(part is KEPT for part in parts):
                continue
            inner = before.generator or Tuples(name, ("",))
            made[name] = Choice(
                Masked(remedy.group, inner, parts), "check", "certain", remedy.group
            )
        for name, texts in remedy.rows.items():
            made[name] = Choice(Tuples(remedy.group, texts), "check", "certain", remedy.group)
        for name in remedy.filled:
            made[name] = made[name]._replace(generator=_always(made[name].generator))
        for name, why in remedy.left_out.items():
            made[name] = Choice(None, "default", "certain", why)
    return made
