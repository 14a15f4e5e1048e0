"""The order in which the server does what one ALTER TABLE says, however it is written."""

from collections.abc import Callable, Iterable, Sequence

from dbtool.lint import actions as act

_TURNS: tuple[tuple[type, ...], ...] = (
    (act.DropConstraint, act.DropColumn, act.DropNotNull),
    (act.AlterColumnType,),
    (act.AddColumn,),
    (act.SetNotNull, act.SetDefault, act.SetExpression, act.ChangeIdentity),
    (act.AddConstraint, act.ValidateConstraint),
)


class Read(tuple[act.Action, ...]):
    """The actions of a text as they are written; `turns` has their places as they are done.

    `maybe` has the places of those that may not be done at all.
    """

    turns: tuple[int, ...]
    maybe: frozenset[int]

    def __new__(cls, statements: Iterable[Sequence[act.Action]]) -> "Read":
        """Join the actions of several statements, which are done one after the other."""
        actions: list[act.Action] = []
        turns: list[int] = []
        maybe: set[int] = set()
        for statement in statements:
            first = len(actions)
            actions.extend(statement)
            if statement and isinstance(statement[0], act.DoBlock):
                maybe.update(first + 1 + offset for offset in statement[0].maybe)
            places = range(first, len(actions))
            turns.extend(places if len(places) < 2 else sorted(places, key=_turn_of(actions)))
        read = super().__new__(cls, actions)
        read.turns = tuple(turns)
        read.maybe = frozenset(maybe)
        return read


def _turn_of(actions: Sequence[act.Action]) -> Callable[[int], int]:
    return lambda place: _turn(actions[place])


def _turn(action: act.Action) -> int:
    if isinstance(action, act.SetDefault) and action.default is None:
        return 0
    found = (turn for turn, kinds in enumerate(_TURNS) if isinstance(action, kinds))
    return next(found, len(_TURNS))
