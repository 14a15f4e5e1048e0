"""Turns the lock forest into a report of a few dozen lines, however many wait."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from dbtool.finding import Finding, judge
from dbtool.health.forest import Forest, Node, Release
from dbtool.health.locks import Locks
from dbtool.health.remedy import Remedy
from dbtool.health.rules import LOCKS
from dbtool.health.tree import Tree, gone, known_as, seconds, trees
from dbtool.report import Node as Line
from dbtool.report import Report, Section, Styled, Text, counted, duration
from dbtool.report import Tree as Drawn

DRAWN = 2
"""As many trees are drawn; of more only the largest."""
BRIEF = 3
CHILDREN = 3
DEPTH = 4
LEADERS = 3
"""How many of those in a tree who hold up others are drawn with who stands behind them."""
QUERY_SHOWN = 60
SNAPSHOT = "a snapshot: a queue may have moved on since"
IN_TURN = "whoever wants a row that several transactions share waits for each of them in turn"
BESIDE = "CONCURRENTLY waits for the transactions in its way one after the other"


def locks_report(locks: Locks) -> Report:
    """Who waits for whom, what would free them, what is wrong.

    The tree holds all evidence and every command, so that findings do not repeat it.
    """
    findings, unknowns = judge(LOCKS, locks)
    some = locks.forest.waiters > 0
    return Report(
        command="locks",
        data=locks,
        headline=_headline(locks.forest),
        sections=tuple(lock_sections(locks.forest)),
        findings=tuple(_one_of_each(findings)),
        unknowns=unknowns,
        notes=tuple(_notes(locks.forest)) if some else (),
        next=("dbtool locks --json",) if _folded(locks.forest) else (),
        judged=True,
    )


def _notes(forest: Forest) -> Iterator[str]:
    yield SNAPSHOT
    yield from dict.fromkeys(
        each for node in forest.nodes if node.release for each in turns(node.release)
    )


def turns(release: Release) -> Iterator[str]:
    """Why those who would go on at once may have to wait for somebody else yet."""
    if release.in_turn:
        yield IN_TURN
    if release.beside:
        yield BESIDE


def _headline(forest: Forest) -> str:
    if not forest.waiters:
        return "nobody waits for a lock"
    longest = max(seconds(node) for node in forest.nodes)
    verb = "waits" if forest.waiters == 1 else "wait"
    roots = sum(node.waits is None for node in forest.nodes)
    line = f"{counted(forest.waiters, 'session')} {verb} for locks, up to {duration(longest)}"
    return f"{line}, behind {roots:,} that {'waits' if roots == 1 else 'wait'} for nobody"


def _folded(forest: Forest) -> bool:
    return len(forest.nodes) > 2 * CHILDREN


def lock_sections(forest: Forest) -> Iterator[Section]:
    """The largest tree drawn, the next ones in a line each, the rest counted."""
    found = list(trees(forest))
    many = len(found) > DRAWN
    drawn, brief = (found[:1], found[1 : 1 + BRIEF]) if many else (found, [])
    if found:
        below = _Below(forest, CHILDREN if len(drawn) == 1 else 1)
        lines = [_line(tree.root, below, 0) for tree in drawn]
        lines += [Line(_brief(tree)) for tree in brief]
        yield Drawn(tuple(lines))
    if rest := found[len(drawn) + len(brief) :]:
        waiters = sum(len(tree.waiters) for tree in rest)
        yield Text(f"+{len(rest):,} more, with {waiters:,} behind them")
    for circle in forest.cycles:
        pids = " → ".join(f"pid {pid}" for pid in (*circle, circle[0]))
        yield Text(f"in a circle, which the server ends after its deadlock_timeout: {pids}")


def _brief(tree: Tree) -> str:
    waits = f"{len(tree.waiters):,} behind it, up to {duration(tree.longest)}"
    ending = f"; {tree.root.remedy.command}" if tree.root.remedy else ""
    return f"{_who(tree.root)}: {waits}{ending}"


def _one_of_each(findings: tuple[Finding, ...]) -> Iterator[Finding]:
    """The worst finding of each rule, and how many more there are."""
    rules = Counter(each.rule for each in findings)
    for rule in rules:
        first = next(each for each in findings if each.rule == rule)
        more = f", and {rules[rule] - 1:,} more like it" if rules[rule] > 1 else ""
        yield replace(first, title=f"{first.title}{more}", evidence=(), fix=None)


class _Below:
    """The nodes below each one, and how many more may be drawn with theirs."""

    def __init__(self, forest: Forest, wide: int) -> None:
        self._children = forest.children()
        self._left = LEADERS
        self.wide = wide

    def of(self, node: Node) -> list[Node]:
        """Those behind a node; the ones with most behind themselves come first."""
        found = self._children.get(node.id, [])
        return sorted(found, key=lambda each: (-each.followers, -seconds(each)))

    def opens(self, depth: int) -> bool:
        """Whether one more is drawn with those behind it."""
        self._left -= 1
        return depth < DEPTH and self._left >= 0


def _line(node: Node, below: _Below, depth: int) -> Line:
    ending = _ending(node)
    lines = [Line(Styled(ending, "strong"))] if ending else []
    lines += _children(node, below, depth)
    return Line(_label(node), tuple(lines))


def _children(node: Node, below: _Below, depth: int) -> Iterator[Line]:
    children = below.of(node)
    shown = 0
    for child in children[: below.wide]:
        shown += 1
        if not child.followers:
            yield Line(_label(child))
        elif below.opens(depth):
            yield _line(child, below, depth + 1)
        else:
            yield Line(f"{_label(child)} (+{child.followers:,} behind it)")
    if rest := children[shown:]:
        yield Line(Styled(_more(rest), "muted"))


def _more(nodes: list[Node]) -> str:
    """The fan-out in one line."""
    behind = sum(node.followers for node in nodes)
    wants = {(node.waits.mode, node.waits.thing) for node in nodes if node.waits}
    line = f"+{len(nodes) + behind:,} more, up to {duration(max(map(_deep, nodes)))}"
    if len(wants) == 1:
        ((mode, thing),) = wants
        return f"{line} for {mode} on {thing}"
    return line


def _deep(node: Node) -> float:
    return max(seconds(node), node.longest)


def _label(node: Node) -> str:
    parts = [_who(node), _waits(node) if node.waits else _holds(node)]
    query = node.session.query if node.session else ""
    text = "; ".join(part for part in parts if part)
    return f"{text}: {_cut(query)}" if query else text


def _who(node: Node) -> str:
    if node.prepared is not None:
        prepared = node.prepared
        return (
            f'prepared transaction "{prepared.name}" of {prepared.owner},'
            f" {duration(prepared.seconds)} old"
        )
    session = node.session
    if session is None:
        return f"pid {node.id}, {gone(node)}"
    if session.hidden:
        return f"pid {node.id} {known_as(session)}, role {session.role}, what it does is hidden"
    who = f"pid {node.id} {known_as(session)}"
    if session.role:
        who += f", role {session.role}"
    if node.waits is None:
        who += f", {_state(node)}"
    return who


def _state(node: Node) -> str:
    session = node.session
    assert session is not None
    state = session.state or session.backend_type or ""
    if session.state_seconds is not None:
        state += f" for {duration(session.state_seconds)}"
    open_for = session.transaction_seconds
    if open_for is not None and open_for > (session.state_seconds or 0) * 1.1:
        state += f", transaction open {duration(open_for)}"
    return state


def _holds(node: Node) -> str:
    return f"holds {', '.join(node.holds)}" if node.holds else ""


def _waits(node: Node) -> str:
    assert node.waits is not None
    since = node.waits.seconds
    line = f"waits {duration(since)}" if since is not None else "waits"
    line += f" for {node.waits.mode} on {node.waits.thing}"
    if more := node.blocker_count - 1:
        others = [pid for pid in node.blockers if pid != node.parent]
        line += f", also for pid {others[0]}" if more == 1 else f", for {more:,} others too"
    return line


def _cut(query: str) -> str:
    return query if len(query) <= QUERY_SHOWN else f"{query[: QUERY_SHOWN - 1]}…"


def _ending(node: Node) -> str:
    """What ends it, and who would go on."""
    if node.remedy is None or node.release is None:
        return ""
    if node.waits is not None and not node.release.at_once_count:
        return ""
    return f"{_works(node.remedy)}: {freed(node.release)}"


def _works(remedy: Remedy) -> str:
    match remedy.action:
        case "cancel":
            return f"{remedy.command} (a cancel will do)"
        case "terminate":
            return f"{remedy.command} (terminates: {remedy.why})"
        case "decide":
            return f"{remedy.command} ({remedy.why})"
        case "unknown":
            return f"whether a cancel would do is unknown ({remedy.why})"
    return f"not to be ended ({remedy.why})"


def freed(release: Release) -> str:
    """Who goes on at once, who after them, and who waits for somebody else too."""
    parts = [f"{release.at_once_count:,} would go on at once"]
    if release.later:
        parts.append(f"{release.later:,} after {'it' if release.at_once_count == 1 else 'them'}")
    if release.still:
        parts.append(f"{release.still:,} would wait for others")
    return ", ".join(parts)
