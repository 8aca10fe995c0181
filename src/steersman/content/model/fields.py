"""The fields of a front matter, each checked where it is read; refusals name line, found and allowed."""

from __future__ import annotations

import datetime as dt
import difflib
import re
from typing import Final, Literal

from steersman.content.model.finding import Found
from steersman.content.model.front_matter import FrontMatter
from steersman.content.model.unreadable import DraftUnreadable, shown

DraftStatus = Literal["draft", "ready"]
Instant = dt.datetime | dt.date | None
FIELDS: Final = (
    "title", "date", "slug", "summary", "tags", "channels", "status", "type", "language", "embargo",
    "campaign", "order", "variants",
)  # fmt: skip
STATUSES: Final = ("draft", "ready")
_SLUG: Final = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_LABEL: Final = re.compile(r"[A-Za-z0-9]+(?:[-_][A-Za-z0-9]+)*")
_MAX_SLUG: Final = 80
_LARGEST: Final = 1_000_000
_YEARS: Final = range(1900, 2201)


class Fields:
    """The fields of one draft.

    Every method raises DraftUnreadable for a value that is not allowed.
    """

    def __init__(self, front: FrontMatter) -> None:
        self._front = front

    def _error(self, reason: str, line: int | None, *, fix: str) -> DraftUnreadable:
        return DraftUnreadable(self._front.name, reason, line=line, fix=fix)

    def _wrong(self, field: str, allowed: str, fix: str) -> DraftUnreadable:
        found = shown(self._front.values.get(field))
        return self._error(f"{field}: found {found}, allowed: {allowed}", self._front.line(field), fix=fix)

    def text(self, field: str, *, required: bool = True) -> str:
        value = self._front.values.get(field)
        if value is None and not required:
            return ""
        if value is None:
            raise self._error(f"`{field}` is missing", 1, fix=f"add {field}: ... to the front matter")
        # YAML reads `title: 2026` as a number and `title: Yes` as true; both were meant as text.
        if not isinstance(value, (str, int, float, dt.date)) or not str(value).strip() or isinstance(value, bool):
            raise self._wrong(field, "one line of text", f'write {field}: "..."')
        return " ".join(str(value).split())

    def slug(self, default: str) -> str:
        value = self._front.values.get("slug")
        slug = default if value is None else str(value)
        if not _SLUG.fullmatch(slug) or len(slug) > _MAX_SLUG:
            if value is None:
                raise self._error(
                    f"its name makes no address: {slug!r}", None, fix="rename the file, or write slug: first-steps"
                )
            raise self._wrong(
                "slug", f"small letters and digits with single dashes, {_MAX_SLUG} at most", "write slug: first-steps"
            )
        return slug

    def date(self, field: str) -> Instant:
        value = self._front.values.get(field)
        if value is None:
            return None
        try:
            at = value if isinstance(value, dt.date) else dt.datetime.fromisoformat(str(value))  # a datetime is one too
        except ValueError as exc:
            raise self._wrong(field, "2026-11-25 or 2026-11-25 09:00", f"write {field}: 2026-11-25") from exc
        if at.year not in _YEARS:
            # Some tools write the year 1 for "none"; before and after these, no instant in nanoseconds is kept.
            raise self._wrong(field, f"a year from {_YEARS[0]} to {_YEARS[-1]}", f"correct {field}, or take it out")
        return at

    def label(self, field: str, default: str) -> str:
        value = self._front.values.get(field, default)
        if not isinstance(value, str) or not _LABEL.fullmatch(value):
            raise self._wrong(field, "one word of letters, digits and dashes", f"write {field}: {default}")
        return value

    def number(self, field: str) -> int:
        value = self._front.values.get(field, 0)
        if isinstance(value, bool) or not isinstance(value, int) or abs(value) > _LARGEST:
            raise self._wrong(field, f"a whole number up to {_LARGEST}", f"write {field}: 1")
        return value

    def variants(self) -> dict[str, str]:
        value = self._front.values.get("variants")
        if value is None:
            return {}
        if not isinstance(value, dict) or not all(isinstance(v, str) and v.strip() for v in value.values()):
            raise self._wrong("variants", "a text for each channel", "write variants: {bluesky: what it says there}")
        return {str(channel): text.strip() for channel, text in value.items()}

    def words(self, field: str) -> tuple[str, ...]:
        value = self._front.values.get(field)
        if value is None:
            return ()
        items = value if isinstance(value, list) else [value]
        if any(isinstance(item, (list, dict)) or not str(item).strip() for item in items):
            raise self._wrong(field, "a list of words", f"write {field}: [one, two]")
        return tuple(dict.fromkeys(str(item).strip() for item in items))

    def status(self) -> DraftStatus:
        value = self._front.values.get("status", "draft")
        if value not in STATUSES:
            raise self._wrong("status", ", ".join(STATUSES), "write status: draft, and ready once it may go out")
        return value

    def unknown(self) -> tuple[Found, ...]:
        found = []
        for field, (start, end) in self._front.places.items():
            if field not in FIELDS:
                near = difflib.get_close_matches(field, FIELDS, n=1)
                found.append(
                    Found(
                        start=start,
                        end=end,
                        source="house",
                        rule="UnknownField",
                        category="front-matter",
                        message=f"Nobody reads this field; known: {', '.join(FIELDS)}",
                        suggestions=tuple(near),
                    )
                )
        return tuple(found)
