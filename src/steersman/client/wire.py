"""One question, one answer: a line of JSON each, over the socket of whoever serves this workspace."""

from __future__ import annotations

import json
import os
import socket
import time

from steersman.client.place import SOCKET, address
from steersman.client.problem import Problem

TYPE_CHECKING = False  # checkers take it for true; typing itself would cost half of this import
if TYPE_CHECKING:
    from typing import Any

CONNECT_S = 2.0
_KNOCK_S = 0.02
LARGEST_ANSWER = 4 << 20


class NobodyAnswers(Exception):
    """No process serves this workspace, or it went away before it answered. Asking again does no harm."""


def ask(root: str, question: dict[str, Any], *, timeout_s: float) -> dict[str, Any]:
    """Return the value that the services of the workspace at `root` answer `question` with.

    Raises:
        NobodyAnswers: nobody listens, or the connection broke before there was an answer.
        Problem: they said no, or did not answer within `timeout_s` seconds.
    """
    line = json.dumps(question, separators=(",", ":")).encode() + b"\n"
    return value_of(_exchange(os.path.join(root, SOCKET), line, timeout_s))  # noqa: PTH118 - see place.py


def value_of(line: bytes) -> dict[str, Any]:
    """Return the value in an answer.

    Raises:
        Problem: the answer is a refusal, or none at all.
    """
    try:
        answer = json.loads(line)
        if "value" in answer:
            value: dict[str, Any] = answer["value"]
            return value
        kind, message, fix = str(answer["error"]), str(answer["message"]), str(answer.get("fix", ""))
    except (ValueError, KeyError, TypeError):
        # Not quoted: it may hold half a lease.
        raise Problem(
            f"the services answered {len(line)} bytes that mean nothing",
            fix="use one version of steersman for the desk and its scripts",
        ) from None
    raise Problem(message, fix=fix, kind=kind)


def _exchange(path: str, line: bytes, timeout_s: float) -> bytes:
    began = time.monotonic()
    until = began + timeout_s
    link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    with link:
        try:
            link.settimeout(min(CONNECT_S, timeout_s))
            with address(path) as where:
                _connect(link, where, time.monotonic() + min(CONNECT_S, timeout_s))
            link.settimeout(timeout_s)
            link.sendall(line)
            return _line(link, until)
        except TimeoutError as exc:
            raise Problem(
                f"the services did not answer within {time.monotonic() - began:.1f} s",
                fix="see `steersman doctor`; or give more time",
            ) from exc
        except OSError as exc:
            raise NobodyAnswers(str(exc)) from exc


def _connect(link: socket.socket, where: str, until: float) -> None:
    """Connect; while more knock at once than the kernel lets queue, knock again: somebody does serve."""
    while True:
        try:
            link.connect(where)
            return
        except BlockingIOError:
            if time.monotonic() > until:
                raise TimeoutError from None
            time.sleep(_KNOCK_S)


def _line(link: socket.socket, until: float) -> bytes:
    parts: list[bytes] = []
    size = 0
    while True:
        left = until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        link.settimeout(left)
        part = link.recv(1 << 16)
        if not part:
            raise NobodyAnswers("the connection broke before there was an answer")
        parts.append(part)
        size += len(part)
        if part.endswith(b"\n"):
            return b"".join(parts)
        if size > LARGEST_ANSWER:
            raise Problem(f"the services' answer is longer than {LARGEST_ANSWER:,} bytes", fix="steersman doctor")
