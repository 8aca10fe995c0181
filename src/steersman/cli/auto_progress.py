"""What a run by hand says while it goes on, and of its end."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from steersman.cli.auto_words import COLOURS, read_log
from steersman.cli.output import console

if TYPE_CHECKING:
    from rich.text import Text

    from steersman.automation import Progress, RunOutcome


def line(step: Progress) -> Text:
    """Return one step of a run as a line."""
    from rich.text import Text  # only the human form needs it

    outcome = step.outcome
    if outcome is None:
        note = f"attempt {step.attempt}" if step.state == "started" and step.attempt > 1 else step.note
        return Text(f"{step.automation:<16} {step.state:<10} {note}".rstrip())
    found = Text(f"{step.automation:<16} ")
    found.append(f"{outcome.status.replace('_', ' '):<10} ", style=COLOURS.get(outcome.status, ""))
    found.append(outcome.reason or f"{outcome.wall_s:.2f} s, CPU {outcome.cpu_s:.2f} s")
    return found


def show_ends(root: Path, outcomes: Sequence[RunOutcome]) -> None:
    """Print what runs left and said, and the last lines of those that failed."""
    import msgspec  # `--help` needs no domain

    for outcome in outcomes:
        for artifact in outcome.artifacts:
            console().print(f"artifact  {artifact}", markup=False)
        if outcome.result is not None:
            value = msgspec.json.encode(outcome.result).decode()
            console().print(f"result    {outcome.automation}: {value}", markup=False, soft_wrap=True)
        if not outcome.ok and outcome.log:
            show_end(root / outcome.log, outcome.run_id)


def show_end(path: Path, run_id: str) -> None:
    """Print the last lines of a log."""
    lines = [text for text in read_log(path).splitlines() if text.strip()][-5:] if path.is_file() else []
    shown = console(error=True)
    for text in lines:
        shown.print(f"  | {text}", markup=False)
    # Unbroken, also where it is wider than the terminal: it is there to be copied.
    shown.print(f"  all of it: steersman auto logs {run_id}", markup=False, soft_wrap=True)
