"""What a column's name says about the text, document or list in it."""

import re
from collections.abc import Callable
from dataclasses import replace

from dbtool.seed import pools, words
from dbtool.seed.kinds import element_length
from dbtool.seed.live import LiveColumn
from dbtool.seed.patterns import Matching, matching
from dbtool.seed.rows import Generator
from dbtool.seed.subject import TEXTS, Choice, Subject, left_out
from dbtool.seed.values import Constant, Formatted, Listed, Numbered, Pool

_WORD = 20
"""A least length below which words with a number behind them are left to the trial."""
_NUMBER = 10
"""The characters a separator and the row's number take."""
_STEM = 4
"""The characters that are left of a word, or the words that are left of a list, at least."""
_CODE = tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
_LONGEST = 12

Values = Callable[[], tuple[str, ...]]
Maker = Callable[[LiveColumn, Subject], Generator]


def by_name(column: LiveColumn, subject: Subject) -> Choice | None:
    """The generator a name suggests, fitted to the column's length and uniqueness."""
    if column.base in TEXTS:
        return _text(column, subject)
    if column.base in ("jsonb", "json"):
        return _document(column)
    return _list(column) if column.element in TEXTS or (column.element and column.labels) else None


def _text(column: LiveColumn, subject: Subject) -> Choice | None:
    name = column.name.lower()
    if column.default is not None and re.search(r"currency|locale|lang", name):
        return left_out(column, "one for all rows")
    for pattern, make in _RULES:
        if re.search(rf"(^|_)({pattern})$", name):
            return Choice(fitted(make(column, subject), column, subject), "name", "likely")
    return None


def text_by_type(column: LiveColumn, subject: Subject) -> Choice:
    """Some text, where nothing tells what the column holds."""
    if column.default is not None:
        return left_out(column, "nothing tells what it holds")
    values = pools.sentences() if column.base == "text" else words.TOPICS
    return Choice(fitted(Pool(column.name, values), column, subject), "type", "guess")


def different(column: LiveColumn, subject: Subject) -> Generator:
    """Text that differs in each row, where nothing tells what the column holds."""
    return fitted(Pool(column.name, words.TOPICS), column, subject)


def _pool(values: Values, kind: str, draw: str = "") -> Maker:
    return lambda column, _: Pool(draw or column.name, values(), kind)


def _email(*_: object) -> Generator:
    return Numbered("person", pools.logins(), "", tuple(f"@{e}" for e in words.DOMAINS), "e-mail")


def _login(*_: object) -> Generator:
    return Numbered("person", pools.logins(), "", kind="user name")


_VOCABULARIES: tuple[tuple[str, Values, str], ...] = (
    (r"role|group", lambda: words.ROLES, "role"),
    (r"permission|scope|privilege", lambda: words.PERMISSIONS, "permission"),
    (r"categor|department|shel(f|ves)|section", lambda: words.SHELVES, "category"),
    (r"tag|topic|keyword|label|genre|subject|interest", lambda: words.TOPICS, "topic"),
    (
        r"compan|organi[sz]ation|tenant|team|vendor|supplier|brand|firm|workspace|publisher",
        pools.companies,
        "organisation",
    ),
    (r"product|item|article|good|sku|variant|asset|part", pools.goods, "product"),
    (r"cit(y|ies)|location|place|venue|branch|warehouse|site", lambda: pools.place(1), "city"),
    (r"countr", lambda: pools.place(4), "country"),
    (r"colou?r", lambda: words.COLORS, "color"),
)


def _named(subject: Subject) -> Pool | Listed:
    """What a name in this table is: of a person, a product, a city ..."""
    if subject.has_people:
        return Pool("person", pools.full_names(), "person")
    found = (each for each in _VOCABULARIES if re.search(each[0], subject.bare_name))
    _, values, kind = next(found, ("", lambda: words.TOPICS, "topic"))
    return Listed(values(), kind=kind) if subject.is_listed else Pool("title", values(), kind)


def _slug(_: LiveColumn, subject: Subject) -> Generator:
    titles = re.compile(r"(^|_)(title|headline|subject)$")
    if any(titles.search(column.name) for column in subject.live.columns):
        return Pool("title", pools.slugs(pools.headlines()), "slug")
    named = _named(subject)
    values = pools.slugs(named.values)
    if isinstance(named, Listed):
        return Listed(values, "-", "slug")
    return Pool(named.draw, values, "slug")


def _country(column: LiveColumn, _: Subject) -> Generator:
    short = column.max_length is not None and column.max_length <= 3
    return Pool("place", pools.place(0 if short or "code" in column.name else 4), "country")


def _color(column: LiveColumn, _: Subject) -> Generator:
    if column.max_length == 7 or "hex" in column.name:
        shades = tuple(f"#{number * 0x3F5B7 % 0xFFFFFF:06x}" for number in range(64))
        return Pool(column.name, shades, "color")
    return Pool(column.name, words.COLORS, "color")


def _code(column: LiveColumn, subject: Subject) -> Generator:
    stem = column.name if column.name == "sku" else subject.bare_name
    return Formatted(f"{re.sub('[^A-Z]', '', stem.upper())[:3]}-{{:07d}}", "code")


_RULES: tuple[tuple[str, Maker], ...] = (
    (r"e_?mail(_address)?", _email),
    (r"(first|given)_?name", _pool(pools.first_names, "first name", "person")),
    (r"(last|family|sur)_?name", _pool(pools.last_names, "last name", "person")),
    (r"user_?name|login|handle|nick(name)?", _login),
    (r"slug", _slug),
    (r"title|headline|subject", _pool(pools.headlines, "headline", "title")),
    (
        r"url|uri|website|homepage|link",
        lambda c, _: Numbered(c.name, ("https://www.example.com/page",), kind="address"),
    ),
    # 555-0100 to 555-0199 are reserved for fiction.
    (
        r"(phone|mobile|fax|telephone)(_number)?",
        _pool(lambda: tuple(f"+1 202 555 01{number:02d}" for number in range(100)), "phone"),
    ),
    (r"city|town", _pool(lambda: pools.place(1), "city", "place")),
    (r"country(_code)?", _country),
    (r"currency(_code)?", _pool(lambda: pools.place(2), "currency", "place")),
    (r"time_?zone|tz", _pool(lambda: pools.place(3), "time zone", "place")),
    (r"(locale|language|lang)(_code)?", _pool(lambda: words.LOCALES, "locale")),
    (r"colou?r(_hex)?", _color),
    (
        r"street|address(_?line)?(_?\d)?",
        lambda *_: Numbered("place", words.STREETS, " ", kind="street"),
    ),
    (
        r"(zip|postal|post)_?(code)?",
        _pool(lambda: tuple(str(10_000 + 137 * n) for n in range(24)), "postcode", "place"),
    ),
    (r"(password|passwd|pwd)(_hash)?|hashed_password", lambda *_: Constant("!", "no password")),
    (r"sku|number|code|reference|ref|serial|barcode|key|token", _code),
    (
        r"body|content|text|description|biography|bio|notes?|summary|comment|message|abstract"
        r"|excerpt|remarks?|details?",
        _pool(pools.paragraphs, "text"),
    ),
    (r"name|label", lambda _, subject: _named(subject)),
)


def _document(column: LiveColumn) -> Choice:
    for pattern, make, draw in (
        (r"prefer|setting|option", pools.preferences, column.name),
        (r"attribute|propert|spec|feature", pools.attributes, column.name),
        (r"address", pools.addresses, "place"),
    ):
        if re.search(pattern, column.name):
            return Choice(Pool(draw, make(), "document"), "name", "likely")
    return Choice(Pool(column.name, pools.settings(), "document"), "type", "guess")


def _list(column: LiveColumn) -> Choice:
    permissions = re.search(r"permission|scope|right", column.name)
    members = column.labels or (words.PERMISSIONS if permissions else words.TOPICS)
    if (most := element_length(column)) is not None:
        members = tuple(dict.fromkeys(each[:most] for each in members))
    return Choice(Pool(column.name, pools.lists(members), "list"), "name", "likely")


def fitted(made: Generator, column: LiveColumn, subject: Subject) -> Generator:
    """Short enough for the column, long enough for its CHECKs, unique where it must be."""
    low, high = subject.lengths(column)
    digits = matching(column.name, f"[0-9a-f]{{{low}}}", low, high) if low else None
    if digits is not None and not _is_long(made, low, unique=column.name in subject.unique):
        return digits.unique() if column.name in subject.unique else digits
    if column.name in subject.unique:
        return _distinct(made, column, high)
    if isinstance(made, Numbered | Listed) and high is not None:
        endings = made.endings if isinstance(made, Numbered) else ("",)
        room = high - _NUMBER - max(map(len, endings))
        if room > 0:
            return replace(made, values=_cut(made.values, room))
        made = Pool(column.name, made.values, made.kind)
    if isinstance(made, Formatted) and high is not None and len(made.template.format(1)) > high:
        return Matching(column.name, (_CODE,) * high, kind="short code")
    if not isinstance(made, Pool):
        return made
    values = _cut(made.values, high)
    long_enough = tuple(v for v in values if len(v) >= low) if low else values
    return Pool(made.draw, long_enough or values, made.kind)


def _distinct(made: Generator, column: LiveColumn, high: int | None) -> Generator:
    """Text that differs in each row, as long as the column allows; a code where no word fits."""
    if isinstance(made, Pool):
        made = Numbered(made.draw, made.values, "-" if made.kind == "slug" else " ", kind=made.kind)
    if high is None and not isinstance(made, Constant):
        return made
    high = _LONGEST if high is None else high
    match made:
        case Numbered():
            room = high - _NUMBER - max(map(len, made.endings))
            if room >= (1 if any(made.endings) else _STEM):
                return replace(made, values=_cut(made.values, room))
        case Listed():
            whole = tuple(each for each in made.values if len(each) <= high - _NUMBER)
            if len(whole) >= _STEM:
                return replace(made, values=whole)
        case Formatted() if len(made.template.format(1)) <= high:
            return made
    return Matching(column.name, (_CODE,) * min(high, _LONGEST), of_index=True, kind="short code")


def _is_long(made: Generator, low: int, *, unique: bool) -> bool:
    """Whether enough of the values have so many characters, as no word has those of a hash."""
    match made:
        case Pool() if not unique:
            return any(len(value) >= low for value in made.values)
        case Pool() | Numbered() | Listed():
            return all(len(value) >= low for value in made.values) or low < _WORD
        case Formatted():
            return len(made.template.format(1)) >= low
        case Constant():
            return len(made.text) >= low
    return True


def _cut(values: tuple[str, ...], room: int | None) -> tuple[str, ...]:
    """Values of so many characters at most; each keeps its place."""
    return values if room is None else tuple(value[: max(room, 1)].rstrip() for value in values)
