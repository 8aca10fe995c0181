"""Who takes part in a replay of prose: codespell, each engine alone, and the first pass without and with the second."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from steersman.bench import peer_venv
from steersman.content.model.draft import Draft
from steersman.content.model.finding import Found
from steersman.content.model.fix import Contestant, Document, Flag, Round
from steersman.content.ports import Checker
from steersman.content.qa.engines.harper import HarperChecker
from steersman.content.qa.engines.house import HouseRules
from steersman.content.qa.engines.lingotweaker import LingotweakerChecker
from steersman.content.qa.rehearsal import Alone, Reader, Rehearsal
from steersman.content.replay.corpus import Corpus
from steersman.content.settings import QaSettings
from steersman.kernel.errors import Misconfigured, Unavailable

CODESPELL: Final = "codespell"
HARPER: Final = "harper alone"
RULES: Final = "LanguageTool rules alone"
OURS: Final = "steersman"
DEEP: Final = "steersman, deep"
_AS_IT_COMES: Final = "harper as it comes"


def contestants(
    corpus: Corpus, *, peers: bool = True, settings: QaSettings | None = None
) -> tuple[list[Contestant], list[str]]:
    """Return who takes part, and why somebody does not."""
    settings = settings or QaSettings()
    notes: list[str] = []
    taking_part: list[Contestant] = []
    if peers:
        try:
            taking_part.append(Codespell(corpus))
        except Unavailable as exc:
            notes.append(f"codespell: {exc.message}")
    engines: list[Checker] = [
        HouseRules(settings.banned),
        HarperChecker(off=settings.off, dialect=settings.dialect),
        _Named(_AS_IT_COMES, HarperChecker(dialect=settings.dialect, as_it_comes=True)),
    ]
    try:
        engines.append(LingotweakerChecker(dialect=settings.dialect))
    except Misconfigured as exc:
        notes.append(f"{RULES}, and {DEEP}: {exc.message}; {exc.fix}")
    reader = Reader(engines)
    taking_part.append(Alone(HARPER, reader, _AS_IT_COMES))
    has_rules = any(engine.name == "lingotweaker" for engine in engines)
    if has_rules:
        taking_part.append(Alone(RULES, reader, "lingotweaker"))
    taking_part.append(Rehearsal(OURS, reader, ("house", "harper"), settings))
    if has_rules:
        taking_part.append(Rehearsal(DEEP, reader, ("house", "harper", "lingotweaker"), settings))
    return taking_part, notes


class _Named:
    """An engine under another name, so that two ways of asking it stand beside each other."""

    def __init__(self, name: str, engine: Checker) -> None:
        self.name = name
        self._engine = engine

    def check(self, draft: Draft) -> list[Found]:
        return self._engine.check(draft)


class Codespell:
    """codespell's list of common misspellings; it reads the whole corpus when it is made."""

    name = CODESPELL

    def __init__(self, corpus: Corpus) -> None:
        """Run it once.

        Raises:
            Unavailable: it is not installed and cannot be.
        """
        texts = [fix.before for round_ in corpus.rounds for fix in round_.fixes]
        texts += [text for document in corpus.documents for text in document.paragraphs]
        lines = [re.sub(r"[\r\n\v\f\x1c-\x1e\x85\u2028\u2029]", " ", text) for text in texts]
        with tempfile.TemporaryDirectory(prefix="steersman-codespell-") as folder:
            path = Path(folder) / "texts.txt"
            path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
            said = peer_venv.codespell().run("scan.py", path)
        self._said = {texts[int(number)]: words for number, words in said.items()}

    def flags(self, doc: str, text: str) -> list[Flag]:
        found: list[Flag] = []
        for word, fixes in self._said.get(text, ()):
            pattern = re.compile(rf"(?<![\w'’-]){re.escape(word)}(?![\w'’-])")
            taken = {flag.start for flag in found}
            place = next((m for m in pattern.finditer(text) if m.start() not in taken), None)
            if place is not None:
                found.append(Flag(start=place.start(), end=place.end(), rule=CODESPELL, suggestions=tuple(fixes)))
        return found

    def fixed(self, round_: Round, flags: Sequence[Sequence[Flag]]) -> None: ...

    def begin_published(self) -> None: ...

    def published(self, document: Document, flags: Sequence[Sequence[Flag]]) -> None: ...
