"""Bytes to text: UTF-8 or a refusal that says what it is instead and how to convert it."""

from __future__ import annotations

from typing import Final

from steersman.content.model.unreadable import DraftUnreadable

# Byte order marks, UTF-32 first: its little-endian mark begins with that of UTF-16.
_MARKS: Final = (
    (b"\xff\xfe\0\0", "UTF-32"),
    (b"\0\0\xfe\xff", "UTF-32"),
    (b"\xff\xfe", "UTF-16"),
    (b"\xfe\xff", "UTF-16"),
)


def decode(raw: bytes, name: str) -> str:
    """Return the text of a draft.

    Raises:
        DraftUnreadable: not UTF-8, or not text.
    """
    for mark, encoding in _MARKS:
        if raw.startswith(mark):
            raise DraftUnreadable(name, f"it is {encoding} text, allowed: UTF-8", line=None, fix=_convert(encoding))
    zero = raw.find(0)
    if zero >= 0:
        raise _not_text(raw, name, zero)
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as exc:
        raise _not_utf8(raw, name, exc.start) from exc


def _convert(encoding: str) -> str:
    return f"save it as UTF-8 in your editor, or: iconv -f {encoding} -t UTF-8 OLD > NEW"


def _not_text(raw: bytes, name: str, zero: int) -> DraftUnreadable:
    pairs = raw[: 2 * (len(raw[:4000]) // 2)][:4000]
    odd, even = pairs[1::2].count(0), pairs[::2].count(0)
    if pairs and max(odd, even) * 4 > len(pairs):
        encoding = "UTF-16LE" if odd > even else "UTF-16BE"
        return DraftUnreadable(
            name, f"it looks like {encoding} text, allowed: UTF-8", line=None, fix=_convert(encoding)
        )
    return DraftUnreadable(
        name,
        f"byte {zero} is NUL: not text, or a damaged file",
        line=raw[:zero].count(b"\n") + 1,
        fix="take it back from a copy, or delete that character",
    )


def _not_utf8(raw: bytes, name: str, at: int) -> DraftUnreadable:
    line = raw[:at].count(b"\n") + 1
    reason = f"byte {at} is not UTF-8: found 0x{raw[at]:02X}"
    try:
        # What most old files are; the character lets the author see whether it is.
        meant = raw[at : at + 1].decode("cp1252")
    except UnicodeDecodeError:
        return DraftUnreadable(name, reason, line=line, fix="save it as UTF-8")
    return DraftUnreadable(name, f"{reason}, in Windows-1252 {meant!r}", line=line, fix=_convert("WINDOWS-1252"))
