"""Words, colours and arguments that the commands of `content` share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.text import Text

Paths = Annotated[
    list[Path] | None, typer.Argument(metavar="PATHS", help="Drafts or folders; all drafts if none is named.")
]
_STYLES = {
    "gate": "bold red", "warn": "yellow", "info": "dim", "suppressed": "dim",
    "blocked": "bold red", "refused": "bold red", "failed": "bold red",
    "unconfirmed": "bold red", "overdue": "bold red",
    "published": "green", "updated": "green", "publish": "green", "update": "green",
    "checked": "green", "pass": "green",
}  # fmt: skip


def word(status: str) -> Text:
    from rich.text import Text  # only the human form needs it

    return Text(status, style=_STYLES.get(status, ""))


def stage_word(stage: str) -> Text:
    from rich.text import Text  # as above

    styles = {
        "in review": "bold yellow",
        "approved": "cyan",
        "scheduled": "cyan",
        "published": "green",
        "measured": "green",
    }
    return Text(stage, style=styles.get(stage, "bold"))


def shortened(words: str, most: int = 60) -> str:
    """Return `words`, or the beginning of them and an ellipsis: `most` characters in all."""
    return words if len(words) <= most else f"{words[: most - 3]}..."


def no_drafts(folder: str) -> str:
    """Return what to say while there is no draft: what one is, ready to be copied."""
    return (
        f"no drafts yet; a draft is a Markdown file, e.g. {folder}/first.md:\n\n"
        "---\ntitle: My first post\nstatus: draft\n---\nWhat I have to say.\n\n"
        "next: steersman content check"
    )
