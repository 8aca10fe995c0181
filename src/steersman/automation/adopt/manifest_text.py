"""Proposals as text of steersman.toml: appended, commented, with the place each came from."""

from __future__ import annotations

import difflib
import re
import textwrap
from typing import Final

import msgspec

from steersman.automation.adopt.candidate import Candidate
from steersman.automation.adopt.depends import Edge
from steersman.automation.model.schedule import EVERY, cron_lines
from steersman.automation.settings import SECTION, AutomationSettings

WIDTH: Final = 78
_DEFAULT_TIMEOUT: Final = "1h"


class Proposed(msgspec.Struct, frozen=True, kw_only=True):
    """A candidate with its name and what it needs.

    Attributes:
        needs: names, proposed; each with an edge in `edges`, which also holds those that are only said.
        follows: it gives its schedule up and starts after what it needs.
        enabled: what is written; False until somebody asked for more.
    """

    name: str
    candidate: Candidate
    needs: tuple[str, ...] = ()
    edges: tuple[Edge, ...] = ()
    follows: bool = False
    enabled: bool = False


def span(seconds: float) -> str:
    """Return seconds as the manifest writes spans, e.g. 5400 -> `1h30m`."""
    whole = round(seconds)
    if abs(seconds - whole) > 1e-9 or whole == 0:
        return f"{max(1, round(seconds * 1000))}ms"
    parts = []
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "m"), (1, "s")):
        count, whole = divmod(whole, size)
        parts += [f"{count}{unit}"] if count else []
    return "".join(parts)


def quoted(text: str) -> str:
    """Return `text` as a TOML string, in single quotes where that needs no escapes."""
    plain = all(c.isprintable() for c in text)
    if plain and '"' not in text and "\\" not in text:
        return f'"{text}"'
    if plain and "'" not in text:
        return f"'{text}'"
    if plain and "'''" not in text:
        return f"'''{text}'''"
    escapes = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r"}
    body = "".join(escapes.get(c) or (c if c.isprintable() else f"\\U{ord(c):08x}") for c in text)
    return f'"{body}"'


def block(proposed: Proposed) -> str:
    """Return the table of one proposal with its comments; all of it a comment when it cannot be adopted."""
    candidate = proposed.candidate
    head = [f"{candidate.where} [{candidate.mark}]: {candidate.when}", f"was: {candidate.original}"]
    if candidate.left:
        head.append(f"not adopted: {candidate.left}")
    head += [f"note: {note}" for note in candidate.notes]
    head += [f"before enabling: {hold}" for hold in candidate.holds]
    head += [f"see: {e.producer} {e.evidence}; not in needs: {e.why_not}" for e in proposed.edges if e.why_not]
    lines = [line for text in head for line in _comment(text)]
    body = [f"[{SECTION}.{proposed.name}]", *_fields(proposed)]
    lines += [f"# {line}" for line in body] if candidate.left else body
    return "\n".join(lines) + "\n"


def _comment(text: str) -> list[str]:
    """Return `text` as comment lines; a word longer than a line keeps its line, so that it can be copied."""
    text = "".join(c if c.isprintable() else " " for c in text)
    return textwrap.wrap(
        text, WIDTH, initial_indent="# ", subsequent_indent="#   ", break_long_words=False, break_on_hyphens=False
    )


def _fields(proposed: Proposed) -> list[str]:
    c = proposed.candidate
    lines = [f"run = {quoted(c.run)}", *([f"cwd = {quoted(c.cwd)}"] if c.cwd else [])]
    lines += _start(proposed)
    why = {e.producer: e.evidence for e in proposed.edges if not e.why_not}
    for need in proposed.needs:
        lines += _comment(f"{need} {why[need]}") if need in why else []
    if proposed.needs:
        lines.append(f"needs = [{', '.join(quoted(n) for n in proposed.needs)}]")
    if c.on:
        lines.append(f"on = [{', '.join(quoted(kind) for kind in c.on)}]")
    if c.timeout_s is not None:
        lines.append(f"timeout = {quoted(span(c.timeout_s))}")
    elif c.on:
        lines.append('timeout = "7d"  # the longest; what never ends is better left to systemd')
    else:
        lines.append(f"timeout = {quoted(_DEFAULT_TIMEOUT)}".ljust(24) + "  # no limit today; 7d at most")
    lines += [f"retries = {c.retries}"] if c.retries else []
    lines += [f"backoff = {quoted(c.backoff)}"] if c.backoff else []
    lines += [f"backoff_start = {quoted(span(c.backoff_s))}"] if c.backoff_s else []
    lines += [f"overlap = {quoted(c.overlap)}"] if c.overlap else []
    lines += _optional("catchup", c.catchup) if c.catchup and not proposed.follows else []
    if c.env:
        inner = ", ".join(f"{_key(k)} = {quoted(v)}" for k, v in c.env.items())
        lines.append(f"env = {{ {inner} }}")
    if not proposed.enabled:
        lines.append("enabled = false")
    return lines


def _start(proposed: Proposed) -> list[str]:
    c = proposed.candidate
    if c.schedule is None:
        return []
    interval = c.schedule.removeprefix(EVERY)
    start = f"schedule = {_lines(cron_lines(c.schedule))}" if interval == c.schedule else f"every = {quoted(interval)}"
    lines = [start, *([f"tz = {quoted(c.tz)}"] if c.tz else [])]
    lines += [f"jitter = {quoted(span(c.jitter_s))}"] if c.jitter_s else []
    if not proposed.follows:
        return lines
    needed = " and ".join(proposed.needs)
    said = _comment(f"its own times are given up: it starts once {needed} has succeeded, later than today if that "
                    "takes long, and not at all if that fails")  # fmt: skip
    return [*said, *(f"# {line}" for line in lines)]


def _lines(lines: tuple[str, ...]) -> str:
    return quoted(lines[0]) if len(lines) == 1 else f"[{', '.join(map(quoted, lines))}]"


def _optional(name: str, value: str) -> list[str]:
    """Return a field as a comment if this version's manifest does not know it: the file must load."""
    known = {field.name for field in msgspec.structs.fields(AutomationSettings)}
    line = f"{name} = {quoted(value)}"
    return [line if name in known else f"# {line}"]


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else quoted(name)


def appended(text: str, proposals: list[Proposed], *, title: str) -> str:
    """Return the text of steersman.toml with `proposals` behind it; `text` itself when there are none."""
    if not proposals:
        return text
    ending = "\r\n" if "\r\n" in text else "\n"
    head = f"# --- {title} "
    blocks = "\n".join([head + "-" * max(3, WIDTH - len(head)), *(block(p) for p in proposals)])
    gap = "" if not text or text.endswith("\n") else ending
    return text + gap + ending + blocks.removesuffix("\n").replace("\n", ending) + ending


def diff(before: str, after: str, *, name: str) -> str:
    """Return the change as a unified diff, empty when there is none."""
    lines = difflib.unified_diff(
        before.splitlines(keepends=True), after.splitlines(keepends=True), f"a/{name}", f"b/{name}"
    )
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)
