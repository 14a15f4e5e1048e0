"""Say what an action does to a live server, given all that is known before it."""

from collections.abc import Callable
from typing import Any

from dbtool.lint import actions as act
from dbtool.lint.effect import NOTHING, Effect
from dbtool.lint.effects import columns, indexes
from dbtool.lint.effects.making import State as State


def effect_of(action: act.Action, state: State) -> Effect:
    """The locks and the work of one action."""
    judge = _EFFECTS.get(type(action))
    return judge(action, state) if judge is not None else NOTHING


# Each function takes the action it stands beside: one type per entry, which no type can say.
_EFFECTS: dict[type, Callable[[Any, State], Effect]] = {
    act.CreateIndex: indexes.create,
    act.SetNotNull: columns.set_not_null,
}
