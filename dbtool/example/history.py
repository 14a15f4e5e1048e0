"""Where the Alembic history of the reference models lies."""

from pathlib import Path


def script_location() -> Path:
    """The directory of env.py: inside an installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parent
    for directory in (package / "migrations", package.parents[1] / "migrations"):
        if (directory / "env.py").is_file():
            return directory
    raise FileNotFoundError(f"no Alembic history in {package} nor beside the checkout")
