"""One text, three readers: Python parses the DAG file, Jinja renders what it holds, bash runs what comes out.

Names of automations are tame by their grammar; paths and values are not, and `{{` in a path is a template to Airflow.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable

_TAME_IN_JINJA = re.compile(r"[A-Za-z0-9_./:@+=,' -]*")
_FILE_ENDINGS = (".sh", ".bash")
"""Airflow takes a template that ends so for the name of a file to read."""


def python_literal(text: str) -> str:
    """Return a Python string literal, ASCII only, whose value is `text`; in the quotes that need fewer escapes."""
    quote = "'" if text.count('"') > text.count("'") else '"'
    return quote + "".join(f"\\{c}" if c in (quote, "\\") else _printable(c) for c in text) + quote


def jinja_literal(text: str) -> str:
    """Return a Jinja template that renders to `text`, whatever is in it.

    Source: Jinja reads the escapes of a string literal as Python's `unicode-escape` does.
    """
    if _TAME_IN_JINJA.fullmatch(text) and not text.endswith(_FILE_ENDINGS):
        return text
    inner = "".join("\\\\" if c == "\\" else _code(c) if c in "{}%#'\"" else _printable(c) for c in text)
    return '{{ "' + inner + '" }}'


def shell_words(words: Iterable[str]) -> str:
    """Return a template that renders to `words` as bash reads them back."""
    return jinja_literal(shlex.join(words))


def _printable(c: str) -> str:
    return c if " " <= c <= "~" else _code(c)


def _code(c: str) -> str:
    return f"\\u{ord(c):04x}" if ord(c) <= 0xFFFF else f"\\U{ord(c):08x}"
