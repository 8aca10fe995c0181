"""Ask a LanguageTool server about a draft, part by part, and bring its matches back to the file on disk."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

import msgspec

from steersman.ai import Redactor
from steersman.ai.addresses import place
from steersman.content.adapters.doubts import without_effect
from steersman.content.adapters.http import Answer, Http
from steersman.content.adapters.languagetool.settings import LanguageToolSettings
from steersman.content.adapters.languagetool.wire import CheckedJson, CodeUnits, MatchJson, annotated
from steersman.content.model.chunks import chunks
from steersman.content.model.draft import Draft
from steersman.content.model.finding import Found
from steersman.content.model.mask import Span
from steersman.content.ports import Review
from steersman.content.reviewers.readable import pieces
from steersman.kernel.durations import seconds
from steersman.kernel.errors import Misconfigured, Rejected, SteersmanError, Unavailable

_MOST_SUGGESTIONS: Final = 3
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.:-]{0,99}")
_CATEGORIES: Final = {
    "TYPOS": "spelling",
    "GRAMMAR": "grammar",
    "PUNCTUATION": "punctuation",
    "TYPOGRAPHY": "formatting",
    "CASING": "capitalization",
    "REDUNDANCY": "redundancy",
    "STYLE": "style",
}


class LanguageToolReviewer:
    """One server. What it is sent: the words of a draft and, as markup, what they stand in; secrets are left out."""

    kind = "languagetool"

    def __init__(self, name: str, settings: LanguageToolSettings, key: str, redactor: Redactor) -> None:
        self.name = name
        self._settings = settings
        self._key = key
        self._redactor = redactor
        self._http = Http(
            settings.base_url, name=name, authorization="", secret=key, timeout_s=seconds(settings.timeout)
        )

    @property
    def asks_first(self) -> bool:
        return not (self._settings.is_local or self._settings.remote)

    def announcement(self, draft: Draft) -> str:
        size = len(draft.masked.source) - draft.body_start
        return f"{size:,} characters to the LanguageTool server at {place(self._settings.url)}"

    def review(self, draft: Draft) -> Review:
        language = self._language(draft)
        source = draft.masked.source
        parts = chunks(source, draft.body_start, longest=self._settings.max_chars)
        found: list[Found] = []
        problems: list[SteersmanError] = []
        is_partial = False
        for part in parts:
            try:
                checked = self._check(draft, part, language)
            except (Unavailable, Rejected) as exc:
                problems.append(exc)
                continue
            found += self._located(draft, part, checked)
            is_partial |= checked.warnings.incomplete_results
        if problems and len(problems) == len(parts):
            raise problems[0]
        problem = f"{len(problems)} of {len(parts)} parts were not read: {problems[0].message}" if problems else ""
        if is_partial and not problem:
            problem = "the server says that its results are incomplete"
        return Review(found=tuple(found), problem=problem)

    def _language(self, draft: Draft) -> str:
        own = self._settings.language
        return own if own == "auto" or own.split("-")[0] == draft.language.split("-")[0] else draft.language

    def _check(self, draft: Draft, part: Span, language: str) -> CheckedJson:
        source = draft.masked.source
        secrets = self._redactor.secrets(source[part.start : part.end])
        hidden = [(part.start + secret.start, part.start + secret.end) for secret in secrets]
        read = pieces(draft, part.start, part.end, hidden)
        form = {"language": language, "data": annotated(source, read), "level": self._settings.level}
        if self._settings.off:
            form["disabledRules"] = ",".join(self._settings.off)
        if self._key:
            form |= {"username": self._settings.username, "apiKey": self._key}
        with without_effect():
            answer = self._http.change("POST", "/check", data=form)
        return self._read(answer)

    def _read(self, answer: Answer) -> CheckedJson:
        if answer.status == 413:
            raise Rejected(
                f"{self.name}: a part of {self._settings.max_chars:,} characters is too long for it (413)",
                fix="lower max_chars of this reviewer",
            )
        if answer.status >= 300:
            raise Misconfigured(
                f"{self.name}: it does not take the question ({answer.status})",
                fix=f"check url, language ({self._settings.language!r}) and off of [reviewer.{self.name}]",
            )
        try:
            return msgspec.json.decode(answer.body, type=CheckedJson)
        except msgspec.DecodeError as exc:
            raise Unavailable(
                f"{self.name}: answered something else than matches", fix="check url: version 2 of the API is needed"
            ) from exc

    def _located(self, draft: Draft, part: Span, checked: CheckedJson) -> list[Found]:
        units = CodeUnits(draft.masked.source[part.start : part.end])
        located = (self._found(draft, part, units, match) for match in checked.matches)
        return [one for one in located if one is not None]

    def _found(self, draft: Draft, part: Span, units: CodeUnits, match: MatchJson) -> Found | None:
        try:
            start = part.start + units.code_points(match.offset)
            end = part.start + units.code_points(match.offset + match.length)
        except ValueError:
            raise Unavailable(
                f"{self.name}: a match lies outside of the text it was sent",
                fix="update the server: it does not count as LanguageTool 4 and later do",
            ) from None
        # About what only stands for code, or about our own blanks.
        if start >= end or draft.masked.is_blanked(start, end):
            return None
        return Found(
            start=start,
            end=end,
            source=self.name,
            # Its name is recorded, so it has to be one.
            rule=match.rule.id if _NAME.fullmatch(match.rule.id) else "Unnamed",
            category=_category(match),
            message=_one_line(match.message),
            suggestions=tuple(_printable(r.value) for r in match.replacements[:_MOST_SUGGESTIONS]),
            confidence=0.7,
            is_private=True,
        )


def _category(match: MatchJson) -> str:
    if match.rule.issue_type == "misspelling":
        return "spelling"
    return _CATEGORIES.get(match.rule.category.id, "other")


def _printable(text: str) -> str:
    """Return `text` without signs that a terminal would obey; a space at its end may be what it is about."""
    return "".join(c for c in text if c.isprintable())


def _one_line(text: str) -> str:
    return " ".join(_printable(" ".join(text.split())).split())


def create(
    *,
    name: str,
    settings: LanguageToolSettings,
    secret: Callable[[str], str],
    redactor: Redactor,
    **_: Any,
) -> LanguageToolReviewer:
    """Set up; nobody is called yet.

    Raises:
        Misconfigured: the key cannot be read.
    """
    return LanguageToolReviewer(name, settings, secret(settings.key) if settings.key else "", redactor)
