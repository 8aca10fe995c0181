"""The first pass over every draft: engines, author vocabulary, suppression, tiers; each outcome recorded once."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from steersman.content.drafts import find_drafts, read_draft, read_vocabulary
from steersman.content.events.qa import (
    DRAFT_CHECKED,
    DRAFT_REFUSED,
    FINDING_RAISED,
    DraftChecked,
    DraftRefused,
    FindingRaised,
    Seen,
)
from steersman.content.model.baseline import Baseline
from steersman.content.model.draft import Draft, DraftUnreadable
from steersman.content.model.finding import Finding, judge
from steersman.content.model.learning import Learned
from steersman.content.model.suppression import apply, suppressions
from steersman.content.ports import Checker
from steersman.content.qa.blocks import PerBlock
from steersman.content.qa.consensus import Policy, agreed
from steersman.content.qa.engines.house import HouseRules
from steersman.content.qa.engines.pictures import PictureFiles
from steersman.content.qa.engines.which import Which
from steersman.content.qa.learning import edited_away, verdict
from steersman.content.qa.vocabulary import Vocabulary
from steersman.content.settings import QaSettings
from steersman.kernel.clock import Clock
from steersman.kernel.errors import Conflict
from steersman.kernel.ids import stable_uuid
from steersman.ledger import Event, Ledger, NewEvent, new_event

_QUOTED: Final = re.compile(r"`[^`]*`|“[^”]*”|\"[^\"]*\"")
_TRIES: Final = 5
Reading = Callable[[Which], Checker]
"""Gives the engine that reads text as `Which` says."""


def reading_here(which: Which) -> Checker:
    """Return an engine in this process; it remembers what it said of each block of a draft's last version."""
    return PerBlock(which.made())


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """One draft after its pass.

    Attributes:
        outcome: pass, blocked (a gate finding is open) or refused (could not be read; see `reason`, `line`, `fix`).
        recorded: something about it was new to the ledger.
    """

    draft: str
    outcome: str
    title: str = ""
    words: int = 0
    gates: int = 0
    warnings: int = 0
    infos: int = 0
    suppressed: int = 0
    content_sha256: str = ""
    reason: str = ""
    line: int | None = None
    fix: str = ""
    findings: tuple[Finding, ...] = ()
    recorded: bool = False


class DraftChecker:
    """Checks drafts of one workspace and tells the ledger what is new about them."""

    def __init__(
        self,
        *,
        root: Path,
        settings: QaSettings,
        ledger: Ledger,
        clock: Clock,
        actor: str = "person:cli",
        engines: Sequence[Checker] | None = None,
        reading: Reading = reading_here,
        learned: Learned | None = None,
        published: Mapping[str, str] | None = None,
        extra: Sequence[Checker] = (),
        baseline: Baseline | None = None,
    ) -> None:
        """Set up the engines: house rules and Harper, unless others are given; dictionaries load with the first draft.

        Args:
            reading: where grammar and spelling come from.
            learned: what verdicts said so far; nothing, if not given.
            published: text by the name of its draft, of what is out: its words are the author's.
            extra: engines that ask somebody, or look at more than the text; they come after the others.
            baseline: findings that were there before anybody asked; they stay listed, and stop nothing.

        Raises:
            Misconfigured: the vocabulary is not text, or `deep` is wanted and not installed.
        """
        self.root = root
        self.settings = settings
        self._ledger = ledger
        self._clock = clock
        self._actor = actor
        self._vocabulary = read_vocabulary(root, settings)
        self.engines: Sequence[Checker] = (
            engines if engines is not None else _engines(root, settings, self._vocabulary, reading)
        )
        self._ran = frozenset(engine.name for engine in self.engines)
        self._extra = extra
        self._baseline = baseline if baseline is not None else Baseline()
        self._policy = Policy(off=frozenset(settings.off), on=frozenset(settings.on))
        self._words = Vocabulary(self._vocabulary, posts=settings.vocabulary_posts)
        for name, text in sorted((published or {}).items()):
            self._words.learn(name, text)
        asked = self._ran | {engine.name for engine in extra}
        self._policy_sha256 = _policy_sha256(settings, self._vocabulary, asked, published or {})
        self._learned = learned if learned is not None else Learned(explore_ratio=settings.explore_ratio)

    def check_all(self, only: Sequence[Path] = ()) -> list[Report]:
        """Check every draft, or `only` those; one that cannot be read does not stop the others."""
        return [self.check(name) for name in find_drafts(self.root, self.settings, only)]

    def check(self, name: str) -> Report:
        """Read and check the draft `name`, and record the outcome if it differs from the last one."""
        try:
            draft = read_draft(self.root, name, self.settings)
        except DraftUnreadable as refusal:
            return self.refuse(refusal)
        return self.check_draft(draft)

    def refuse(self, refusal: DraftUnreadable) -> Report:
        """Record that a file is no draft."""
        data = DraftRefused(draft=refusal.name, reason=refusal.reason, line=refusal.line, at=self._clock.now_ns())
        return Report(
            draft=refusal.name,
            outcome="refused",
            reason=refusal.reason,
            line=refusal.line,
            fix=refusal.fix,
            recorded=self._record(refusal.name, DRAFT_REFUSED, data, ()),
        )

    def check_draft(self, draft: Draft) -> Report:
        """Check a draft that was read, and record the outcome if it differs from the last one."""
        findings = self.findings(draft)
        open_ = Counter(f.severity for f in findings if f.status == "open")
        suppressed = sum(f.status == "suppressed" for f in findings)
        checked = DraftChecked(
            draft=draft.name,
            content_sha256=draft.sha256,
            title=draft.title,
            words=draft.words,
            gates=open_["gate"],
            warnings=open_["warn"],
            infos=open_["info"],
            suppressed=suppressed,
            outcome="blocked" if open_["gate"] else "pass",
            at=self._clock.now_ns(),
            seen=tuple(_seen(f) for f in findings),
            policy=self._policy_sha256,
            type=draft.type,
        )
        return Report(
            draft=draft.name,
            outcome=checked.outcome,
            title=draft.title,
            words=draft.words,
            gates=checked.gates,
            warnings=checked.warnings,
            infos=checked.infos,
            suppressed=suppressed,
            content_sha256=draft.sha256,
            findings=tuple(findings),
            recorded=self._record(draft.name, DRAFT_CHECKED, checked, findings),
        )

    def findings(self, draft: Draft) -> list[Finding]:
        """Return what the engines find in `draft` under the policy in force; records nothing."""
        every = [one for engine in (*self.engines, *self._extra) for one in engine.check(draft)]
        found = agreed(every, draft, ran=self._ran, policy=self._policy, words=self._words)
        masked = draft.masked
        judged = judge(draft.name, masked.source, masked.lines, found, self.settings.gates)
        return [self._quiet(one, draft.type) for one in apply(judged, suppressions(masked))]

    def _quiet(self, one: Finding, type_: str) -> Finding:
        """Return the finding, suppressed if the baseline lists it, or verdicts say that it should keep quiet."""
        if one.status == "open" and self._baseline.holds(one):
            return msgspec.structs.replace(one, status="suppressed", reason="baseline", suppressed_by="baseline")
        if one.status != "open" or not self.settings.learning:
            return one
        is_gate = one.severity == "gate"
        why = self._learned.why_silent(one.doc, one.fingerprint, one.rule, type_, is_gate=is_gate)
        if why:
            return msgspec.structs.replace(one, status="suppressed", reason=why)
        sure = self._learned.confidence(one.rule, type_, one.confidence)
        return msgspec.structs.replace(one, confidence=round(sure, 3))

    def _record(self, name: str, kind: str, data: DraftChecked | DraftRefused, findings: Sequence[Finding]) -> bool:
        """Append what the ledger does not know yet; return whether there was anything."""
        stream = f"draft/{name}"
        for attempt in range(_TRIES):
            told = list(self._ledger.read(stream=stream))
            raised = {e.id for e in told if e.type == FINDING_RAISED}
            latest = next((e for e in reversed(told) if e.type in (DRAFT_CHECKED, DRAFT_REFUSED)), None)
            if latest is not None and latest.type == kind and _says_the_same(latest, data):
                return False
            outcome = new_event(kind, stream=stream, data=data, actor=self._actor, now_ns=data.at)
            news = [self._raised(f, data, outcome) for f in findings if f.status == "open"]
            try:
                # Findings first: whoever reads the outcome finds all that it counts.
                events = [*(e for e in news if e.id not in raised), *self._verdicts(told, data, findings), outcome]
                self._ledger.append(events, expect=told[-1].version if told else 0)
            except Conflict:
                # Another process checked the same draft: see what it said before saying it again.
                if attempt == _TRIES - 1:
                    raise
                continue
            return True
        return False  # pragma: no cover - the loop returns or raises

    def _verdicts(
        self, told: Sequence[Event], data: DraftChecked | DraftRefused, findings: Sequence[Finding]
    ) -> list[NewEvent]:
        if not isinstance(data, DraftChecked):
            return []
        gone = edited_away(told, data, findings)
        return [verdict(flag, "accepted", "edit", at=data.at, actor=self._actor) for flag in gone]

    def _raised(self, finding: Finding, data: DraftChecked | DraftRefused, outcome: NewEvent) -> NewEvent:
        stream = f"draft/{finding.doc}"
        return new_event(
            FINDING_RAISED,
            id=stable_uuid(FINDING_RAISED, finding.doc, finding.fingerprint),
            stream=stream,
            data=FindingRaised(
                draft=finding.doc,
                content_sha256=data.content_sha256 if isinstance(data, DraftChecked) else "",
                fingerprint=finding.fingerprint,
                start=finding.start,
                end=finding.end,
                line=finding.line,
                column=finding.column,
                source=finding.source,
                rule=finding.rule,
                category=finding.category,
                severity=finding.severity,
                message="" if finding.is_private else _QUOTED.sub("…", finding.message),
                at=data.at,
                type=data.type if isinstance(data, DraftChecked) else "",
            ),
            actor=self._actor,
            now_ns=data.at,
            correlation_id=outcome.correlation_id,
        )


def _engines(root: Path, settings: QaSettings, vocabulary: Sequence[str], reading: Reading) -> Sequence[Checker]:
    ours = (HouseRules(settings.banned), PictureFiles(root, settings.folder))
    harper = Which(
        name="harper", dialect=settings.dialect, vocabulary=tuple(vocabulary), off=tuple(sorted(settings.off))
    )
    readers = [harper, Which(name="lingotweaker", dialect=settings.dialect)] if settings.deep else [harper]
    return (*ours, *(reading(which) for which in readers))


def _policy_sha256(
    settings: QaSettings, vocabulary: Sequence[str], ran: frozenset[str], published: Mapping[str, str]
) -> str:
    """Return the name of all that decides what is found in a text, tiers and verdicts left out."""
    rules = (settings.off, settings.on, settings.banned, settings.packs, settings.dialect, settings.vocabulary_posts)
    parts = (rules, sorted(vocabulary), sorted(ran), sorted(published))
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()


def _seen(finding: Finding) -> Seen:
    return Seen(
        fingerprint=finding.fingerprint,
        start=finding.start,
        end=finding.end,
        line=finding.line,
        column=finding.column,
        severity=finding.severity,
        status=finding.status,
    )


def _says_the_same(event: Event, data: DraftChecked | DraftRefused) -> bool:
    told = msgspec.json.decode(event.data, type=type(data))
    return msgspec.structs.replace(told, at=data.at) == data
