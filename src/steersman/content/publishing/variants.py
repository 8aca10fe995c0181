"""From one draft the post of each channel: whole where it has room, short text within its limits elsewhere."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Final, Literal

import msgspec

from steersman.content.images import Picture
from steersman.content.model.draft import Draft
from steersman.content.ports import Limits, Media, Post, TextLink
from steersman.content.publishing import graphemes
from steersman.content.publishing.hashtags import hashtag
from steersman.content.publishing.plaintext import clean, plain

_URL: Final = re.compile(r"https?://[^\s<>\"“”]+")
_TRAILING: Final = ".,;:!?'’…"
_SENTENCE: Final = re.compile(r"[.!?…](?=\s)")
_ELLIPSIS: Final = "…"
_PLACE: Final = "{link}"
_LEAST_SUMMARY: Final = 40
_MOST_SUMMARY: Final = 20_000
"""Code points of a summary that are looked at: no text channel has room for more."""


class Variant(msgspec.Struct, frozen=True, kw_only=True):
    """What one channel would be shown, counted as the channel counts.

    Attributes:
        shows: `body` or `text`, as the channel does.
        graphemes: of `text`, or of `body`; `max_graphemes`: what is allowed, None: no limit.
        max_bytes: likewise of `text` in UTF-8.
        notes: what the reader of a preview should know, e.g. that a summary was shortened.
        problems: why it cannot go out, with the fix; empty: it can.
    """

    channel: str
    shows: Literal["body", "text"]
    title: str
    summary: str
    tags: tuple[str, ...]
    body: str
    text: str
    links: tuple[TextLink, ...]
    link: str
    media: tuple[Media, ...]
    type: str
    language: str
    graphemes: int
    max_graphemes: int | None
    size_bytes: int
    max_bytes: int | None
    notes: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def count(self) -> str:
        """How much of the room is used, in words: `271 of 300 characters`."""
        allowed = "" if self.max_graphemes is None else f" of {self.max_graphemes}"
        return f"{self.graphemes:,}{allowed} characters"

    def unknown(self, why: str) -> Variant:
        """Return the variant of a channel that cannot be set up: it shows nothing, and `why` is its problem."""
        return Variant(
            channel=self.channel, shows="text", title="", summary="", tags=(), body="", text="", links=(), link="",
            media=(), type=self.type, language=self.language, graphemes=0, max_graphemes=None, size_bytes=0,
            max_bytes=None, problems=(f"what it would show is not known: {why}",),
        )  # fmt: skip

    @property
    def content_sha256(self) -> str:
        """Of everything that is shown; where the pictures lie on this machine is no part of it."""
        media = [(m.name, m.alt, m.mime, m.sha256) for m in self.media]
        shown = (self.title, self.summary, self.tags, self.body, self.text, self.links, self.link, media)
        return hashlib.sha256(msgspec.json.encode((*shown, self.type, self.language))).hexdigest()

    def post(self, *, key: str, slug: str, remote_key: str, published_at: int, updated_at: int, remote_id: str) -> Post:
        """Return the post that shows this variant."""
        return Post(
            key=key,
            slug=slug,
            title=self.title,
            summary=self.summary,
            tags=self.tags,
            body=self.body,
            content_sha256=self.content_sha256,
            published_at=published_at,
            updated_at=updated_at,
            remote_key=remote_key,
            type=self.type,
            text=self.text,
            links=self.links,
            link=self.link,
            language=self.language,
            media=self.media,
            remote_id=remote_id,
        )


class _Text(msgspec.Struct, frozen=True, kw_only=True):
    """A short text that was made, and what is to be said about it."""

    text: str
    notes: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


def variant(draft: Draft, channel: str, limits: Limits, *, link: str = "", pictures: Sequence[Picture] = ()) -> Variant:
    """Make what `channel` is shown of `draft`; what cannot go out says so in `problems`.

    Args:
        link: the address of the whole piece on another channel; empty if there is none.
        pictures: what `images.pictures` found, problems included.
    """
    media, notes, problems = _media(pictures, limits)
    made = _Text(text="") if limits.shows == "body" else _short(draft, channel, limits, link)
    shown = draft.body if limits.shows == "body" else made.text
    size = len(shown.encode())
    return Variant(
        channel=channel,
        shows=limits.shows,
        title=draft.title,
        summary=plain(draft.summary),
        tags=draft.tags,
        body=draft.body if limits.shows == "body" else "",
        text=made.text,
        links=find_links(made.text),
        link=link,
        media=media,
        type=draft.type,
        language=draft.language,
        graphemes=graphemes.count(shown) if limits.shows == "body" else measure(shown, limits),
        max_graphemes=limits.max_graphemes,
        size_bytes=size,
        max_bytes=limits.max_bytes,
        notes=(*made.notes, *notes),
        problems=(*made.problems, *problems),
    )


def measure(text: str, limits: Limits) -> int:
    """Return how many characters `text` has as the channel counts them: some count every address alike."""
    if limits.url_graphemes is None:
        return graphemes.count(text)
    links = find_links(text)
    covered = sum(graphemes.count(text[one.start : one.end]) for one in links)
    return graphemes.count(text) - covered + limits.url_graphemes * len(links)


def find_links(text: str) -> tuple[TextLink, ...]:
    """Return the addresses in `text`; punctuation that ends a sentence, or closes a bracket, is no part of one."""
    found = []
    for match in _URL.finditer(text):
        url = match.group().rstrip(_TRAILING)
        while url.endswith(")") and url.count(")") > url.count("("):
            url = url[:-1].rstrip(_TRAILING)
        found.append(TextLink(start=match.start(), end=match.start() + len(url), url=url))
    return tuple(found)


def _media(pictures: Sequence[Picture], limits: Limits) -> tuple[tuple[Media, ...], list[str], list[str]]:
    media: list[Media] = []
    notes, problems = [], []
    for picture in pictures:
        name = picture.shown.name
        if picture.problem:
            problems.append(f"line {picture.shown.line}: {picture.problem}; {picture.fix}")
        elif limits.max_media_bytes is not None and picture.size_bytes > limits.max_media_bytes:
            allowed = f"{picture.size_bytes:,} bytes, allowed there: {limits.max_media_bytes:,}"
            problems.append(f"line {picture.shown.line}: {name} has {allowed}; make it smaller")
        elif limits.max_alt is not None and len(picture.shown.alt) > limits.max_alt:
            allowed = f"{len(picture.shown.alt):,} characters, allowed there: {limits.max_alt:,}"
            problems.append(f"line {picture.shown.line}: the words for {name} have {allowed}; say it shorter")
        elif len(media) == limits.max_media and limits.shows == "text":
            notes.append(f"{name} stays behind: {limits.max_media} pictures are allowed there")
        else:
            media.append(
                Media(
                    name=name,
                    path=str(picture.path),
                    alt=picture.shown.alt,
                    mime=picture.mime,
                    sha256=picture.sha256,
                    size_bytes=picture.size_bytes,
                )
            )
    return tuple(media), notes, problems


def _short(draft: Draft, channel: str, limits: Limits, link: str) -> _Text:
    own = draft.variants.get(channel)
    made = _own(own, link) if own is not None else _made(draft, limits, link)
    excess = _excess(made.text, limits)
    if excess:
        which = f"the text of `variants: {channel}`" if own is not None else "title and address alone"
        fix = "write it shorter: it is never cut" if own is not None else f"write `variants: {{{channel}: ...}}`"
        made = _Text(text=made.text, notes=made.notes, problems=(*made.problems, f"{which}: {excess}; {fix}"))
    if not made.text:
        made = _Text(text="", problems=(f"nothing to say there; write `variants: {{{channel}: ...}}`",))
    return made


def _own(own: str, link: str) -> _Text:
    """Return the author's own text with the address where it says {link}, else at its end; otherwise untouched."""
    text = clean(own)
    if _PLACE in text:
        problems = () if link else ("its text says {link}, and there is no address; name `link` in [channel.*]",)
        return _Text(text=text.replace(_PLACE, link).strip(), problems=problems)
    return _Text(text=f"{text}\n\n{link}" if link and link not in text else text)


def _made(draft: Draft, limits: Limits, link: str) -> _Text:
    """Return the whole piece if there is no other place to read it and it fits; else title, summary and address."""
    tags = [hashtag(tag) for tag in draft.tags]
    skipped = [f"tag {tag!r} makes no hashtag" for tag, made in zip(draft.tags, tags, strict=True) if not made]
    words = list(dict.fromkeys(f"#{tag}" for tag in tags if tag))
    whole = plain(draft.body)
    if not link and whole and not _excess(whole, limits):
        return _with_tags(whole, "", words, limits, skipped)
    summary = plain(draft.summary)
    if not link:
        skipped.append("only the beginning fits, and no address leads to the rest: name `link` in [channel.*]")
        summary = summary or whole
    lead, shortened = _lead(draft.title, summary, link, limits)
    return _with_tags(lead, link, words, limits, [*shortened, *skipped])


def _lead(title: str, summary: str, link: str, limits: Limits) -> tuple[str, list[str]]:
    """Return title and as much of the summary as fits before the address."""
    title = clean(title)
    if not summary:
        return title, []
    if not _excess(_joined(title, summary, link), limits):
        return _joined(title, summary, ""), []
    clusters = graphemes.graphemes(summary[:_MOST_SUMMARY])
    low, high = 0, len(clusters)
    # The longest beginning that fits, by halving: byte and character limits both grow with it.
    while low < high:
        middle = (low + high + 1) // 2
        candidate = "".join(clusters[:middle]) + _ELLIPSIS
        low, high = (low, middle - 1) if _excess(_joined(title, candidate, link), limits) else (middle, high)
    short = _at_a_word("".join(clusters[:low]))
    if graphemes.count(short) < _LEAST_SUMMARY:
        return title, ["the summary does not fit and was left out"]
    return _joined(title, short, ""), ["the summary was shortened"]


def _at_a_word(text: str) -> str:
    """Return `text` up to its last whole sentence if that keeps half of it, else up to its last word."""
    ends = [match.end() for match in _SENTENCE.finditer(text + " ")]
    if ends and ends[-1] * 2 >= len(text):
        return text[: ends[-1]]
    cut = text.rstrip().rpartition(" ")[0] or text
    return cut.rstrip(" ,;:–—-") + _ELLIPSIS


def _with_tags(lead: str, link: str, words: list[str], limits: Limits, notes: list[str]) -> _Text:
    """Return `lead`, as many hashtags as fit, and the address."""
    kept: list[str] = []
    for word in words:
        if word.casefold() in lead.casefold().split() or _excess(_joined(lead, " ".join([*kept, word]), link), limits):
            notes.append(f"{word} left out" if word.casefold() not in lead.casefold() else f"{word} is there already")
        else:
            kept.append(word)
    return _Text(text=_joined(lead, " ".join(kept), link), notes=tuple(notes))


def _joined(*parts: str) -> str:
    return "\n\n".join(part for part in parts if part)


def _excess(text: str, limits: Limits) -> str:
    """Say by how much `text` is too long; empty if it is not."""
    if limits.max_graphemes is not None and (found := measure(text, limits)) > limits.max_graphemes:
        return f"{found:,} characters, allowed: {limits.max_graphemes:,}"
    if limits.max_bytes is not None and (size := len(text.encode())) > limits.max_bytes:
        return f"{size:,} bytes, allowed: {limits.max_bytes:,}"
    return ""
