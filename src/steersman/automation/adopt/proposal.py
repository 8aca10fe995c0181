"""Candidates with names and needs, compared with what the manifest says already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from shlex import quote
from typing import Final

import msgspec

from steersman.automation.adopt.candidate import Candidate
from steersman.automation.adopt.depends import Edge, Timed, find_edges
from steersman.automation.adopt.manifest_text import Proposed
from steersman.automation.adopt.naming import name_from, unique
from steersman.automation.model.schedule import starts
from steersman.automation.settings import AutomationSettings
from steersman.automation.start_checks import in_one_text

_STARTS: Final = 400
_SPAN_NS: Final = 400 * 86_400 * 10**9


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """What would be added.

    Attributes:
        new: to add, in the order of their source.
        known: places that the manifest has already, with the name they have there.
    """

    new: tuple[Proposed, ...] = ()
    known: tuple[tuple[str, str], ...] = ()


def propose(
    candidates: Sequence[Candidate],
    text: str,
    existing: Mapping[str, AutomationSettings],
    *,
    now_ns: int,
    desk_tz: str,
    root: Path,
    enable: bool = False,
) -> Proposal:
    """Return what to add to a manifest that already holds `existing`.

    Args:
        text: steersman.toml as it is: a mark in it means that somebody adopted the candidate before.
        now_ns: from when on starts are compared.
        enable: write those that nothing holds as enabled.
    """
    new: list[Candidate] = []
    known: list[tuple[str, str]] = []
    for candidate in candidates:
        name = _known_as(candidate, text, existing, desk_tz)
        if name is None:
            new.append(candidate)
        else:
            known.append((candidate.where, name))
    named = _named([_with_neighbours(c, existing) for c in new], existing)
    edges = find_edges([_timed(name, c, now_ns, desk_tz) for name, c in named if not c.left], shorten={str(root): ""})
    proposals = [_proposed(name, c, [e for e in edges if e.consumer == name], enable) for name, c in named]
    return Proposal(new=tuple(_in_step(proposals)), known=tuple(known))


def _known_as(candidate: Candidate, text: str, existing: Mapping[str, AutomationSettings], desk_tz: str) -> str | None:
    """Return what the candidate is called in the manifest already, None if it is not there."""
    for name, settings in existing.items():
        same_time = (in_one_text(settings), settings.tz or desk_tz) == (candidate.schedule, candidate.tz or desk_tz)
        if _runs_the_same(settings, candidate) and same_time and settings.on == candidate.on:
            return name
    if f"[{candidate.mark}]:" not in text:
        return None
    lines = text.splitlines()
    at = next(i for i, line in enumerate(lines) if f"[{candidate.mark}]:" in line)
    header = next((line for line in lines[at:] if line.lstrip("# ").startswith("[automation.")), "")
    return header.lstrip("# ").removeprefix("[automation.").rstrip("] ") or "a comment"


def _runs_the_same(settings: AutomationSettings, candidate: Candidate) -> bool:
    # Before there was `cwd`, the folder stood in the command.
    before = f"env -C {quote(candidate.cwd)} {candidate.run}"
    return (settings.run, settings.cwd) in ((candidate.run, candidate.cwd), (before, ""))


def _with_neighbours(candidate: Candidate, existing: Mapping[str, AutomationSettings]) -> Candidate:
    """Say it when the manifest runs the same script already, at other times or in another way."""
    script = candidate.script
    if script is None:
        return candidate
    same = [name for name, s in existing.items() if any(word.endswith(script.name) for word in s.run.split())]
    note = f"{same[0]} in steersman.toml already runs a {script.name}: enable one of the two" if same else ""
    return msgspec.structs.replace(candidate, notes=(*candidate.notes, note)) if note else candidate


def _named(candidates: Sequence[Candidate], existing: Mapping[str, AutomationSettings]) -> list[tuple[str, Candidate]]:
    taken = set(existing)
    named = []
    for candidate in candidates:
        name = unique(name_from(candidate.label), taken)
        taken.add(name)
        named.append((name, candidate))
    return named


def _timed(name: str, candidate: Candidate, now_ns: int, desk_tz: str) -> Timed:
    tz = candidate.tz or desk_tz
    if candidate.schedule is None:
        return Timed(name=name, start=",".join(candidate.on), touches=candidate.touches)
    coming = starts(candidate.schedule, tz, now_ns)
    at = tuple(at for at in islice(coming, _STARTS) if at < now_ns + _SPAN_NS)
    return Timed(name=name, start=f"{candidate.schedule} {tz}", at=at, touches=candidate.touches)


def _proposed(name: str, candidate: Candidate, edges: Sequence[Edge], enable: bool) -> Proposed:
    chosen = [e for e in edges if not e.why_not]
    return Proposed(
        name=name,
        candidate=candidate,
        needs=tuple(e.producer for e in chosen),
        edges=tuple(edges),
        follows=any(e.follows for e in chosen),
        enabled=enable and not candidate.holds and not candidate.left,
    )


def _in_step(proposals: Sequence[Proposed]) -> list[Proposed]:
    """Leave disabled what needs something that is left disabled: it could not start anyway, and should say why."""
    disabled = {p.name for p in proposals if not p.enabled}
    while True:
        caught = {p.name for p in proposals if p.enabled and p.name not in disabled and disabled & set(p.needs)}
        if not caught:
            return [msgspec.structs.replace(p, enabled=p.enabled and p.name not in disabled) for p in proposals]
        disabled |= caught
