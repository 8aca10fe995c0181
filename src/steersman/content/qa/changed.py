"""Which lines of the drafts git calls changed; the findings on the others are set aside."""

from __future__ import annotations

import codecs
import os
import re
import subprocess
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from steersman.content.model.finding import Finding
from steersman.content.qa.checker import Report
from steersman.content.qa.reporting import set_aside
from steersman.kernel.errors import Misconfigured, Unavailable

REASON: Final = "not on a changed line"
_HUNK: Final = re.compile(rb"@@ -\d+(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
_TIMEOUT_S: Final = 60
_PLACES: Final = ("GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE", "GIT_OBJECT_DIRECTORY")


class Changed(msgspec.Struct, frozen=True, kw_only=True):
    """Changed lines by draft; a draft that git does not track is new as a whole, one that is missing is unchanged.

    Attributes:
        lines: ranges of lines from 1, both ends included, as git counts lines (they end in LF).
        new: drafts of which every line counts.
    """

    lines: dict[str, tuple[tuple[int, int], ...]]
    new: frozenset[str]

    def touches(self, name: str, first: int, last: int) -> bool:
        """Say whether a changed line lies between `first` and `last`."""
        return name in self.new or any(a <= last and first <= b for a, b in self.lines.get(name, ()))

    def has(self, name: str) -> bool:
        return name in self.new or bool(self.lines.get(name))


def changed_lines(root: Path, names: Sequence[str], revision: str = "HEAD", *, staged: bool = False) -> Changed:
    """Ask git which lines of the drafts `names` differ from `revision`, in the work tree or in what is staged.

    Raises:
        Misconfigured: `root` is in no git repository, git is not there, or it does not know the revision.
    """
    need_work_tree(root)
    tracked = {_name(raw) for raw in git(root, "ls-files", "-z").split(b"\0")}
    known = git(
        root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}", accept=(0, 1, 128)
    )
    if not known.strip():
        if revision == "HEAD":
            return Changed(lines={}, new=frozenset(names))  # a repository without a commit
        raise Misconfigured(
            f"git knows no revision {revision!r}", fix="name a branch, a tag or a commit; git log shows them"
        )
    diff = git(
        root, "diff", *(["--cached"] if staged else []), "--unified=0", "--find-renames", "--no-color", "--no-ext-diff",
        "--no-textconv", "--text", "--relative", "--src-prefix=", "--dst-prefix=", known.decode().strip(), "--",
    )  # fmt: skip
    return Changed(lines=_parse(diff), new=frozenset(names) - tracked)


def only_changed(reports: Iterable[Report], changed: Changed, read: Callable[[str], str]) -> list[Report]:
    """Return the reports of drafts that changed, what stands on unchanged lines suppressed.

    Args:
        read: returns the text that was checked, by the name of its draft.
    """
    kept = []
    for report in reports:
        if not changed.has(report.draft):
            continue
        if report.outcome == "refused":
            kept.append(report)
            continue
        text = read(report.draft)

        def reason(one: Finding, text: str = text) -> str:
            # Lines as git counts them, which are not ours where a lone CR ends one.
            first = text.count("\n", 0, one.start) + 1
            last = first + text.count("\n", one.start, max(one.start, one.end - 1))
            return "" if changed.touches(one.doc, first, last) else REASON

        kept.append(set_aside(report, "unchanged", reason))
    return kept


def _parse(diff: bytes) -> dict[str, tuple[tuple[int, int], ...]]:
    lines: dict[str, list[tuple[int, int]]] = {}
    name: str | None = None
    left = 0
    for row in diff.split(b"\n"):
        hunk = _HUNK.match(row) if left <= 0 else None
        if hunk:
            removed, first, added = int(hunk[1] or 1), int(hunk[2]), int(hunk[3] or 1)
            left = removed + added
            if name is not None and added:
                lines.setdefault(name, []).append((first, first + added - 1))
        elif left > 0:
            # A line of the draft that begins like a header is still a line of the draft.
            left -= row[:1] in (b"+", b"-")
        elif row.startswith(b"+++ "):
            name = _unquoted(row[4:])
    return {name: tuple(ranges) for name, ranges in lines.items()}


def _unquoted(raw: bytes) -> str | None:
    raw = raw.removesuffix(b"\t")
    if raw == b"/dev/null":
        return None
    if raw.startswith(b'"') and raw.endswith(b'"'):
        raw = codecs.escape_decode(raw[1:-1])[0]  # C-style, as git quotes names
    return _name(raw)


def _name(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


def need_work_tree(root: Path) -> None:
    """Do nothing in a git work tree.

    Raises:
        Misconfigured: `root` is in none.
    """
    if git(root, "rev-parse", "--is-inside-work-tree", accept=(0, 128)).strip() != b"true":
        raise Misconfigured(f"{root} is in no git work tree: nothing to compare with", fix="git init, or check all")


def git(root: Path, *arguments: str, accept: tuple[int, ...] = (0,)) -> bytes:
    """Run git in `root` and return what it printed; nothing of the exit codes `accept` other than 0.

    Raises:
        Misconfigured: git is not installed, or says no.
        Unavailable: it did not end in a minute.
    """
    try:
        done = subprocess.run(
            ["git", "-c", "core.quotepath=off", *arguments],
            cwd=root,
            capture_output=True,
            check=False,
            timeout=_TIMEOUT_S,
            stdin=subprocess.DEVNULL,
            env=_environment(),
        )
    except FileNotFoundError as exc:
        raise Misconfigured("git is not installed, or not on PATH", fix="install git, or check without it") from exc
    except subprocess.TimeoutExpired as exc:
        raise Unavailable(f"git {arguments[0]} did not end in {_TIMEOUT_S} s", fix="try again") from exc
    if done.returncode not in accept:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise Misconfigured(f"git {arguments[0]}: {said[-1] if said else 'failed'}", fix="run it by hand to see more")
    return done.stdout if done.returncode == 0 else b""


def _environment() -> dict[str, str]:
    """Return the environment with git's own places made absolute: inside a hook they count from where git ran."""
    places = {name: str(Path(os.environ[name]).absolute()) for name in _PLACES if os.environ.get(name)}
    return {**os.environ, **places, "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
