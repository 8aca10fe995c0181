"""The voice as one more engine of the first pass: a note where a window sounds unlike the author, with reasons."""

from __future__ import annotations

from steersman.content.model.draft import Draft
from steersman.content.model.finding import Found
from steersman.content.model.spans import WORD
from steersman.content.voice import features
from steersman.content.voice.compare import Comparison, compare
from steersman.content.voice.corpus import Corpus


class VoiceChecker:
    """Says where a draft does not sound like its author. English only: the words it counts are."""

    name = "voice"

    def __init__(self, corpus: Corpus) -> None:
        self._corpus = corpus

    def check(self, draft: Draft) -> list[Found]:
        if not draft.language.lower().startswith("en"):
            return []
        spans = features.windows(draft)
        profile = self._corpus.profile(draft.type, without=draft.name) if spans else None
        if profile is None:
            return []
        prose = draft.masked.prose
        found = []
        for window in spans:
            said = compare([features.measure(prose, window)], profile)
            if said.is_unlike and said.reasons:
                found.append(_found(prose, window[0], said))
        return found


def _found(prose: str, sentence: tuple[int, int], said: Comparison) -> Found:
    words = list(WORD.finditer(prose, *sentence))[:6]
    return Found(
        start=sentence[0],
        end=words[-1].end() if words else sentence[1],
        source="voice",
        rule="UnlikeYou",
        category="voice",
        message="From here it sounds unlike you: " + "; ".join(reason.words for reason in said.reasons),
        confidence=min(1.0, said.nearer_ratio),
    )
