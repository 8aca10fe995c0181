"""The bytes of a script and the way between offsets and lines. Edits are made in bytes: nothing is reformatted."""

from __future__ import annotations

import bisect
import re

from steersman.automation.audit.model import Place

_LINE_END = re.compile(rb"\r\n|\r|\n")
_BOM = b"\xef\xbb\xbf"


class Source:
    """UTF-8 text of `file`; a byte order mark is kept aside and put back by `whole`."""

    def __init__(self, file: str, raw: bytes) -> None:
        self.file = file
        self.bom = raw[:3] if raw.startswith(_BOM) else b""
        self.data = raw[len(self.bom) :]
        self._starts = [0, *(m.end() for m in _LINE_END.finditer(self.data))]
        found = _LINE_END.search(self.data)
        self.line_end = found.group().decode() if found else "\n"

    @property
    def lines(self) -> int:
        return len(self._starts)

    def offset(self, line: int, column: int) -> int:
        """Return the byte offset of `line` (from 1) and `column` (from 0, in bytes): what `ast` gives."""
        return self._starts[line - 1] + column

    def place(self, offset: int) -> Place:
        line = bisect.bisect_right(self._starts, offset)
        return Place(file=self.file, line=line, column=offset - self._starts[line - 1] + 1)

    def text(self, start: int, end: int) -> str:
        return self.data[start:end].decode("utf-8", errors="replace")

    def line_start(self, offset: int) -> int:
        return self._starts[bisect.bisect_right(self._starts, offset) - 1]

    def next_line(self, offset: int) -> int:
        """Return where the line after the one of `offset` starts; the end of the file behind the last one."""
        number = bisect.bisect_right(self._starts, offset)
        return self._starts[number] if number < len(self._starts) else len(self.data)

    def indent(self, offset: int) -> str:
        """Return the white space that the line of `offset` starts with."""
        line = self.data[self.line_start(offset) : self.next_line(offset)]
        return line[: len(line) - len(line.lstrip(b" \t"))].decode()

    def whole(self, data: bytes) -> bytes:
        return self.bom + data
