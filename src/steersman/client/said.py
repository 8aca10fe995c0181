"""What a script says: its result, and events of its own."""

from __future__ import annotations

import os
import sys

from steersman.client.asking import request
from steersman.client.leases import refuse_secrets
from steersman.client.problem import Problem

TYPE_CHECKING = False  # checkers take it for true; typing itself would cost half of this import
if TYPE_CHECKING:
    from typing import Any

RESULT = "::result "
LARGEST_RESULT = 32_768
LARGEST_EVENT = 16_384
TIMEOUT_S = 30.0
_TYPE = r"script(\.[a-z][a-z0-9_]{0,39}){2}"
_given = False


def result(**values: Any) -> None:
    """Print `::result {json}`, which the run's record keeps. Call it once, as the last thing.

    Raises:
        Problem: something is no JSON, too long, or holds the secret of a lease; or there was a result already.
    """
    global _given  # noqa: PLW0603 - a process has one result
    text = _json(values, what="the result", largest=LARGEST_RESULT)
    if _given:
        raise Problem("the result was given already", fix="call result() once, at the end", kind="Misused")
    sys.stdout.write(f"{RESULT}{text}\n")
    sys.stdout.flush()
    _given = True


def emit(type: str, /, **data: Any) -> str:
    """Append an event of this script's own to the ledger and return its id; durable once this returns.

    Args:
        type: `script.<noun>.<verb in the past>`, e.g. `script.report.sent`. No other domain's events can be written.
        data: what happened, as JSON values; no secret, no private text.

    Raises:
        Problem: not such a type, no JSON, too long, a secret in it, or the ledger takes no event now.
    """
    import re  # start-up time: many scripts never say an event

    if not re.fullmatch(_TYPE, type):
        raise Problem(
            f"found {type!r}, allowed: script.<noun>.<verb> in small letters, digits and _",
            fix='write e.g. emit("script.report.sent", to=3)',
            kind="Misused",
        )
    _json(data, what=f"the event {type}", largest=LARGEST_EVENT)
    # The nonce makes it one event, however often it has to be sent.
    answer = request("emit", {"type": type, "data": data, "nonce": os.urandom(16).hex()}, timeout_s=TIMEOUT_S)
    return str(answer["id"])


def _json(values: dict[str, Any], *, what: str, largest: int) -> str:
    import json  # start-up time: most scripts that say something have loaded it already

    try:
        text = json.dumps(values, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        size = len(text.encode())
    except (TypeError, ValueError, RecursionError) as exc:
        allowed = "give text, finite numbers, true/false, None, lists and dicts of them"
        raise Problem(f"{what} is not JSON: {exc}", fix=allowed, kind="Misused") from exc
    if size > largest:
        raise Problem(
            f"{what} has {size:,} bytes, allowed: {largest:,}", fix="write a file and say its name", kind="Misused"
        )
    refuse_secrets(text, what=what)
    return text
