"""The first pass as it would have been at any time of a history: with the words and verdicts of then, no others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from steersman.content.model.draft import Draft, parse
from steersman.content.model.finding import Finding, Found, judge
from steersman.content.model.fix import Document, Flag, Round, overlaps
from steersman.content.model.learning import How, Learned, Outcome, Tally
from steersman.content.ports import Checker
from steersman.content.qa.consensus import Policy, agreed
from steersman.content.qa.vocabulary import Vocabulary
from steersman.content.settings import QaSettings

_FRONT: Final = "---\ntitle: A title\n---\n\n"
_TYPE: Final = "post"


class Reader:
    """Reads each text once with each engine, however many contestants ask."""

    def __init__(self, engines: Sequence[Checker]) -> None:
        self._engines = {engine.name: engine for engine in engines}
        self._drafts: dict[tuple[str, str], Draft] = {}
        self._found: dict[tuple[str, str, str], list[Found]] = {}

    def draft(self, doc: str, text: str) -> Draft:
        key = (doc, text)
        if key not in self._drafts:
            self._drafts[key] = parse((_FRONT + text).encode(), name=doc, folder="")
        return self._drafts[key]

    def found(self, engine: str, doc: str, text: str) -> list[Found]:
        """Return what an engine says; offsets are of the draft, see `flag`."""
        key = (engine, doc, text)
        if key not in self._found:
            self._found[key] = self._engines[engine].check(self.draft(doc, text))
        return self._found[key]


def _flag(one: Found | Finding, confidence: float) -> Flag:
    before = len(_FRONT)
    return Flag(
        start=one.start - before,
        end=one.end - before,
        rule=one.rule,
        confidence=confidence,
        suggestions=one.suggestions,
    )


class Alone:
    """One engine, every rule of it, nothing learned."""

    def __init__(self, name: str, reader: Reader, engine: str) -> None:
        self.name = name
        self._reader = reader
        self._engine = engine

    def flags(self, doc: str, text: str) -> list[Flag]:
        return [_flag(one, one.confidence) for one in self._reader.found(self._engine, doc, text)]

    def fixed(self, round_: Round, flags: Sequence[Sequence[Flag]]) -> None: ...

    def begin_published(self) -> None: ...

    def published(self, document: Document, flags: Sequence[Sequence[Flag]]) -> None: ...


class Rehearsal:
    """The pass as `steersman content check` makes it, knowing at each step what came before.

    A flag that met a fix was accepted by an edit; one on text that stayed went out as it was. Rules that may stop a
    post are never silenced: nobody is there to be asked.
    """

    def __init__(self, name: str, reader: Reader, engines: Sequence[str], settings: QaSettings) -> None:
        self.name = name
        self._reader = reader
        self._engines = tuple(engines)
        self._settings = settings
        self._policy = Policy(off=frozenset(settings.off), on=frozenset(settings.on))
        self._words = Vocabulary(posts=settings.vocabulary_posts)
        self._tallies: dict[tuple[str, str], Tally] = {}

    @property
    def _learned(self) -> Learned:
        return Learned(tallies=self._tallies, explore_ratio=self._settings.explore_ratio)

    def flags(self, doc: str, text: str) -> list[Flag]:
        draft = self._reader.draft(doc, text)
        found = [one for engine in self._engines for one in self._reader.found(engine, doc, text)]
        heard = agreed(found, draft, ran=frozenset(self._engines), policy=self._policy, words=self._words)
        masked, learned = draft.masked, self._learned
        flags = []
        for one in judge(doc, masked.source, masked.lines, heard, self._settings.gates):
            is_gate = one.severity == "gate"
            if not learned.why_silent(doc, one.fingerprint, one.rule, _TYPE, is_gate=is_gate):
                flags.append(_flag(one, learned.confidence(one.rule, _TYPE, one.confidence)))
        return flags

    def fixed(self, round_: Round, flags: Sequence[Sequence[Flag]]) -> None:
        for fix, said in zip(round_.fixes, flags, strict=True):
            for flag in said:
                if any(overlaps(flag, edit) for edit in fix.edits):
                    self._count(flag, "accepted", "edit")
                else:
                    self._count(flag, "rejected", "published")
        for doc, text in round_.texts:
            self._words.learn(doc, text)

    def begin_published(self) -> None:
        self._words = Vocabulary(posts=self._settings.vocabulary_posts)

    def published(self, document: Document, flags: Sequence[Sequence[Flag]]) -> None:
        for said in flags:
            for flag in said:
                self._count(flag, "rejected", "published")
        self._words.learn(document.name, "\n\n".join(document.paragraphs))

    def _count(self, flag: Flag, outcome: Outcome, how: How) -> None:
        key = (flag.rule, _TYPE)
        self._tallies[key] = self._tallies.get(key, Tally()).counting(outcome, how)
