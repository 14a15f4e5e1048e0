"""The settings of dbtool that follow from what a project has."""

from pathlib import Path

from dbtool.migrate.init.draft import Draft, appended
from dbtool.migrate.init.survey import Survey
from dbtool.settings.inifile import read_url
from dbtool.settings.project import ALEMBIC_INI, OWN_FILE, PYPROJECT

IGNORED = ".dbtool/"
_COMMENT = "# What dbtool must know of this project; `dbtool config` shows every setting.\n"
_LONGEST_LINE = 88


def propose_settings(draft: Draft, survey: Survey, specs: tuple[str, ...]) -> None:
    """Propose [tool.dbtool] in pyproject.toml, else dbtool.toml; what is there stays."""
    lines = _lines(survey, specs)
    if survey.settings is not None or not lines:
        return
    body = _COMMENT + "".join(f"{line}\n" for line in lines)
    in_pyproject = draft.text(PYPROJECT) is not None
    if in_pyproject and draft.append_table(PYPROJECT, f"[tool.dbtool]\n{body}"):
        return
    draft.create(OWN_FILE, body)


def home(draft: Draft, survey: Survey) -> str:
    """Where a setting is to be written, as a hint says it."""
    if survey.settings is not None:
        own = survey.settings == OWN_FILE
    else:
        own = draft.text(OWN_FILE) is not None or draft.text(PYPROJECT) is None
    return f"in {OWN_FILE}" if own else "under [tool.dbtool]"


def _lines(survey: Survey, specs: tuple[str, ...]) -> list[str]:
    lines = []
    if specs:
        lines.append(f"models = {_value(specs)}")
    if len(survey.engines) == 1:
        lines.append(f"engine = {_value(survey.engines)}")
    if (variable := _own_variable(survey)) is not None:
        lines.append(f"url = {_value((f'env:{variable}',))}")
    found = survey.environment
    if found is not None and found.config not in (ALEMBIC_INI, PYPROJECT):
        lines.append(f"alembic_config = {_value((found.config,))}")
    return lines


def _own_variable(survey: Survey) -> str | None:
    """The variable with the URL, where dbtool does not know it by itself."""
    if len(survey.variables) != 1 or survey.variables == ("DATABASE_URL",):
        return None
    found = survey.environment
    if found is not None:
        config: Path = survey.root / found.config
        ini = config if config.suffix != ".toml" else None
        if read_url(ini, found.section, {}, survey.root).url:
            return None
    return survey.variables[0]


def _value(texts: tuple[str, ...]) -> str:
    """One text, or several as a list, as TOML writes them."""
    quoted = [_quoted(text) for text in texts]
    if len(quoted) == 1:
        return quoted[0]
    line = f"[{', '.join(quoted)}]"
    return line if len(line) < _LONGEST_LINE else "[\n    " + ",\n    ".join(quoted) + ",\n]"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def ignore_own_files(draft: Draft) -> None:
    """Keep the development server's directory out of git."""
    directories = [draft.root, *draft.root.parents]
    repository = next((each for each in directories if (each / ".git").exists()), None)
    text = draft.text(".gitignore")
    if text is None and repository is None:
        return
    inside = directories[: directories.index(repository) + 1] if repository else [draft.root]
    if not any(_ignores(each / ".gitignore") for each in inside):
        draft.put(".gitignore", appended(text, f"{IGNORED}\n", blank=0))


def _ignores(path: Path) -> bool:
    if not path.is_file():
        return False
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return any(line.strip().strip("/") == IGNORED.strip("/") for line in lines)
