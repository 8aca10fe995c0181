"""Headings, links, images, statistics: rules about a place in the body."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from steersman.content.model.draft import Draft
from steersman.content.model.finding import Found
from steersman.content.model.spans import paragraphs, sentences
from steersman.content.qa.packs.front import miscased
from steersman.content.qa.packs.objection import found
from steersman.content.qa.packs.pack import Headings, Images, Links, Numbers

_IMAGE: Final = re.compile(r"!\[(?P<alt>[^\]\r\n]{1,1000})\](?=\(|\[)")
_SAYS_IMAGE: Final = re.compile(
    r"\s*(?:an?\s+|the\s+)?(?:image|picture|photo|photograph|graphic)\s+(?:of|showing)\b", re.IGNORECASE
)
_LINK: Final = re.compile(r"(?<!!)\[[^\[\]]{0,2000}\](?=\()")
_INSECURE: Final = re.compile(r"\]\(\s*<?(http://(?!localhost\b|127\.0\.0\.1|\[::1\])[^\s)>]+)")
_STATISTIC: Final = re.compile(
    r"""\d[\d.,]*\s?(?:%|percent\b|per\ cent\b|percentage\ points?\b|basis\ points?\b|bps\b)
      | \b\d+(?:\.\d+)?(?:x\b|\s?times\ (?:as|more|faster|higher|larger|better|cheaper)\b)
      | [$€£¥]\s?\d[\d.,]*\s?(?:thousand|million|billion|trillion|bn|mn|[mk])\b
      | \b\d[\d.,]*\s(?:million|billion|trillion)\b""",
    re.VERBOSE | re.IGNORECASE,
)
_NOBODY: Final = re.compile(
    r"\b(?:(?:many |most |some |recent )?(?:studies|research|experts|analysts|surveys|statistics)"
    r" (?:show|shows|say|says|suggest|suggests|agree|prove|proves|find|finds)|it is (?:well )?known that)\b",
    re.IGNORECASE,
)
_SOURCED: Final = re.compile(
    r"\]\(|\]\[|\[\^[^\]]+\]|<https?:|https?://|\baccording to\b|\bsource\s*:|\breported by\b|\bpublished by\b",
    re.IGNORECASE,
)
# What the author counted is the author's to say.
_OWN: Final = re.compile(r"\b(?:I|we|my|our|mine|ours|me|us)\b", re.IGNORECASE)


def check_headings(draft: Draft, rule: Headings) -> Iterator[Found]:
    """Yield headings that are too deep, written in the wrong case, alike, or end in a full stop."""
    masked, seen = draft.masked, set[str]()
    for token, inline in zip(masked.tokens, masked.tokens[1:], strict=False):
        if token.type != "heading_open" or token.map is None:
            continue
        start, end = masked.lines.span(*token.map)
        span = (start, start + len(masked.source[start:end].rstrip()))
        text = " ".join(inline.content.split())
        if int(token.tag[1:]) > rule.max_depth:
            yield found(span, "HeadingTooDeep", "structure", f"Level {token.tag[1:]}, {rule.max_depth} at most")
        if not rule.full_stop and text.endswith(".") and not text.endswith(".."):
            yield found(span, "HeadingFullStop", "style", "A heading does not end in a full stop")
        if rule.unique and text and text.casefold() in seen:
            yield found(span, "HeadingTwice", "structure", "This heading stands here before: links to it lead there")
        seen.add(text.casefold())
        wrong = miscased(masked.prose[start:end].lstrip("# "), rule.case)
        if wrong:
            yield found(span, "HeadingCase", "style", wrong)


def check_links(draft: Draft, rule: Links) -> Iterator[Found]:
    """Yield links without encryption, and a piece that is more links than text."""
    masked = draft.masked
    if rule.https:
        for match in _INSECURE.finditer(masked.source, draft.body_start):
            # The mask leaves the bracket of a real link, and blanks one inside code.
            if masked.prose[match.start()] == "]":
                yield found(match.span(1), "InsecureLink", "links", "Plain http: whoever is in between can change it")
    links = [match.span() for match in _LINK.finditer(masked.prose)]
    if rule.per_100_words and draft.words >= 100 and len(links) * 100 > rule.per_100_words * draft.words:
        message = f"{len(links)} links in {draft.words} words, {rule.per_100_words:g} per hundred at most"
        yield found(links[0], "TooManyLinks", "links", message)


def check_images(draft: Draft, rule: Images) -> Iterator[Found]:
    """Yield alternative texts of a wrong length, and those that say they are pictures."""
    for match in _IMAGE.finditer(draft.masked.prose):
        alt = " ".join(match["alt"].split())
        if not alt:
            continue  # a house rule of its own
        span = match.span("alt")
        if rule.max_alt and len(alt) > rule.max_alt:
            yield found(
                span, "AltTooLong", "accessibility", f"{len(alt)} characters, {rule.max_alt} at most: say it below"
            )
        elif len(alt) < rule.min_alt:
            yield found(span, "AltTooShort", "accessibility", f"{len(alt)} characters, {rule.min_alt} at least")
        if not rule.says_image and _SAYS_IMAGE.match(alt):
            yield found(
                span, "AltSaysImage", "accessibility", "A reader of it knows that it is an image: say what is on it"
            )


def check_numbers(draft: Draft, rule: Numbers) -> Iterator[Found]:
    """Yield statistics in paragraphs that name no source, and claims of nobody in particular."""
    if not rule.source:
        return
    masked = draft.masked
    named = re.compile("|".join(map(re.escape, rule.named)), re.IGNORECASE) if rule.named else None
    for start, end in paragraphs(draft):
        # The source: a link's address is blank in the prose, and it is just what is looked for.
        source = masked.source[start:end]
        if _SOURCED.search(source) or (named and named.search(source)):
            continue
        for begin, stop in sentences(masked.prose, start, end):
            if _OWN.search(masked.prose, begin, stop):
                continue
            for match in _STATISTIC.finditer(masked.prose, begin, stop):
                message = "A figure without a source: link it, name who counted it, or say that you did"
                yield found(match.span(), "NumberWithoutSource", "claims", message)
            for match in _NOBODY.finditer(masked.prose, begin, stop):
                yield found(match.span(), "ClaimOfNobody", "claims", "Who says so? Name or link one of them")
