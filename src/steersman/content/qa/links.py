"""`--links`: which addresses in drafts still answer. Asked gently, never inside this network, never by default."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from steersman.content.drafts import read_draft
from steersman.content.files import put
from steersman.content.model.draft import Draft, DraftUnreadable
from steersman.content.model.finding import Found, judge
from steersman.content.model.suppression import apply, suppressions
from steersman.content.qa.asking import Answer, Asker
from steersman.content.qa.checker import Report
from steersman.content.qa.reporting import with_findings
from steersman.content.settings import QaSettings
from steersman.kernel.clock import Clock

MOST: Final = 200
"""Addresses asked in one run; the rest is said to be left."""
KEPT_S: Final = 24 * 3600
_CACHE: Final = "content-links.json"


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """An answer of an earlier run; the address itself is not kept, only its hash is."""

    kind: str
    says: str
    at: int


def check_links(
    root: Path,
    state: Path,
    settings: QaSettings,
    reports: Sequence[Report],
    clock: Clock,
    *,
    allow_private: bool = False,
    asker: Asker | None = None,
    most: int = MOST,
) -> tuple[list[Report], str]:
    """Ask the http(s) addresses of the drafts in `reports`; return the reports with what was found, and a sentence.

    A dead address (404, 410, no such host) is a warning, one that gave no clear answer a note: a server may refuse
    machines and serve people. What could be asked and was answered clearly is not asked again for a day.
    """
    drafts = _read(root, settings, reports)
    wanted = list(dict.fromkeys(url for draft in drafts.values() for url, _ in addresses(draft)))
    cache = _load(state / _CACHE)
    now = clock.now_ns()
    answers = {
        url: Answer(kind=k.kind, says=k.says) for url in wanted if (k := cache.get(_name(url))) and _fresh(k, now)
    }
    open_ = [url for url in wanted if url not in answers]
    asking = open_[:most]
    asker = asker if asker is not None else Asker(allow_private=allow_private)
    fresh = asker.ask(asking)
    answers |= fresh
    _save(state / _CACHE, cache, fresh, now)
    said = [_with(report, drafts.get(report.draft), answers, settings) for report in reports]
    dead = sum(answer.kind == "dead" for answer in answers.values())
    left = f", {len(open_) - len(asking)} left for the next run (at most {most})" if len(open_) > len(asking) else ""
    return said, f"addresses: {len(wanted)} found, {len(asking)} asked, {dead} dead{left}"


def addresses(draft: Draft) -> list[tuple[str, tuple[int, int]]]:
    """Return the http(s) addresses of `draft` without their fragments, and where each stands."""
    found = []
    for link in draft.masked.links:
        url = f"https://{link.url}" if link.url.startswith("www.") else link.url
        if url.lower().startswith(("http://", "https://")):
            found.append((url.partition("#")[0], (link.start, link.end)))
    return found


def _read(root: Path, settings: QaSettings, reports: Sequence[Report]) -> dict[str, Draft]:
    drafts = {}
    for report in reports:
        if report.outcome != "refused":
            try:
                drafts[report.draft] = read_draft(root, report.draft, settings)
            except DraftUnreadable:
                continue  # it changed since it was checked; the next check says so
    return drafts


def _with(report: Report, draft: Draft | None, answers: dict[str, Answer], settings: QaSettings) -> Report:
    if draft is None or draft.sha256 != report.content_sha256:
        return report
    found = []
    for url, (start, end) in addresses(draft):
        answer = answers.get(url)
        if answer is not None and answer.kind != "fine":
            is_dead = answer.kind == "dead"
            found.append(
                Found(
                    start=start,
                    end=end,
                    source="links",
                    rule="DeadLink" if is_dead else "UnclearLink",
                    category="links" if is_dead else "readability",
                    message=answer.says,
                )
            )
    masked = draft.masked
    judged = apply(judge(draft.name, masked.source, masked.lines, found, settings.gates), suppressions(masked))
    return with_findings(report, [*report.findings, *judged])


def _name(url: str) -> str:
    return hashlib.sha256(url.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _fresh(kept: Kept, now: int) -> bool:
    return 0 <= now - kept.at < KEPT_S * 1_000_000_000


def _load(path: Path) -> dict[str, Kept]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Kept])
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return {}  # only a memory: asking again costs a request, not an answer


def _save(path: Path, cache: dict[str, Kept], fresh: dict[str, Answer], now: int) -> None:
    kept = {name: one for name, one in cache.items() if _fresh(one, now)}
    kept |= {
        _name(url): Kept(kind=answer.kind, says=answer.says, at=now)
        for url, answer in fresh.items()
        if answer.kind in ("fine", "dead")
    }
    put(path, msgspec.json.encode(kept))
