"""The labelled scripts of tests/corpus/scripts, written out with made-up secrets; how well findings match labels."""

from __future__ import annotations

import hashlib
import re
import string
from collections.abc import Iterable
from pathlib import Path
from typing import Final, Literal

import msgspec

from steersman.kernel.errors import Unavailable

Set = Literal["dev", "held out", "blind", "blind again", "blind third", "hard"]
FOLDER: Final = Path(__file__).parents[3] / "tests" / "corpus" / "scripts"
BLIND: Final = FOLDER.with_name("blind")
AGAIN: Final = FOLDER.with_name("blind2")
THIRD: Final = FOLDER.with_name("blind3")
"""Scripts and labels by people who had not seen the audit; each measured once, and since then used for development."""
_OF_OTHERS: Final[dict[Set, Path]] = {"blind": BLIND, "blind again": AGAIN, "blind third": THIRD}
# How the third set marks what was planted; as it stands there it would be taken for a placeholder.
_FAKE: Final = re.compile(r"[\w./+=-]*(?i:fake)[\w./+=-]*")
_WHOLE: Final = 8
_PLANTED: Final = re.compile(r"@@([a-z0-9_]+):([a-z0-9-]+)@@")
_LETTERS: Final = string.ascii_letters + string.digits
_UPPER: Final = string.ascii_uppercase + string.digits
# Kind of secret -> what it begins with, its alphabet, how many characters follow.
_SHAPES: Final[dict[str, tuple[str, str, int]]] = {
    "password": ("", _LETTERS + "-_", 16),
    "hex32": ("", "0123456789abcdef", 32),
    "hex40": ("", "0123456789abcdef", 40),
    "base64_44": ("", _LETTERS + "+/", 44),
    "aws_id": ("AKIA", _UPPER, 16),
    "aws_secret": ("", _LETTERS + "+/", 40),
    "slack": ("xoxb-", _LETTERS, 40),
    "stripe": ("sk_live_", _LETTERS, 24),
    "openai": ("sk-", _LETTERS, 48),
}

Mark = tuple[str, int, str]
"""File (`desk/script`), line, code: a label or a finding."""


class Score(msgspec.Struct, frozen=True, kw_only=True):
    """Findings against labels; ratios are None where there is nothing to divide by."""

    right: int
    wrong: int
    missed: int

    @property
    def precision(self) -> float | None:
        return self.right / (self.right + self.wrong) if self.right + self.wrong else None

    @property
    def recall(self) -> float | None:
        return self.right / (self.right + self.missed) if self.right + self.missed else None


def planted(kind: str, label: str) -> str:
    """Return the made-up secret of a placeholder: of the shape `kind`, the same for the same label each time."""
    start, alphabet, count = _SHAPES[kind]
    digest = b"".join(hashlib.sha256(f"{kind}:{label}:{n}".encode()).digest() for n in range(1 + count // 32))
    return start + "".join(alphabet[byte % len(alphabet)] for byte in digest[:count])


def desks(which: Set | None = None) -> list[str]:
    """Return the desks of the corpus: of one set, or all.

    Raises:
        Unavailable: no corpus here: it is part of the source, not of the installed package.
    """
    if not FOLDER.is_dir():
        raise Unavailable("the labelled scripts are not here", fix="run it in a checkout of the source")
    names = sorted(path.name for folder in (FOLDER, *_OF_OTHERS.values()) for path in folder.iterdir() if path.is_dir())
    return [name for name in names if which is None or set_of(name) == which]


def set_of(desk: str) -> Set:
    """Return the set of a desk; held out if sha256 of its name is divisible by 3; `hard` was written to be missed."""
    if desk == "hard":
        return "hard"
    for name, folder in _OF_OTHERS.items():
        if (folder / desk).is_dir():
            return name
    return "held out" if int(hashlib.sha256(desk.encode()).hexdigest(), 16) % 3 == 0 else "dev"


def write_out(desk: str, folder: Path) -> list[str]:
    """Write the scripts of a desk into `folder`, secrets planted; return the secrets."""
    secrets: list[str] = []

    def plant(found: re.Match[str]) -> str:
        secrets.append(planted(found.group(1), found.group(2)))
        return secrets[-1]

    folder.mkdir(parents=True, exist_ok=True)

    def unmark(found: re.Match[str]) -> str:
        value = re.sub(r"(?<=\d)FAKE(?=\d)", "8312", found.group())
        value = re.sub(r"(?i)fake", "qvwz", value) if len(value) < _WHOLE else re.sub(r"(?i)fake", "q7Wz", value)
        if len(value) >= _WHOLE:
            secrets.append(value)
        return value

    home = _OF_OTHERS.get(set_of(desk), FOLDER) / desk
    for path in sorted(home.glob("*.txt")) + sorted(home.glob(".*.txt")):
        text = _FAKE.sub(unmark, _PLANTED.sub(plant, path.read_text(encoding="utf-8")))
        (folder / path.name.removesuffix(".txt")).write_text(text, encoding="utf-8")
    return secrets


def labels(names: Iterable[str]) -> set[Mark]:
    """Return the labels of the desks `names`."""
    chosen = set(names)
    tables = [(folder / "labels.tsv").read_text(encoding="utf-8") for folder in (FOLDER, *_OF_OTHERS.values())]
    rows = [row for table in tables for row in table.splitlines()[1:]]
    parts = [row.split("\t") for row in rows]
    return {(file, int(line), code) for file, line, code in parts if file.split("/")[0] in chosen}


def score(found: set[Mark], wanted: set[Mark], code: str | None = None) -> Score:
    """Compare findings with labels, of one code or of all."""
    ours = {mark for mark in found if code is None or mark[2] == code}
    theirs = {mark for mark in wanted if code is None or mark[2] == code}
    return Score(right=len(ours & theirs), wrong=len(ours - theirs), missed=len(theirs - ours))
