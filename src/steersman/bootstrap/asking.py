"""Ask whoever serves the workspace, as any script does; if nobody does, answer here. Light until it comes to that."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from steersman.client.place import nearest
from steersman.client.problem import Problem
from steersman.client.wire import NobodyAnswers, ask
from steersman.kernel.errors import SteersmanError


def request(directory: Path, op: str, fields: dict[str, Any], *, timeout_s: float) -> dict[str, Any]:
    """Return the value answered to `op` for the workspace at or above `directory`.

    Raises:
        SteersmanError: as the services say, whoever answered.
    """
    root = nearest(str(directory))
    question = {"op": op, **fields}
    if root:
        try:
            return ask(root, question, timeout_s=timeout_s)
        except NobodyAnswers:
            pass
        except Problem as exc:
            raise _error(exc) from exc
    return here(directory, question)


def here(directory: Path, question: dict[str, Any]) -> dict[str, Any]:
    """Return the value of `question`, answered in this process.

    Raises:
        SteersmanError: as the services say; Misconfigured if there is no workspace.
    """
    import msgspec  # start-up time: only needed when nobody serves

    from steersman.bootstrap.services import asked_here  # as above
    from steersman.services.serving import protocol

    asked = protocol.question(msgspec.json.encode(question))
    with asked_here(directory) as (handler, caller):
        value: dict[str, Any] = msgspec.to_builtins(handler.answer(asked, caller))
        return value


def _error(problem: Problem) -> SteersmanError:
    from steersman.services.serving.protocol import error_of  # start-up time: only a refusal needs it

    return error_of(problem.kind, problem.message, problem.fix)
