"""One change of the schema as it is proposed: in words, as code, and how it is undone."""

import re
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Literal

from dbtool import catalog as cat
from dbtool.migrate.diff.fit import Fit, fit
from dbtool.migrate.difference import Difference

_VERBS = {"missing": "add", "extra": "drop", "before": "drop", "behind": "add"}
_WHOLE = frozenset({"table", "index", "enum", "schema", "sequence", "domain"})
_IS = re.compile(r": | (?:is|has|sorts|inherits) ")
_PART = re.compile(r"its (\w+) is (.+) in the database, (.+) in the models")
_IT_IS = re.compile(r"it is (.+) in the database, (.+) in the models")
_LABEL = re.compile(r'enum (?P<enum>\S+) has (?P<labels>".+?") in the')
_ENUM = re.compile(r"enum (\S+) (?:has|sorts) ")
_LABELS_TOO = re.compile(r'; (".+") in the models, not in the database')
_NULL = {
    "it may be NULL in the database, is NOT NULL in the models": "NOT NULL",
    "it is NOT NULL in the database, may be NULL in the models": "NULL allowed",
    "its comment differs": "comment",
}

Undo = Literal[
    "yes",
    "narrows values",
    "fails where values do not fit",
    "fails where rows are",
    "fails where NULLs are",
    "not its data",
    "no",
]
_GOING_BACK: dict[Fit, Undo] = {
    Fit.KEPT: "yes",
    Fit.FAILS: "fails where values do not fit",
    Fit.CUT: "narrows values",
}
_SPELLED = r"(?:json|text|character(?: varying)?(?:\(\d+\))?)(?:\[\])?"
_READ = re.compile(
    rf"column (.+?): .*\b(?:type is {_SPELLED} in the database, jsonb(?:\[\])? in the models"
    rf"|(type) is jsonb(?:\[\])? in the database, {_SPELLED} in the models)"
)
_OF_JSONB = "neither blanks nor the order of keys, and of a key said twice only the last value"
_OF_THE_OLD = "the owner and the GRANTs of the old type do not come along"


class Step(IntEnum):
    """Which revision of a chain something goes into; a deploy comes behind the first."""

    FIRST = 0
    ROWS = 1
    LAST = 2


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of `upgrade` or `downgrade`: what it is for, its code, and what that imports.

    `step` is the revision of a chain that it belongs to, `along` the title of what it goes with:
    where a hook keeps that, this stays out too.
    """

    title: str
    code: str
    imports: tuple[str, ...] = ()
    step: Step = Step.FIRST
    along: str = ""


@dataclass(frozen=True, slots=True)
class Proposed:
    """One change; `because` says which side has what.

    `key` is how somebody agrees to it who loses something by it; empty where nothing is lost.
    `rows` are those that would go, where they are known. `waits` is what running code has to
    do first, where it would not go on otherwise. `left_behind` is what the code does not carry on.
    """

    title: str
    because: str
    code: str
    undo: str = ""
    undone: Undo = "yes"
    key: str = ""
    rows: int | None = None
    waits: str = ""
    step: Step = Step.FIRST
    left_behind: str = ""
    imports: tuple[str, ...] = field(default=(), metadata={"json": False})
    along: str = field(default="", metadata={"json": False})

    @property
    def piece(self) -> Piece:
        """Its part of `upgrade`."""
        return Piece(self.title, self.code, self.imports, self.step, self.along)


def proposed(difference: Difference, undo: str) -> Proposed:
    """A difference as the change that ends it."""
    undone: Undo = "yes" if undo else "no"
    if undo and difference.drops:
        undone = "not its data"
    return Proposed(
        title(difference),
        difference.text,
        difference.operation,
        undo,
        undone,
        key_of(difference),
        left_behind=left_behind(difference),
        imports=difference.imports,
    )


def of_values(models: cat.Column, live: cat.Column) -> Undo:
    """What going back does to the values of a column whose type changes."""
    if live.generated:
        return "yes"
    if fit(live, models) is Fit.CUT:
        return "not its data"
    return _GOING_BACK[fit(models, live)]


def left_behind(difference: Difference) -> str:
    """What an enumeration made anew, or a document, comes without, here or on the way back."""
    if read := _READ.match(difference.text):
        way = "going back to jsonb, " if read[2] else ""
        return f"{way}column {read[1]} keeps {_OF_JSONB}"
    found = _ENUM.match(difference.text)
    if found and difference.kind in ("extra-label", "different-enum"):
        return f"enum {found[1]} is made anew: {_OF_THE_OLD}"
    if found and difference.kind == "missing-label":
        return f"going back makes enum {found[1]} anew: {_OF_THE_OLD}"
    return ""


def key_of(difference: Difference) -> str:
    """`drop-column:users.age`: what is lost, as a flag names it."""
    if not difference.drops:
        return ""
    what = difference.kind.partition("-")[2]
    return f"drop-{what}:{difference.name}"


def title(difference: Difference) -> str:
    """What is done, in a few words: `add column users.phone`."""
    side, _, what = difference.kind.partition("-")
    phrase = _IS.split(difference.text, maxsplit=1)[0]
    if what == "label" and (found := _LABEL.match(difference.text)):
        verb, to = ("add", "to") if side == "missing" else ("remove", "from")
        labels = found["labels"].replace('"', "")
        if new := _LABELS_TOO.search(difference.text):
            labels += f" and add value {new[1].replace(chr(34), '')},"
            to = "of"
        return f"{verb} value {labels} {to} enum {found['enum']}"
    if side == "renamed":
        before, _, on = phrase.partition(f" {difference.name} on ")
        return f"rename {before} {difference.database} on {on} to {difference.name}"
    if side in ("missing", "behind") and what in _WHOLE:
        return f"create {phrase}"
    if side in _VERBS:
        return f"{_VERBS[side]} {phrase}"
    return f"change {phrase}{_details(difference)}"


def _details(difference: Difference) -> str:
    """What becomes of a column, as far as it fits a line."""
    if difference.kind == "different-comment":
        return ": comment"
    _, colon, words = difference.text.partition(": ")
    if not colon or not difference.kind.endswith("-column"):
        return ""
    details = [_detail(each) for each in words.split("; ")]
    if details[0].startswith("type "):
        # The sequence of a serial column follows its type.
        details = [each for each in details if not each.startswith("sequence ")]
    return f": {', '.join(details)}"


def _detail(words: str) -> str:
    if words in _NULL:
        return _NULL[words]
    if found := _IT_IS.fullmatch(words):
        return f"{found[1]} to {found[2]}"
    found = _PART.fullmatch(words)
    return f"{found[1]} {found[2]} to {found[3]}" if found else words
