"""The file of a revision before it is in the history: made in a temporary directory, by the
team's own template, and written where it belongs when all is agreed."""

from contextlib import ExitStack, chdir
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from alembic.autogenerate import RevisionContext
from alembic.script import Script, ScriptDirectory

from dbtool import files
from dbtool.errors import OperationError
from dbtool.files import temporary_directory
from dbtool.migrate.autogenerate.directives import Directives
from dbtool.migrate.environment import load
from dbtool.migrate.importing import complete
from dbtool.migrate.listener import Offline
from dbtool.migrate.lookup import resolve
from dbtool.migrate.project import Project
from dbtool.migrate.revision import on_disk


@dataclass(slots=True)
class Draft:
    """Files of revisions that nobody has yet; `imported` are modules the template lacks."""

    directory: Path
    files: dict[str, Path] = field(default_factory=dict)
    imported: tuple[str, ...] = ()

    def text(self, revision: str) -> str:
        """What a file says now."""
        return self.files[revision].read_text("utf-8")

    def rewrite(self, file: Path, text: str) -> None:
        """Let a file say something else."""
        file.write_text(text, encoding="utf-8")

    def within(self, project: Project) -> Project:
        """The project as if the files were in its history."""
        return replace(project, drafts=(self.directory,))


def drafted(
    project: Project, words: tuple[str, ...], directives: Directives, stack: ExitStack
) -> Draft:
    """Fill the team's template with what the hooks have left."""
    place = stack.enter_context(temporary_directory("dbtool-draft-"))
    draft = Draft(place.resolve())
    comparison = directives.comparison
    loaded = load(draft.within(project), words)
    loaded.script.messaging_opts = {"quiet": True}
    loaded.script.hooks = []
    own, asked = comparison.script_directory, [*comparison.generated_revisions]
    paths = [each.version_path for each in asked]
    comparison.script_directory = loaded.script
    _same_locations(own, loaded.script)
    try:
        with chdir(project.place.base), Offline():
            resolve(loaded.script, lambda: loaded.script.revision_map.heads)
            for directive, filled in directives.texts():
                directive.version_path = str(draft.directory)
                made = partial(_generate, comparison, directive, filled)
                script = resolve(loaded.script, partial(on_disk, made))
                if script is not None:
                    draft.files[script.revision] = Path(script.path)
    finally:
        comparison.script_directory = own
        for directive, path in zip(asked, paths, strict=True):
            directive.version_path = path
    added = (module for each in draft.files.values() for module in complete(each))
    draft.imported = tuple(dict.fromkeys(added))
    return draft


def _same_locations(own: ScriptDirectory, other: ScriptDirectory) -> None:
    """env.py may have said where revisions are."""
    other.version_locations = own.version_locations


def _generate(comparison: RevisionContext, directive: Any, filled: dict[str, str]) -> Script | None:
    """One file; the functions are rendered already."""
    directive._needs_render = False
    before = comparison.template_args
    comparison.template_args = {**before, **filled}  # type: ignore[dict-item]
    try:
        return comparison._to_script(directive)
    finally:
        comparison.template_args = before


def placed(script: ScriptDirectory, comparison: RevisionContext, draft: Draft) -> list[Script]:
    """Write the files where the team's revisions are, and run its hooks on them."""
    texts = {revision: draft.text(revision) for revision in draft.files}

    def write(src: Path, dest: Path, **given: Any) -> None:
        path, text = Path(dest), texts[given["up_revision"]]
        if path.exists():
            name = f"the file that {src.name} fills"
            raise OperationError(f'{name} exists: "{path}"', detail="Nothing was written.")
        files.write(path, text.encode(script.output_encoding))

    script._generate_template = write  # type: ignore[method-assign]
    found = []
    for directive in comparison.generated_revisions:
        if directive.rev_id in texts:
            made: Any = directive
            made._needs_render = False
            written = comparison._to_script(made)
            found += [written] if written is not None else []
    return found
