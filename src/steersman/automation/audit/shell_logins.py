"""Logins that programs make by themselves: `aws sts assume-role`, `gcloud auth login`, `docker login`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from steersman.automation.audit.endpoints import Hole, masked, shown
from steersman.automation.audit.facts import Change, Shared
from steersman.automation.audit.secret_shapes import promises_secret
from steersman.automation.audit.shell_tree import Command, Tree, Word

# Program -> the words it logs in with, as each manual has them.
_LOGINS: Final[dict[str, re.Pattern[str]]] = {
    "aws": re.compile(r"(sso login|sts (assume-role\S*|get-session-token)|ecr get-login-password|configure set)\b"),
    "gcloud": re.compile(r"auth (login|activate-service-account|application-default login|print-access-token)\b"),
    "gh": re.compile(r"auth login\b"),
    "az": re.compile(r"login\b"),
    "docker": re.compile(r"login\b"),
    "podman": re.compile(r"login\b"),
    "heroku": re.compile(r"(auth:)?login\b"),
    "vault": re.compile(r"login\b"),
    "op": re.compile(r"signin\b"),
    "bw": re.compile(r"(login|unlock)\b"),
    "npm": re.compile(r"(login|adduser)\b"),
    "doctl": re.compile(r"auth init\b"),
    "b2": re.compile(r"(account authorize|authorize[-_]account)\b"),
    "firebase": re.compile(r"login\b"),
    "oc": re.compile(r"login\b"),
    "cf": re.compile(r"(login|auth)\b"),
    "kinit": re.compile(r""),
    "wrangler": re.compile(r"login\b"),
    "mc": re.compile(r"alias set\b"),
    "tailscale": re.compile(r"(login|up)\b"),
}
# Options that name a run or a form of the answer, and say nothing about who logs in.
_FORM: Final = re.compile(
    r"^--(role-session-name|output|query|quiet|no-\S+|duration-seconds|format|verbosity)$|^-[qs]$"
)
_WHY: Final = "the program keeps what it got for itself: who logs in, and when, is for you to say"


def logins(tree: Tree) -> Iterator[Shared]:
    """Return the logins of a script that are no HTTP request of its own."""
    for command in tree.commands:
        pattern = _LOGINS.get(command.name)
        words = [w for w in command.words if not w.start.startswith("-")]
        if pattern is None or not pattern.match(" ".join(w.fixed for w in words)):
            continue
        if any(isinstance(p, Hole) and not p.env for w in _who(command) for p in w.text):
            continue
        yield Shared(
            place=tree.source.place(command.word.start_byte),
            key=" ".join([command.name, *(masked(w.text) for w in _who(command))]),
            shown=f"the login by {command.name} {' '.join(shown(w.text) for w in words[:3])}",
            stem=command.name,
            looped=tree.looped(command.node),
            change=lambda _name, _holes: Change(why_not=_WHY),
            kind="program",
        )


def _who(command: Command) -> list[Word]:
    """Return the words that say who logs in, and where; without secrets, and without the form of the answer."""
    found: list[Word] = []
    left = list(command.words)
    while left:
        word = left.pop(0)
        name = word.start.partition("=")[0]
        if _FORM.match(name) or (name.startswith("-") and promises_secret(name.lstrip("-"))):
            takes = "=" not in word.start and not name.startswith(("--no-", "--quiet", "-q", "-s"))
            left = left[1:] if takes and left and not left[0].start.startswith("-") else left
        else:
            found.append(word)
    return found
