"""A draft in parts that a reader with a limit can take at once; no paragraph is cut unless it alone is too long."""

from __future__ import annotations

import re
from typing import Final

from steersman.content.model.mask import Span

_GAP: Final = re.compile(r"\n[ \t]*\n\s*|\r\n[ \t]*\r\n\s*")
LONGEST: Final = 6000
"""Code points of one part: about 1,000 words. Longer ones make models overlook the middle."""


def chunks(text: str, start: int, *, longest: int = LONGEST) -> list[Span]:
    """Return the parts of `text[start:]` in order; together they hold every character that is not white space."""
    parts: list[Span] = []
    begin = start
    here = start
    for end in _ends(text, start, longest):
        if end - begin > longest and here > begin:
            parts.append(Span(begin, here))
            begin = here
        here = end
    parts.append(Span(begin, len(text)))
    return [part for part in parts if text[part.start : part.end].strip()]


def _ends(text: str, start: int, longest: int) -> list[int]:
    """Return where paragraphs end; one that is too long by itself also ends at a space now and then."""
    ends = []
    last = start
    for stop in [*(m.end() for m in _GAP.finditer(text, start)), len(text)]:
        while stop - last > longest:
            cut = text.rfind(" ", last + longest // 2, last + longest)
            last = cut + 1 if cut > 0 else last + longest
            ends.append(last)
        ends.append(stop)
        last = stop
    return ends
