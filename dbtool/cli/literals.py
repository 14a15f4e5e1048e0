"""The option that shows the values in statements of other sessions, which are masked else."""

from typing import Annotated

import typer

ShowLiterals = Annotated[
    bool,
    typer.Option(
        "--show-literals",
        help="Show statements with the values in them, as the server has them: they may be "
        "personal or secret, so mind where the report goes.",
    ),
]
