"""What each action of a statement does, with those of the same statement before it done."""

from dbtool.lint.actions import Action, DoBlock, SetVariable, Transaction
from dbtool.lint.effect import Cause, Effect, Missing, Task, Work
from dbtool.lint.effects import State, effect_of, passes_by
from dbtool.lint.read import Read
from dbtool.lint.replay import apply
from dbtool.lint.subject import Done, Session, Step
from dbtool.lint.values import replace
from dbtool.statement import Statement


def steps_of(actions: Read, state: State) -> tuple[Step, ...]:
    """The effect of each action, with those of the statement before it already done."""
    if len(actions) == 1:
        return (Step(actions[0], effect_of(actions[0], state)),)
    state.schema.begin()
    trial = replace(state, session=state.session.trial())
    statement = Statement(state.sql)
    steps: dict[int, Step] = {}
    before = state.schema.doubted
    for place in actions.turns:
        action = actions[place]
        effect = effect_of(action, trial)
        maybe = place in actions.maybe
        if state.schema.doubted and not (before or maybe):
            effect = _left_open(effect)
        steps[place] = Step(action, _where_possible(effect) if maybe else effect)
        fails = effect.fails if maybe else _ends(effect)
        if not fails and not passes_by(action, state.schema, state.sql):
            apply(state.schema, action, state.sql)
        if isinstance(action, DoBlock):
            # Whatever a block does is within the transaction of the block.
            trial.session.in_transaction = True
        remember(trial.session, Done(statement, (steps[place],)))
        trial.session.hold(steps[place], statement)
    state.schema.undo()
    return tuple(steps[place] for place in range(len(actions)))


def possible(action: Action, state: State) -> bool:
    """Whether an action can be done as things stand; a branch that cannot is not taken."""
    return not effect_of(action, state).fails


def _where_possible(effect: Effect) -> Effect:
    """The effect of what may not be done at all: an error says that it is not."""
    if not effect.fails:
        return effect
    tasks = tuple(task for task in effect.tasks if task.work is not Work.FAIL)
    return Effect() if _ends(effect) else replace(effect, tasks=tasks)


def _left_open(effect: Effect) -> Effect:
    """The effect behind what may have changed anything: nobody knows whether it fails."""
    if not _ends(effect):
        return effect
    told = [task for task in effect.tasks if task.work is Work.FAIL and not task.if_rows]
    return replace(
        effect,
        tasks=tuple(task for task in effect.tasks if task not in told),
        missing=(*effect.missing, *map(_open, told)),
    )


def _open(task: Task) -> Missing:
    fact = f"whether it fails: {task.why}, unless what the statement runs before changed that"
    return Missing(Cause.OPAQUE, task.relation, fact, "run it in scratch with --measure")


def _ends(effect: Effect) -> bool:
    """Whether it fails whatever rows there are."""
    return any(not task.if_rows for task in effect.tasks if task.work is Work.FAIL)


def remember(session: Session, done: Done) -> None:
    """What a statement leaves in its session."""
    for step in done.steps:
        match step.action:
            case Transaction(command="begin"):
                session.begin(True, explicit=True)
            case Transaction(command="commit" | "rollback"):
                session.begin(False)
            case SetVariable(name=name, value=value, local=local):
                session.set(name, value, local)
    session.remember(done)
