"""Names and texts in SQL that nobody reads."""


def identifier(name: str) -> str:
    """A name as an SQL identifier, in quotes whatever it is."""
    return '"' + name.replace('"', '""') + '"'


def string_literal(text: str) -> str:
    """A text as an SQL literal, where standard_conforming_strings is on, as by default."""
    return "'" + text.replace("'", "''") + "'"
