"""Engagement from a CSV export: which column is what, every line that was left out with its reason, nothing guessed."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from steersman.content.slots.dates import Order, instant, is_slashed, order_of
from steersman.content.slots.model import COMPARED_AGE_S, Observation
from steersman.kernel.errors import Rejected

_MAX_BYTES: Final = 64 * 1024 * 1024
_MAX_COUNT: Final = 10**12
_NAMES: Final = {
    "published": ("published_at", "status_published", "published", "publish_time", "created_at", "post_time",
                  "posted_at", "timestamp", "date", "time"),
    "type": ("type", "status_type", "post_type", "content_type", "media_type", "format"),
    "key": ("id", "status_id", "post_id", "key", "permalink", "url", "uri"),
}  # fmt: skip
_TOTALS: Final = ("engagement", "total_engagement", "engagements", "total_engagements", "interactions")
_REACTIONS: Final = ("reactions", "num_reactions")
# Each kind counts once: `reactions` hold likes and the like, so those are read only where there are no reactions.
_COUNTS: Final = ("comments", "replies", "shares", "reposts", "retweets", "quotes", "saves", "bookmarks")
_LIKES: Final = ("likes", "favorites", "favourites", "loves", "wows", "hahas", "sads", "angrys")


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """Which column is what, by the names in the file.

    Attributes:
        published: when the post went out.
        counts: added up to the engagement.
        type: empty: every post is a `post`.
        key: empty: rows equal in everything are one post.
    """

    published: str
    counts: tuple[str, ...]
    type: str = ""
    key: str = ""


class Problem(msgspec.Struct, frozen=True):
    """Why a line was left out; `line` is that of the file, the header is line 1."""

    line: int
    reason: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.reason}"


class Imported(msgspec.Struct, frozen=True, kw_only=True):
    """What a file gave: posts in the order of the file, and what was left out."""

    observations: tuple[Observation, ...]
    problems: tuple[Problem, ...]
    reading: Reading
    order: Order | None


def read_engagement(
    raw: bytes,
    *,
    channel: str,
    tz: str,
    columns: Mapping[str, str | Sequence[str]] | None = None,
    order: Order | None = None,
    age_s: int = COMPARED_AGE_S,
    seen_at: int | None = None,
) -> Imported:
    """Read posts and what they earned.

    Args:
        tz: zone of dates that name none.
        columns: `published`, `type`, `key`, `counts`: names in the file, where the usual ones do not fit.
        order: of day and month in `4/5/2018`; None: the file must settle it by one date over 12.
        age_s: the age the counts stand for; exports give them as of the export, which is right for old posts.
        seen_at: ns of the export; posts younger than `age_s` then are left out, for they were still growing.

    Raises:
        Rejected: no CSV of posts: not UTF-8, no header, a column is missing, dates that can be read two ways.
    """
    rows = _rows(raw)
    if not rows:
        raise Rejected("the file is empty", fix="export it again with its header line")
    reading = _reading(rows[0][1], columns or {})
    records = [(line, dict(zip(rows[0][1], cells, strict=False))) for line, cells in rows[1:]]
    settled = order or _settled([record.get(reading.published, "") for _, record in records])
    kept: list[Observation] = []
    problems: list[Problem] = []
    first: dict[str, int] = {}
    for line, record in records:
        try:
            found = _observation(record, reading, channel, tz, settled or "mdy", age_s)
            if seen_at is not None and found.published_at + age_s * 1_000_000_000 > seen_at:
                raise ValueError("the post was younger than the age it would stand for")
        except ValueError as exc:
            problems.append(Problem(line, str(exc)))
            continue
        if found.key and found.key in first:
            problems.append(Problem(line, f"{reading.key} {found.key!r} stands already in line {first[found.key]}"))
            continue
        first[found.key] = line
        kept.append(found)
    return Imported(observations=tuple(kept), problems=tuple(problems), reading=reading, order=settled)


def _rows(raw: bytes) -> list[tuple[int, list[str]]]:
    """Return the lines that hold anything with their numbers; the first is the header."""
    if len(raw) > _MAX_BYTES:
        raise Rejected(f"the file has {len(raw):,} bytes, allowed: {_MAX_BYTES:,}", fix="export fewer years at once")
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise Rejected("the file is UTF-16, not UTF-8", fix="save it as CSV UTF-8")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        line = raw[: exc.start].count(b"\n") + 1
        raise Rejected(f"line {line}: byte {exc.start} is not UTF-8", fix="save it as CSV UTF-8") from exc
    head = text.partition("\n")[0]
    delimiter = max(",;\t", key=head.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        return [(reader.line_num, cells) for cells in reader if any(cell.strip() for cell in cells)]
    except csv.Error as exc:
        raise Rejected(f"line {reader.line_num}: {exc}", fix="export it again as plain CSV") from exc


def _reading(header: list[str], columns: Mapping[str, str | Sequence[str]]) -> Reading:
    plain = {_plain(name): name for name in reversed(header) if name.strip()}

    def named(what: str) -> str:
        asked = columns.get(what)
        if asked is not None:
            return _there(str(asked), header)
        return next((plain[name] for name in _NAMES[what] if name in plain), "")

    unknown = set(columns) - {*_NAMES, "counts"}
    if unknown:
        raise Rejected(
            f"found {min(unknown)!r}, allowed: published, type, key, counts", fix="name one of these columns"
        )
    asked = columns.get("counts")
    if asked is not None:
        counts = tuple(_there(name, header) for name in ([asked] if isinstance(asked, str) else asked))
    else:
        counts = _counts(plain)
    published = named("published")
    if not published or not counts:
        missing = "when a post went out" if not published else "what readers did"
        raise Rejected(
            f"no column says {missing}; found: {', '.join(name for name in header if name.strip())}",
            fix="name it: --published COLUMN; --counts COLUMN, again for each that is added up",
        )
    return Reading(published=published, counts=counts, type=named("type"), key=named("key"))


def _counts(plain: Mapping[str, str]) -> tuple[str, ...]:
    total = next((plain[name] for name in _TOTALS if name in plain), None)
    if total:
        return (total,)
    reactions = [name for name in _REACTIONS if name in plain]
    kinds = [*reactions[:1], *_COUNTS] if reactions else [*_LIKES, *_COUNTS]
    return tuple(plain[name] for kind in kinds for name in (kind, f"num_{kind}") if name in plain)


def _plain(name: str) -> str:
    return "_".join(name.strip().lower().replace("-", " ").replace("_", " ").split())


def _there(name: str, header: list[str]) -> str:
    if name not in header:
        raise Rejected(f"there is no column {name!r}; found: {', '.join(header)}", fix="name one of these")
    return name


def _settled(dates: Sequence[str]) -> Order | None:
    order = order_of(dates)
    unsettled = [text for text in dates if is_slashed(text)]
    if order is None and unsettled:
        raise Rejected(
            f"{unsettled[0]!r} and all other dates can be read day first or month first",
            fix="say which: --dates mdy (month first) or --dates dmy (day first)",
        )
    return order


def _observation(
    record: Mapping[str, str], reading: Reading, channel: str, tz: str, order: Order, age_s: int
) -> Observation:
    """Raises: ValueError: says which column, what was found and what is allowed."""
    text = record.get(reading.published, "")
    try:
        at = instant(text, tz, order)
    except (ValueError, OverflowError) as exc:
        raise ValueError(f"{reading.published}: found {text[:40]!r}, allowed: a date with its time") from exc
    cells = [record.get(name, "").strip() for name in reading.counts]
    if not any(cells):
        raise ValueError(f"{', '.join(reading.counts)}: nothing there")
    return Observation(
        type=record.get(reading.type, "").strip() or "post",
        channel=channel,
        published_at=at,
        engagement=float(sum(_count(name, cell) for name, cell in zip(reading.counts, cells, strict=True))),
        age_s=age_s,
        key=record.get(reading.key, "").strip(),
    )


def _count(name: str, cell: str) -> int:
    digits = cell.replace(",", "").replace("\u202f", "").replace(" ", "") or "0"
    if not (digits.isascii() and digits.isdigit()) or int(digits[:20]) > _MAX_COUNT:
        raise ValueError(f"{name}: found {cell[:40]!r}, allowed: a whole number, 0 or more")
    return int(digits)
