"""Names in SQL text that nobody reads."""


def identifier(name: str) -> str:
    """A name as an SQL identifier, in quotes whatever it is."""
    return '"' + name.replace('"', '""') + '"'
