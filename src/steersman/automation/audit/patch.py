"""Edits put together into a unified diff. A diff that people see shows no secret; the patch file must hold them."""

from __future__ import annotations

import ast
import difflib
import re
import warnings
from collections.abc import Iterable, Sequence
from typing import Final

from steersman.automation.audit.facts import Change, Edit, Language, Secret
from steersman.automation.audit.secret_shapes import entropy, fingerprint, is_random
from steersman.automation.audit.shell_tree import Tree
from steersman.automation.audit.source import Source

_LINES: Final = re.compile(r"[^\n]*\n|[^\n]+")
_LONG: Final = re.compile(r"[A-Za-z0-9+=_-]{16,}")
_RANDOM: Final = 3.2
NOT_VALID: Final = "the edit would not leave a valid script"


def chosen(changes: Sequence[Change]) -> list[Change]:
    """Return the changes that can be made together: one that touches what an earlier one replaces is left out."""
    kept: list[Change] = []
    edits: list[Edit] = []
    for change in (part for whole in changes for part in whole.parts or (whole,)):
        if change.edits and not any(_clash(new, old) for new in change.edits for old in edits):
            kept.append(change)
            edits += change.edits
    return kept


def _clash(new: Edit, old: Edit) -> bool:
    if new.start == new.end or old.start == old.end:
        # Insertions side by side are fine; one inside what is replaced is not.
        return old.start < new.start < old.end or new.start < old.start < new.end
    return new.start < old.end and old.start < new.end


def apply(source: Source, language: Language, changes: Iterable[Change]) -> bytes | None:
    """Return the script after `changes`, None if that would not be a valid script."""
    made = list(changes)
    edits = [edit for change in made for edit in change.edits]
    imports = sorted({name for change in made for name in change.client})
    if imports and language == "python":
        edits.append(_import(source, imports))
    data, end = bytearray(), 0
    for edit in sorted(edits, key=lambda e: (e.start, e.end)):
        data += source.data[end : edit.start] + edit.new.encode()
        end = edit.end
    data += source.data[end:]
    after = bytes(data)
    return source.whole(after) if valid(source.file, language, after) else None


def valid(file: str, language: Language, data: bytes) -> bool:
    """Say whether `data` parses in its language."""
    if language == "python":
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # the script's own, from before
                ast.parse(data)
        except (SyntaxError, ValueError):
            return False
        return True
    return language == "env" or Tree(Source(file, data)).problem is None


def _import(source: Source, names: Sequence[str]) -> Edit:
    """Return the edit that imports `names`: below the imports at the top, else below the docstring."""
    body = ast.parse(source.data).body
    above = 0
    for place, node in enumerate(body):
        documents = place == 0 and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if not (documents or isinstance(node, ast.Import | ast.ImportFrom)):
            break
        above = source.next_line(source.offset(node.end_lineno or node.lineno, 0))
    if not above and body:
        above = source.offset(body[0].lineno, 0)
    line = f"from steersman.client import {', '.join(names)}{source.line_end}"
    torn = above and not source.data[:above].endswith((b"\n", b"\r"))
    return Edit(start=above, end=above, new=(source.line_end if torn else "") + line)


def diff(source: Source, after: bytes) -> str:
    """Return the unified diff from `source` to `after`, as `patch -p1` and `git apply` take it."""
    before = source.whole(source.data)
    old, new = (_LINES.findall(raw.decode("utf-8")) for raw in (before, after))
    lines = difflib.unified_diff(old, new, f"a/{source.file}", f"b/{source.file}", n=3)
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def veiled(text: str, secrets: Iterable[Secret]) -> str:
    """Return `text` with every secret replaced by its length and hash; longest first, for one may hold another."""
    for value in sorted({s.value for s in secrets}, key=len, reverse=True):
        text = text.replace(value, f"[{fingerprint(value)}]")
        for part in value.splitlines():
            if len(part) >= 16:
                text = text.replace(part, "[part of it]")
    return _LONG.sub(_veil_if_random, text)


def _veil_if_random(found: re.Match[str]) -> str:
    """Hide what looks random although no rule calls it a secret: lines around an edit may hold one that was missed."""
    word = found.group()
    return f"[{fingerprint(word)}]" if is_random(word) and entropy(word) >= _RANDOM else word
