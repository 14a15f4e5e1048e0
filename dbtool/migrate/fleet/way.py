"""How a tenant's schema reaches env.py, which is stated and then proven, never guessed."""

from dataclasses import replace

from dbtool.errors import UsageError
from dbtool.migrate.fleet.targets import Item
from dbtool.migrate.project import Project
from dbtool.sql.names import identifier

_SCHEMA, _DATABASE = "{schema}", "{database}"


def project_for(project: Project, item: Item, search_path: str | None) -> Project:
    """The project as one target sees it."""
    filled = tuple(_filled(each, item) for each in project.x)
    path = None if search_path is None else _path(search_path, item)
    return replace(
        project,
        target=item.target,
        x=filled,
        schema=item.schema,
        search_path=path,
        agreed=item.agreed,
        losing=item.losing,
    )


def _path(template: str, item: Item) -> str:
    """A search path as SQL; a name may hold anything but a comma."""
    names = (each.strip().strip('"') for each in template.split(","))
    return ", ".join(identifier(_filled(each, item)) for each in names)


def _filled(text: str, item: Item) -> str:
    named = text.replace(_DATABASE, item.target.database)
    return named if item.schema is None else named.replace(_SCHEMA, item.schema)


def check(project: Project, items: tuple[Item, ...], search_path: str | None) -> None:
    """Schemas need a way into env.py; raises UsageError where none is stated."""
    templates = [each for each in (*project.x, search_path or "") if _SCHEMA in each]
    has_schemas = any(each.schema is not None for each in items)
    if has_schemas and not templates:
        raise UsageError(
            "how a schema reaches env.py is not stated",
            detail="Every run would work on the same schema.",
            hint="Where env.py reads -x: -x tenant={schema}. Where it uses the search path:"
            " --search-path '{schema}', or '{schema},public' for extensions kept there.",
        )
    if templates and not has_schemas:
        raise UsageError(
            f'"{templates[0]}" asks for a schema, and the targets are databases',
            hint="Name schemas with --schemas PATTERN or a --query that returns a schema.",
        )
