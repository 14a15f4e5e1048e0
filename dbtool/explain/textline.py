"""What one line of a plan in text format says, under the keys of the JSON format."""

import re

from dbtool.explain.plan import BLOCK_FIELDS, Value

_NUMBER = re.compile(r"-?\d+(\.\d+)?(?:[eE][-+]?\d+)?")
_NAME = r'(?:"(?:[^"]|"")+"|[^\s".]+)'
_TARGET = re.compile(rf"(?:(?P<schema>{_NAME})\.)?(?P<name>{_NAME})(?:\s+(?P<alias>{_NAME}))?$")
_SCAN = re.compile(
    r"(?P<kind>(?:Custom Scan \([^)]*\))|[A-Z][\w ]*? Scan)(?P<backward> Backward)?"
    rf"(?: using (?P<index>{_NAME}|.+?))?(?: on (?P<target>.+))?$"
)
_JOIN = re.compile(
    r"(Hash|Merge|Nested Loop)(?: (Left|Right|Full|Semi|Anti|Right Semi|Right Anti))?( Join)?$"
)
_AGGREGATE = {
    "Aggregate": "Plain",
    "GroupAggregate": "Sorted",
    "HashAggregate": "Hashed",
    "MixedAggregate": "Mixed",
}
_WRITES = ("Insert", "Update", "Delete", "Merge")
_LISTS = frozenset({"Output", "Sort Key", "Presorted Key", "Group Key", "Conflict Arbiter Indexes"})
_ASSIGNED = re.compile(r"(\w+)=([\d.]+)")
_LABELLED = re.compile(r"([A-Z][A-Za-z -]*?): (.*?)(?=  [A-Z]|$)")
_ORIGINALLY = re.compile(r"(\d+) \(originally (\d+)\)")
_BLOCKS = {
    name.replace("_", " "): name.replace("_", " ").title() + " Blocks" for name in BLOCK_FIELDS
}
_RENAMED = {
    "Buckets": "Hash Buckets",
    "Batches": "Hash Batches",
    "Memory Usage": "Peak Memory Usage",
    "Hits": "Cache Hits",
    "Misses": "Cache Misses",
    "Evictions": "Cache Evictions",
    "Overflows": "Cache Overflows",
}
_WITH_OTHERS = frozenset({"Planned Partitions", "Storage"})
"""What else begins a line of several figures."""

Tree = dict[str, Value]


def number(text: str) -> Value:
    """A number where the text is one, whole unless it is printed with decimals."""
    found = _NUMBER.fullmatch(text)
    if found is None:
        return text
    return int(text) if found.end() and "." not in text and "e" not in text.lower() else float(text)


def described(label: str) -> Tree:
    """What a node's label says: its type, and what it reads or writes."""
    tree: Tree = {}
    if label.startswith("Parallel "):
        label, tree["Parallel Aware"] = label.removeprefix("Parallel "), True
    label = label.removeprefix("Async ")
    for part in ("Partial", "Finalize"):
        if label.startswith(f"{part} ") and "Aggregate" in label:
            label, tree["Partial Mode"] = label.removeprefix(f"{part} "), part
    if label in _AGGREGATE:
        return {**tree, "Node Type": "Aggregate", "Strategy": _AGGREGATE[label]}
    if join := _JOIN.fullmatch(label):
        kind = "Nested Loop" if join[1] == "Nested Loop" else f"{join[1]} Join"
        if join[3] or kind == "Nested Loop":
            return {**tree, "Node Type": kind, "Join Type": join[2] or "Inner"}
    first, _, rest = label.partition(" on ")
    if first in _WRITES and rest:
        return {**tree, "Node Type": "ModifyTable", "Operation": first, **_relation(rest)}
    if "SetOp" in first:
        kind, _, command = label.partition(" ")
        hashed = "Hashed" if kind == "HashSetOp" else "Sorted"
        return {**tree, "Node Type": "SetOp", "Strategy": hashed, "Command": command}
    return tree | _scan(label)


def _scan(label: str) -> Tree:
    found = _SCAN.fullmatch(label)
    if found is None:
        return {"Node Type": label}
    kind, target = found["kind"], found["target"] or ""
    tree: Tree = {"Node Type": kind}
    if kind in ("Index Scan", "Index Only Scan"):
        tree["Scan Direction"] = "Backward" if found["backward"] else "Forward"
    if found["index"]:
        tree["Index Name"] = _bare(found["index"])
    if kind == "Bitmap Index Scan":
        return {**tree, "Index Name": _bare(target)}
    keys = {"Function Scan": "Function Name", "CTE Scan": "CTE Name", "WorkTable Scan": "CTE Name"}
    return tree | _relation(target, keys.get(kind, "Relation Name"), kind)


def _relation(target: str, key: str = "Relation Name", kind: str = "") -> Tree:
    found = _TARGET.fullmatch(target)
    if found is None:
        return {key: target, "Alias": target} if target else {}
    name = _bare(found["name"])
    alias = _bare(found["alias"]) if found["alias"] else name
    if kind in ("Subquery Scan", "Values Scan", "Table Function Scan"):
        return {"Alias": alias}
    tree: Tree = {key: name, "Alias": alias}
    return {**tree, "Schema": _bare(found["schema"])} if found["schema"] else tree


def _bare(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name


def properties(key: str, value: str, kind: str) -> Tree:
    """One line below a node; `kind` is the node's, since some words mean two things."""
    if key in _LISTS:
        return {key: list(split_list(value))}
    if key == "Buffers":
        return dict(_buffers(value))
    if key == "I/O Timings":
        return {f"{what} Time": time for what, time in _timings(value)}
    if key == "WAL":
        names = {"records": "WAL Records", "fpi": "WAL FPI", "bytes": "WAL Bytes"}
        return {names[one]: int(said) for one, said in _ASSIGNED.findall(value) if one in names}
    if key == "Heap Blocks":
        return {f"{one.title()} Heap Blocks": int(said) for one, said in _ASSIGNED.findall(value)}
    if key == "Sort Method":
        return _sort(value)
    if key.endswith("sort Groups") or key == "Pre-sorted Groups":
        return {key: _groups(value)}
    if key in _RENAMED or key in _WITH_OTHERS:
        return dict(_several(f"{key}: {value}", kind))
    return {key: True if value == "true" else False if value == "false" else number(value)}


def split_list(text: str) -> tuple[str, ...]:
    """The items of a list, at commas outside of parentheses, brackets and quotes."""
    items, depth, begin, quote = [], 0, 0, ""
    for place, character in enumerate(text):
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character in "([{":
            depth += 1
        elif character in ")]}":
            depth -= 1
        elif character == "," and not depth:
            items.append(text[begin:place].strip())
            begin = place + 1
    return (*items, text[begin:].strip())


def _buffers(value: str) -> "list[tuple[str, Value]]":
    found: list[tuple[str, Value]] = [(key, 0) for key in _BLOCKS.values()]
    for part in value.split(", "):
        scope, _, figures = part.strip().partition(" ")
        for name, count in _ASSIGNED.findall(figures):
            if key := _BLOCKS.get(f"{scope} {name}"):
                found.append((key, int(count)))
    return found


def _timings(value: str) -> "list[tuple[str, float]]":
    found = []
    for part in value.split(", "):
        scope, _, figures = part.strip().partition(" ")
        before = "" if "=" in scope else f"{scope.title()} "
        for name, time in _ASSIGNED.findall(part if "=" in scope else figures):
            found.append((f"{before}I/O {name.title()}", float(time)))
    return found


def _sort(value: str) -> Tree:
    method, _, rest = value.partition("  ")
    kind, _, size = rest.strip().partition(": ")
    tree: Tree = {"Sort Method": method}
    if size:
        tree |= {"Sort Space Type": kind, "Sort Space Used": _kilobytes(size)}
    return tree


def _groups(value: str) -> Tree:
    """An incremental sort tells average and peak of its groups, in memory and on disk."""
    amount, _, rest = value.partition("  ")
    tree: Tree = {"Group Count": number(amount)}
    for name, said in _LABELLED.findall(rest):
        measure, _, where = name.partition(" ")
        if measure in ("Average", "Peak") and where in ("Memory", "Disk"):
            space = tree.setdefault(f"Sort Space {where}", {})
            assert isinstance(space, dict)
            space[f"{measure} Sort Space Used"] = _kilobytes(said)
    return tree


def _several(line: str, kind: str) -> "list[tuple[str, Value]]":
    """A line of several `Name: value`, two blanks between them."""
    found: list[tuple[str, Value]] = []
    for name, said in _LABELLED.findall(line):
        key = _RENAMED.get(name, name)
        if key == "Hash Batches" and kind == "Aggregate":
            key = "HashAgg Batches"
        if original := _ORIGINALLY.fullmatch(said):
            found.append((f"Original {key}", int(original[2])))
            said = original[1]
        elif key.startswith("Hash B"):
            found.append((f"Original {key}", number(said)))
        found.append((key, _kilobytes(said)))
    return found


def _kilobytes(said: str) -> Value:
    return number(said.removesuffix("kB"))
