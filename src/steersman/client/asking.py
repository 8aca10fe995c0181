"""Ask whoever serves the workspace; if nobody does, or he dies meanwhile, a process of our own."""

from __future__ import annotations

TYPE_CHECKING = False  # checkers take it for true; typing itself would cost half of this import
if TYPE_CHECKING:
    from typing import Any


def request(op: str, fields: dict[str, Any], *, timeout_s: float) -> dict[str, Any]:
    """Return the value answered to `op`. Every question may be asked twice: what it does happens once.

    Raises:
        Problem: no workspace, a refusal, or no answer in time.
    """
    # Start-up time: json and socket are two thirds of what this package would cost a script that only gives a result.
    from steersman.client.place import workspace
    from steersman.client.wire import NobodyAnswers, ask

    root = workspace()
    question = {"op": op, **fields}
    try:
        return ask(root, question, timeout_s=timeout_s)
    except NobodyAnswers:
        from steersman.client.alone import ask_alone  # start-up time: subprocess is only needed without a desk

        return ask_alone(root, question, timeout_s=timeout_s)
