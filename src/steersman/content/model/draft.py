"""A draft: Markdown with YAML front matter, decoded and checked once; refusals name file, line, found and allowed."""

from __future__ import annotations

import datetime as dt
import difflib
import hashlib
import re
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from steersman.content.model.finding import Found
from steersman.content.model.lines import Lines
from steersman.content.model.mask import Masked, mask
from steersman.kernel.errors import Rejected

if TYPE_CHECKING:
    from yaml import Node

DraftStatus = Literal["draft", "ready"]
Instant = dt.datetime | dt.date | None
FIELDS: Final = (
    "title", "date", "slug", "summary", "tags", "channels", "status", "type", "language", "embargo",
    "campaign", "order", "variants",
)  # fmt: skip
STATUSES: Final = ("draft", "ready")
_FENCE: Final = re.compile(r"(?:\A\ufeff?)---[ \t]*(?:\r\n|\r|\n)")
_CLOSE: Final = re.compile(r"^(?:---|\.\.\.)[ \t]*(?:\r\n|\r|\n|\Z)", re.MULTILINE)
_SLUG: Final = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_WORD: Final = re.compile(r"[^\W\d_]+(?:['’-][^\W_]+)*")
_LABEL: Final = re.compile(r"[A-Za-z0-9]+(?:[-_][A-Za-z0-9]+)*")
_MAX_SLUG: Final = 80


class DraftUnreadable(Rejected):
    """The file is no draft. `reason` says what was found and what is allowed, `line` where (None: the whole file)."""

    def __init__(self, name: str, reason: str, *, line: int | None, fix: str) -> None:
        super().__init__(f"{name}:{line}: {reason}" if line else f"{name}: {reason}", fix=fix)
        self.name = name
        self.reason = reason
        self.line = line


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a draft.

    Attributes:
        name: path relative to the workspace, with slashes.
        slug: last part of its address; the front matter's, else made from the path below the content folder.
        date: when it may go out: a day, or an instant (naive ones are the desk's time); None is as soon as it is ready.
        status: only `ready` drafts are published.
        channels: empty means every channel of the workspace.
        type: the kind of piece (essay, note, release...): rules, voice and slots are learned per type.
        language: BCP 47.
        embargo: not before this day or instant, whatever slot is found; None: none.
        campaign: pieces of one campaign go out in the order of their `order`.
        variants: the text for a channel that shows short text, by the channel's name; others get one made.
        sha256: of the bytes on disk.
        body_start: first code point after the front matter.
        words: of prose.
        notes: what the front matter itself is told, e.g. a field nobody reads.
    """

    name: str
    title: str
    slug: str
    date: Instant
    summary: str
    tags: tuple[str, ...]
    channels: tuple[str, ...]
    status: DraftStatus
    type: str
    language: str
    embargo: Instant
    campaign: str
    order: int
    variants: dict[str, str]
    sha256: str
    masked: Masked
    body_start: int
    words: int
    notes: tuple[Found, ...]

    @property
    def body(self) -> str:
        """The Markdown after the front matter, as on disk."""
        return self.masked.source[self.body_start :]


def parse(raw: bytes, *, name: str, folder: str) -> Draft:
    """Read a draft.

    Args:
        raw: the bytes on disk.
        name: path relative to the workspace, with slashes; what refusals call it.
        folder: the content folder, relative to the workspace.

    Raises:
        DraftUnreadable: not UTF-8, no front matter or a broken one, a field with a wrong value, no title.
    """
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as exc:
        line = raw[: exc.start].count(b"\n") + 1
        raise DraftUnreadable(name, f"byte {exc.start} is not UTF-8", line=line, fix="save it as UTF-8") from exc
    front = _FrontMatter(text, name)
    masked = mask(text, front.end)
    return Draft(
        name=name,
        title=front.text("title"),
        slug=front.slug(_slug_of(name, folder)),
        date=front.date("date"),
        summary=front.text("summary", required=False),
        tags=front.words("tags"),
        channels=front.words("channels"),
        status=front.status(),
        type=front.label("type", "post"),
        language=front.label("language", "en"),
        embargo=front.date("embargo"),
        campaign=front.text("campaign", required=False),
        order=front.number("order"),
        variants=front.variants(),
        sha256=hashlib.sha256(raw).hexdigest(),
        masked=masked,
        body_start=front.end,
        words=len(_WORD.findall(masked.prose)),
        notes=front.unknown(),
    )


class _FrontMatter:
    """The YAML between two lines of dashes, with the line of each key."""

    def __init__(self, text: str, name: str) -> None:
        self._name = name
        opening = _FENCE.match(text)
        if opening is None:
            raise self._error(
                "no front matter; a draft begins with a line of three dashes",
                1,
                fix="begin it with ---, title: ..., status: draft, ---",
            )
        closing = _CLOSE.search(text, opening.end())
        if closing is None:
            raise self._error(
                "the front matter that begins here never ends", 1, fix="end it with a line of three dashes"
            )
        self.end = closing.end()
        self._start = opening.end()
        self._lines = Lines(text)
        self._places: dict[str, tuple[int, int]] = {}
        self._values = self._load(text[opening.end() : closing.start()])

    def _load(self, source: str) -> dict[str, object]:
        import yaml  # start-up time: only reading a draft needs it

        try:
            # An alias can stand for itself many times over, and no field here needs one.
            if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(source, Loader=yaml.SafeLoader)):
                raise self._error("found a YAML alias (*name) in the front matter", 2, fix="write the value out")
            node = yaml.compose(source, Loader=yaml.SafeLoader)
            if node is None:
                return {}
            if not isinstance(node, yaml.MappingNode):
                raise self._error("found no `field: value` lines in the front matter", 2, fix="write title: ...")
            return dict(self._field(key, value) for key, value in node.value)
        except yaml.MarkedYAMLError as exc:
            mark = exc.problem_mark or exc.context_mark
            raise self._error(
                f"the front matter is not valid YAML: {exc.problem or exc.context}",
                self._line(self._start + mark.index) if mark else 1,
                fix="correct that line; text with a colon or a # needs quotes",
            ) from exc
        except (yaml.YAMLError, RecursionError) as exc:
            problem = str(exc).splitlines()[0] if str(exc) else type(exc).__name__
            raise self._error(
                f"the front matter is not valid YAML: {problem}", 2, fix="write plain `field: value` lines"
            ) from exc

    def _field(self, key: Node, value: Node) -> tuple[str, object]:
        import yaml  # as above

        place = (self._start + key.start_mark.index, self._start + key.end_mark.index)
        line = self._line(place[0])
        if not isinstance(key, yaml.ScalarNode):
            raise self._error("a field's name is one word", line, fix="write plain `field: value` lines")
        field = str(key.value)
        if field in self._places:
            raise self._error(f"`{field}` stands twice", line, fix="take one of them out")
        self._places[field] = place
        try:
            return field, yaml.SafeLoader("").construct_document(value)
        except (ValueError, OverflowError) as exc:
            raise self._error(f"{field}: {exc}", line, fix="correct the value, or put it in quotes") from exc

    def _line(self, offset: int) -> int:
        return self._lines.position(offset)[0]

    def _error(self, reason: str, line: int | None, *, fix: str) -> DraftUnreadable:
        return DraftUnreadable(self._name, reason, line=line, fix=fix)

    def _wrong(self, field: str, allowed: str, fix: str) -> DraftUnreadable:
        line = self._line(self._places[field][0]) if field in self._places else 1
        return self._error(f"{field}: found {self._values.get(field)!r}, allowed: {allowed}", line, fix=fix)

    def text(self, field: str, *, required: bool = True) -> str:
        value = self._values.get(field)
        if value is None and not required:
            return ""
        if value is None:
            raise self._error(f"`{field}` is missing", 1, fix=f"add {field}: ... to the front matter")
        # YAML reads `title: 2026` as a number and `title: Yes` as true; both were meant as text.
        if isinstance(value, (list, dict)) or not str(value).strip() or isinstance(value, bool):
            raise self._wrong(field, "one line of text", f'write {field}: "..."')
        return " ".join(str(value).split())

    def slug(self, default: str) -> str:
        value = self._values.get("slug")
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
        value = self._values.get(field)
        if value is None or isinstance(value, dt.date):  # a datetime is a date too
            return value
        try:
            return dt.datetime.fromisoformat(str(value))
        except ValueError as exc:
            raise self._wrong(field, "2026-11-25 or 2026-11-25 09:00", f"write {field}: 2026-11-25") from exc

    def label(self, field: str, default: str) -> str:
        value = self._values.get(field, default)
        if not isinstance(value, str) or not _LABEL.fullmatch(value):
            raise self._wrong(field, "one word of letters, digits and dashes", f"write {field}: {default}")
        return value

    def number(self, field: str) -> int:
        value = self._values.get(field, 0)
        if isinstance(value, bool) or not isinstance(value, int):
            raise self._wrong(field, "a whole number", f"write {field}: 1")
        return value

    def variants(self) -> dict[str, str]:
        value = self._values.get("variants")
        if value is None:
            return {}
        if not isinstance(value, dict) or not all(isinstance(v, str) and v.strip() for v in value.values()):
            raise self._wrong("variants", "a text for each channel", "write variants: {bluesky: what it says there}")
        return {str(channel): text.strip() for channel, text in value.items()}

    def words(self, field: str) -> tuple[str, ...]:
        value = self._values.get(field)
        if value is None:
            return ()
        items = value if isinstance(value, list) else [value]
        if any(isinstance(item, (list, dict)) or not str(item).strip() for item in items):
            raise self._wrong(field, "a list of words", f"write {field}: [one, two]")
        return tuple(dict.fromkeys(str(item).strip() for item in items))

    def status(self) -> DraftStatus:
        value = self._values.get("status", "draft")
        if value not in STATUSES:
            raise self._wrong("status", ", ".join(STATUSES), "write status: draft, and ready once it may go out")
        return value

    def unknown(self) -> tuple[Found, ...]:
        found = []
        for field, (start, end) in self._places.items():
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


def _slug_of(name: str, folder: str) -> str:
    prefix = f"{folder.strip('/')}/"
    inner = name.removeprefix(prefix) if name.startswith(prefix) else name.rpartition("/")[2]
    return re.sub(r"[^a-z0-9]+", "-", inner.removesuffix(".md").lower()).strip("-")
