"""The author's own texts: drafts that were published, and older files that the settings name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from steersman.content.drafts import read_draft
from steersman.content.model.draft import Draft, DraftUnreadable, parse
from steersman.content.settings.qa import QaSettings
from steersman.content.settings.voice import VoiceSettings
from steersman.content.voice import features
from steersman.content.voice.profile import FEWEST_WINDOWS, Profile, profile

_MOST_TEXTS: Final = 500
_FENCES: Final = (b"---", b"+++")


class Text(msgspec.Struct, frozen=True, kw_only=True):
    """One text of the author: its windows as features."""

    name: str
    type: str
    words: int
    vectors: tuple[tuple[float, ...], ...]


def text_of(draft: Draft) -> Text:
    """Measure every window of a draft."""
    prose = draft.masked.prose
    vectors = tuple(features.measure(prose, spans) for spans in features.windows(draft))
    return Text(name=draft.name, type=draft.type, words=draft.words, vectors=vectors)


class Corpus:
    """The texts of one workspace, read when first asked for; `skipped` are files that could not be read, with why."""

    def __init__(
        self, root: Path, qa: QaSettings, voice: VoiceSettings, published: Callable[[], Iterable[str]]
    ) -> None:
        """Set up; `published` names the drafts that are out."""
        self._root = root
        self._qa = qa
        self._voice = voice
        self._published = published
        self._texts: dict[str, Text] | None = None
        self._profiles: dict[tuple[str, str], Profile | None] = {}
        self.skipped: list[tuple[str, str]] = []

    @property
    def texts(self) -> dict[str, Text]:
        """The texts by name; at most 500, the last by name, which by habit are the newest."""
        if self._texts is None:
            names = sorted({*self._published(), *self._named()})[-_MOST_TEXTS:]
            self._texts = {text.name: text for text in self._read(names) if text.words}
        return self._texts

    def _named(self) -> Iterator[str]:
        home = self._root.resolve()
        for pattern in self._voice.corpus:
            for path in sorted(home.glob(pattern)):
                if path.is_file() and path.resolve().is_relative_to(home):
                    yield path.relative_to(home).as_posix()

    def _read(self, names: Iterable[str]) -> Iterator[Text]:
        for name in names:
            try:
                yield text_of(self._draft(name))
            except DraftUnreadable as refusal:
                self.skipped.append((name, refusal.reason))

    def _draft(self, name: str) -> Draft:
        """Read one text; an old file without front matter is one too, of the type `post`."""
        path = self._root / name
        try:
            with path.open("rb") as file:
                raw = file.read(self._qa.max_size_kb * 1024 + 1)
        except OSError:
            raw = b""
        if not raw or len(raw) > self._qa.max_size_kb * 1024 or raw.lstrip(b"\xef\xbb\xbf")[:3] in _FENCES:
            return read_draft(self._root, name, self._qa)
        return parse(b"---\ntitle: untitled\nslug: untitled\n---\n" + raw, name=name, folder=self._qa.folder)

    def profile(self, type_: str, *, without: str = "") -> Profile | None:
        """Return the profile of a type, of all types if there is too little of it, None if there is too little of all.

        Args:
            without: a draft that is left out: compared with itself, everything sounds at home.
        """
        without = without if without in self.texts else ""
        key = (type_, without)
        if key not in self._profiles:
            others = [text for name, text in self.texts.items() if name != without]
            self._profiles[key] = _profile(type_, [t for t in others if t.type == type_]) or _profile("", others)
        return self._profiles[key]

    def windows(self, type_: str) -> int:
        """Count the windows there are of a type."""
        return sum(len(text.vectors) for text in self.texts.values() if text.type == type_)


def _profile(type_: str, texts: list[Text]) -> Profile | None:
    vectors = [vector for text in texts for vector in text.vectors]
    if len(vectors) < FEWEST_WINDOWS:
        return None
    return profile(type_, vectors, words=sum(text.words for text in texts))
