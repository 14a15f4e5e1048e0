"""Whether a name that the server does not know is one that exists, misspelled.

A table or function that a revision takes for granted may be made elsewhere: by an extension, a
dump, by hand. Nobody made it where nothing of the project names it but the revision that failed,
and it is one slip away from what the history makes, or from a function every server has.
"""

import os
import re
import traceback
from collections.abc import Iterable, Iterator
from pathlib import Path

from dbtool.migrate.servererror import ServerError, chain

_TABLE = re.compile(r'^(?:relation|table|view) "(?:public\.)?([a-z_]+)" does not exist$')
_FUNCTION = re.compile(r"^function (?:public\.)?([a-z_]+)\(.*\) does not exist$")
_MAKES = {
    "42P01": re.compile(
        r"""create_table\(\s*['"](\w+)['"]|CREATE\s+(?:UNLOGGED\s+)?TABLE\s+"""
        r"""(?:IF\s+NOT\s+EXISTS\s+)?(?:"?public"?\.)?"?(\w+)"?""",
        re.IGNORECASE,
    ),
    "42883": re.compile(r'FUNCTION\s+(?:"?public"?\.)?"?(\w+)"?()\s*\(', re.IGNORECASE),
}
_NAMES = """
    array_agg array_append array_length array_position array_remove array_replace
    array_to_string btrim cardinality ceiling clock_timestamp concat concat_ws count date_part
    date_trunc decode encode floor format gen_random_uuid generate_series greatest initcap
    json_agg json_build_object jsonb_agg jsonb_array_elements jsonb_build_object jsonb_set length
    lower ltrim make_interval nextval octet_length position quote_ident quote_literal random
    regexp_match regexp_matches regexp_replace regexp_split_to_array replace reverse round
    row_number rtrim setval split_part starts_with string_agg string_to_array strpos substr
    substring to_char to_date to_json to_jsonb to_number to_timestamp translate trunc unnest
    upper"""
_BUILT_IN = frozenset(_NAMES.split())
_SOURCES = frozenset(
    {".py", ".sql", ".psql", ".ddl", ".dump", ".sh", ".mako", ".yml", ".yaml", ".toml", ".ini"}
)
_ELSEWHERE = frozenset({"node_modules", "site-packages", "venv", "__pycache__"})
_MOST_FILES = 5000
_LEAST_LETTERS = 5
_WORD = re.compile(r"\w+")


def meant(server: ServerError, error: BaseException, root: Path) -> str:
    """What an unknown name was meant to be; empty where it may be anybody's."""
    pattern = {"42P01": _TABLE, "42883": _FUNCTION}.get(server.sqlstate or "")
    found = pattern.match(server.message) if pattern else None
    if found is None or found[1].startswith("pg_"):
        return ""
    name, code = found[1], server.sqlstate or ""
    top = _top(root.resolve())
    file = _raising(error, top)
    others = _others(top, file)
    if file is None or others is None or name in _made(code, [_read(file)]):
        return ""
    texts = [_read(each) for each in others]
    known = _made(code, (text for path, text in zip(others, texts, strict=True) if path.suffix))
    near = _near(name, known | (_BUILT_IN if code == "42883" else frozenset()))
    return near if near and not any(_names(text, name) for text in texts) else ""


def _top(root: Path) -> Path:
    """The directory of the whole repository."""
    return next((each for each in (root, *root.parents) if (each / ".git").exists()), root)


def _raising(error: BaseException, top: Path) -> Path | None:
    """The innermost file of the project that the error passed through."""
    paths = [
        Path(frame.filename)
        for each in chain(error)
        for frame in traceback.extract_tb(each.__traceback__)
    ]
    own = [each for each in paths if each.is_relative_to(top) and not _ELSEWHERE & set(each.parts)]
    return own[-1] if own else None


def _others(top: Path, but: Path | None) -> list[Path] | None:
    """The sources of the project without one of them; None where they are too many to read."""
    found: list[Path] = []
    for directory, below, files in os.walk(top):
        below[:] = [each for each in below if not each.startswith(".") and each not in _ELSEWHERE]
        paths = (Path(directory, each) for each in files)
        found += [each for each in paths if each.suffix in _SOURCES and each != but]
        if len(found) > _MOST_FILES:
            return None
    return found


def _read(path: Path) -> str:
    return path.read_text("utf-8", "replace") if path.is_file() else ""


def _made(code: str, texts: Iterable[str]) -> set[str]:
    return {a or b for text in texts for a, b in _MAKES[code].findall(text)}


def _names(text: str, name: str) -> bool:
    """Whether a text names it, as a class of a model does too: UserAccount, user_accounts."""
    wanted = _bare(name)
    return name in text or any(_bare(each) == wanted for each in _WORD.findall(text))


def _bare(name: str) -> str:
    return name.lower().replace("_", "").removesuffix("s").removesuffix("ie").removesuffix("y")


def _near(name: str, known: Iterable[str]) -> str:
    """The one name that a single slip makes of this one; empty where it is none, or several."""
    near = [each for each in known if is_slip(name, each.lower())]
    return near[0] if len(near) == 1 and name not in known else ""


def is_slip(name: str, known: str) -> bool:
    """Whether two letters changed places, or a later one is missing, twice or the next key.

    What is put before or behind a name (`user`, `users2`, `users_old`) makes another name.
    """
    if min(len(name), len(known)) < _LEAST_LETTERS or name == known:
        return False
    return name in set(_swapped(known)) | set(_without(known)) | set(_changed(known))


def _swapped(text: str) -> Iterator[str]:
    for at in range(len(text) - 1):
        yield text[:at] + text[at + 1] + text[at] + text[at + 2 :]


def _without(text: str) -> Iterator[str]:
    """Without a letter inside, or with one twice."""
    for at in range(1, len(text) - 1):
        yield text[:at] + text[at + 1 :]
    for at in range(len(text)):
        yield text[: at + 1] + text[at:]


def _changed(text: str) -> Iterator[str]:
    """With the key beside the right one: `roles` and `rules` are two names."""
    for at in range(1, len(text)):
        for key in _BESIDE.get(text[at], ""):
            yield text[:at] + key + text[at + 1 :]


def _beside(rows: tuple[str, ...]) -> dict[str, str]:
    """The keys beside each key; each row is half a key to the right of the one above it."""
    beside: dict[str, str] = {}
    for above, row in zip(("", *rows), rows, strict=False):
        for at, key in enumerate(row):
            near = row[max(at - 1, 0) : at] + row[at + 1 : at + 2] + above[at : at + 2]
            beside[key] = beside.get(key, "") + near
            for each in above[at : at + 2]:
                beside[each] += key
    return beside


_BESIDE = _beside(("qwertyuiop", "asdfghjkl", "zxcvbnm"))
