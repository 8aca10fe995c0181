"""The commands that stop what was adopted where it runs today. They are printed; nobody here runs them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from typing import Final, Literal

import msgspec

Place = Literal["crontab", "file", "timer"]
KEPT: Final = "crontab.before"


class Removal(msgspec.Struct, frozen=True, kw_only=True):
    """One line or timer to stop.

    Attributes:
        place: a user's own crontab, a crontab file of the system, or a timer.
        target: the file, or the timer with `--user ` in front for one of a user; empty for `crontab -l`.
        line: number of the line to make a comment of.
        guard: a word that must stand on it, so that another line is never touched.
    """

    place: Place
    target: str = ""
    line: int = 0
    guard: str = ""

    def sed(self) -> str:
        """Return what sed does to the line, and does not do to any other that moved there."""
        guard = re.sub(r"([./*\[\]^$\\])", r"\\\1", self.guard)
        return f"{self.line}{{/{guard}/s/^/# steersman: /;}}" if guard else f"{self.line}s/^/# steersman: /"


def guard_of(shown: str, raw: str) -> str:
    """Return the longest word of a command without its secrets that stands in its line as it is."""
    return max((w for w in re.findall(r"[\w./-]{2,}", shown) if w in raw), key=len, default="")


def commands(removals: Iterable[Removal]) -> list[str]:
    """Return the shell commands for `removals`, those of one crontab in one command."""
    scripts: dict[tuple[str, str], list[str]] = {}
    for removal in removals:
        found = scripts.setdefault((removal.place, removal.target), [])
        if removal.place != "timer":
            found.append(f"-e {shlex.quote(removal.sed())}")
    lines: list[str] = []
    for (place, target), parts in scripts.items():
        if place == "crontab":
            # By way of a file: were `crontab -l` to fail in a pipe, its silence would become the crontab.
            lines.append(f"crontab -l > {KEPT} && sed {' '.join(parts)} {KEPT} | crontab -")
        elif place == "file":
            lines.append(f"sudo sed -i.bak {' '.join(parts)} {shlex.quote(target)}")
        else:
            who = "systemctl" if target.startswith("--user ") else "sudo systemctl"
            lines.append(f"{who} {target.replace('--user ', '--user disable --now ')}" if " " in target
                         else f"{who} disable --now {target}")  # fmt: skip
    return lines
