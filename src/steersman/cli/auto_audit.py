"""`steersman auto audit`: what scripts do twice, keep in plain sight, or do without a limit."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from steersman.cli.context import HERE, AsJson, Dir
from steersman.kernel.errors import Unavailable


def audit(
    folder: Annotated[Path, typer.Argument(help="Scripts to read; nothing is run.")],
    directory: Dir = HERE,
    as_json: AsJson = False,
) -> None:
    """Find repeated logins, pulls and state checks, secrets in code, missing timeouts and retries, polling."""
    raise Unavailable("not there yet", fix="wait for the next version")
