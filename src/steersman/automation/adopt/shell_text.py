"""Shell text by a real grammar: which words are literal, and what they are once quotes and known variables are read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tree_sitter import Node, Parser

_GLOB: Final = re.compile(r"(?<!\\)[*?\[{]")
_SPECIAL_IN_VALUE: Final = re.compile(r"[\s*?\[\]{}~$`\"'\\;&|<>()]")


@cache
def _parser() -> Parser:
    import tree_sitter_bash  # start-up time: only adoption and the audit read shell
    from tree_sitter import Language, Parser

    return Parser(Language(tree_sitter_bash.language()))


def parse(text: str) -> Node:
    """Return the syntax tree of shell `text`; `root.has_error` says that the grammar does not cover all of it."""
    return _parser().parse(text.encode()).root_node


def source(node: Node) -> str:
    """Return the text of `node`."""
    raw = node.text
    return "" if raw is None else raw.decode(errors="replace")


def literal(node: Node, known: Mapping[str, str]) -> str | None:
    """Return the one word that the shell makes of `node`, None if that cannot be known or may be several.

    Args:
        known: values of variables; `HOME` resolves a leading `~`.
    """
    kind = node.type
    if kind == "number":
        return source(node)
    if kind in ("word", "command_name", "variable_name"):
        return _word(node, known)
    if kind == "raw_string":
        return source(node)[1:-1]
    if kind == "string":
        return _double_quoted(node, known)
    if kind == "concatenation":
        parts = [literal(child, known) for child in node.children]
        return None if None in parts else "".join(p for p in parts if p is not None)
    if kind in ("simple_expansion", "expansion"):
        value = known.get(source(node).lstrip("$").strip("{}"))
        # Unquoted, a value with blanks or patterns becomes other words than it says.
        return None if value is None or _SPECIAL_IN_VALUE.search(value) else value
    return None


def _word(node: Node, known: Mapping[str, str]) -> str | None:
    if node.named_children:
        return literal(node.named_children[0], known) if len(node.named_children) == 1 else None
    text = source(node)
    if _GLOB.search(text):
        return None
    if text == "~" or text.startswith("~/"):
        home = known.get("HOME")
        return None if home is None else home + text[1:]
    return None if text.startswith("~") else re.sub(r"\\(.)", r"\1", text)


def _double_quoted(node: Node, known: Mapping[str, str]) -> str | None:
    text, at = "", node.start_byte + 1
    whole = node.text or b""

    def between(until: int) -> str:
        return whole[at - node.start_byte : until - node.start_byte].decode(errors="replace")

    for child in node.named_children:
        text += between(child.start_byte)
        at = child.end_byte
        if child.type == "string_content":
            text += re.sub(r"\\([\\$`\"])", r"\1", source(child))
        elif child.type in ("simple_expansion", "expansion"):
            value = known.get(source(child).lstrip("$").strip("{}"))
            if value is None:
                return None
            text += value
        else:
            return None
    return text + between(node.end_byte - 1)


def quote(text: str) -> str:
    """Return `text` as one word for a shell, in the quotes that need the fewest escapes.

    It means the same to `shlex.split`.
    """
    if text and re.fullmatch(r"[\w@%+=:,./-]+", text, re.ASCII):
        return text
    if "'" not in text:
        return f"'{text}'"
    if not re.search(r'[$`"\\!]', text):
        return f'"{text}"'
    return "'" + text.replace("'", "'\\''") + "'"


def join(words: Iterable[str]) -> str:
    """Return `words` as one command line."""
    return " ".join(quote(word) for word in words)
