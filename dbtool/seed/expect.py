"""Read parts of a seed file as what they must be; each refuses anything else at its place."""

from collections.abc import Sequence
from datetime import date

from dbtool.seed.document import Fields, Items, Node, Scalar, near, refuse


def known(node: Fields, keys: Sequence[str]) -> None:
    """Refuse keys that have no meaning here."""
    for name in node.fields:
        if name not in keys:
            refuse(node.names[name], f'unknown key "{name}"', near(name, keys))


def several(node: Node) -> Sequence[Node]:
    """The items of a list, or the one thing there is."""
    return node.items if isinstance(node, Items) else (node,)


def mapping(node: Node, what: str) -> Fields:
    """Names with what belongs to them; nothing is an empty mapping."""
    if isinstance(node, Fields):
        return node
    if isinstance(node, Scalar) and node.value is None:
        return Fields(node.place, {}, {})
    refuse(node.place, f"this must be a mapping: {what}")


def text_of(node: Node, what: str) -> str:
    """Text that is not empty."""
    if not isinstance(node, Scalar) or not node.text:
        refuse(node.place, f"this must be {what}")
    return node.text


def number(node: Node, least: int | None) -> int:
    """A whole number of at least `least`."""
    value = node.value if isinstance(node, Scalar) else None
    if not isinstance(value, int) or isinstance(value, bool):
        refuse(node.place, "this must be a whole number")
    if least is not None and value < least:
        refuse(node.place, f"this must be at least {least}")
    return value


def weight(node: Node) -> float:
    """How often something comes up beside others."""
    value = node.value if isinstance(node, Scalar) else None
    if value is None or isinstance(value, bool | str) or value < 0:
        refuse(node.place, "a weight is a number, 0 or more")
    return float(value)


def share(node: Node) -> float:
    """A part of all rows."""
    value = node.value if isinstance(node, Scalar) else None
    if value is None or isinstance(value, bool | str) or not 0 <= value <= 1:
        refuse(node.place, "a share of NULL is a number from 0 to 1")
    return float(value)


def day(node: Node) -> date:
    """A date."""
    try:
        return date.fromisoformat(text_of(node, "a date"))
    except ValueError:
        refuse(node.place, "this must be a date such as 2026-11-01")
